"""What binds a release as a whole because of what went into it: the grade."""

from collections.abc import Iterable

from yuelu.base.errors import Misconfigured

# GB/T 43697-2024: general, important and core data; appendix H names four levels of general data, the first is public.
GRADES = ("public", "general-1", "general-2", "general-3", "general-4", "general", "important", "core")
_CHINESE = {"一般": "general", "重要": "important", "核心": "core"}


def grade_of(sources: Iterable[str]) -> str:
    """Return the highest grade among `sources` (就高从严: the strictest one holds for the whole).

    A grade of an owner's own scale stands when all sources have it.

    Raises Misconfigured: different grades of which one is not known, or no source at all.
    """
    grades = [_CHINESE.get(grade, grade) for grade in sources]
    if len(set(grades)) == 1:
        return grades[0]
    if unknown := sorted(set(grades) - set(GRADES)):
        raise Misconfigured(
            f"grades {unknown} cannot be compared with others", f"grade collections as one of {', '.join(GRADES)}"
        )
    if not grades:
        raise Misconfigured("no source, so no grade", "publish at least one project")
    return max(grades, key=GRADES.index)
