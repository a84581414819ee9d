"""What the shipped votes say again of what was concluded from them: counts, shares, agreement, and the gate.

Written from the definitions and not with the code that made the numbers, which is in another room: a release is checked by
somebody who has this room alone. What a release does not show whole (a batch of which some tasks went out) is counted as not
shown, and is no problem.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from yuelu.datasets.release import Release
from yuelu.datasets.tables import Row

MAJORITY = "majority"  # what a manifest says of a consensus that counts votes
_CLOSE = 1e-9
Votes = Mapping[str, Counter[str]]  # control -> label -> votes


@dataclass(slots=True)
class Recomputed:
    """How many items and scores were worked out again, how many scores the release does not show, and what is wrong."""

    items: int = 0
    scores: int = 0
    not_shown: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)  # file, what is wrong


def recompute(release: Release) -> Recomputed:
    """Return what the votes of a release say again. Its files and its chain of evidence have been checked before."""
    found = Recomputed()
    label = {table: release.source.label(release.parts(table)[0].file) for table in ("items", "annotations")}
    units: dict[tuple[str, int, str], list[Counter[str]]] = {}
    answers = _by_item(release.rows("annotations", checked=True))
    decided: Counter[str] = Counter()
    quality = release.manifest.document["quality"]
    shares = quality.get("consensus") == MAJORITY
    for item in release.rows("items", checked=True):
        given = answers.get(str(item["id"]), [])
        found.items += 1
        found.problems += [
            (label["items"], f"item {item['id']}: {problem}") for problem in item_problems(item, given, shares=shares)
        ]
        decided[str(item["decision"])] += 1
        for number in {row["round"] for row in given}:
            for control, votes in _votes([row for row in given if row["round"] == number]).items():
                units.setdefault((item["project"], number, control), []).append(votes)
    for score in quality.get("scores", ()):
        _score(found, score, quality["scores"], units)
    found.problems += [("manifest.json", problem) for problem in gate_problems(quality.get("gates", ()), decided)]
    return found


def _by_item(rows: Iterator[Row]) -> dict[str, list[Row]]:
    """Return of each answer what is asked here, by its item."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["item"], []).append({"round": row["round"], "choices": row["choices"]})
    return found


def _votes(answers: Sequence[Row]) -> dict[str, Counter[str]]:
    votes: dict[str, Counter[str]] = {}
    for row in answers:
        for choice in row["choices"]:
            if choice["region"] is None:
                votes.setdefault(choice["control"], Counter())["+".join(sorted(choice["labels"]))] += 1
    return votes


def item_problems(item: Row, answers: Sequence[Row], *, shares: bool) -> Iterator[str]:
    """Yield where an item says something else than its answers: `answers` are rows of the annotations table.

    `shares`: the consensus was taken by majority, so a choice's probability is the share of its votes.
    """
    judged = [row for row in answers if row["round"] == item["round"]]
    if item["answers"] != len(judged):
        yield f"it counts {item['answers']} answers, and {len(judged)} are shipped"
        return
    votes = _votes(judged)
    for choice in item["choices"]:
        if shares and choice["region"] is None and choice["probability"] is not None and choice["control"] in votes:
            counted = votes[choice["control"]]
            share = counted["+".join(sorted(choice["labels"]))] / counted.total()
            if not math.isclose(share, choice["probability"], abs_tol=_CLOSE):
                yield f"{choice['control']} says {choice['probability']:.4f}, and the votes {share:.4f}"


def _score(
    found: Recomputed,
    score: Mapping[str, Any],
    scores: Sequence[Mapping[str, Any]],
    units: Mapping[tuple[str, int, str], list[Counter[str]]],
) -> None:
    again = METRICS.get(score["metric"])
    if again is None or score["value"] is None:
        return
    place = (score["project"], score["round"], score["control"])
    batches = {each["batch"] for each in scores if (each["project"], each["round"], each["control"]) == place}
    pairable = [votes for votes in units.get(place, ()) if votes.total() >= 2]
    if len(batches) > 1 or len(pairable) != score["tasks"]:
        found.not_shown += 1
        return
    found.scores += 1
    value = again(pairable)
    if value is None or not math.isclose(value, score["value"], abs_tol=1e-6):
        said = "nothing" if value is None else f"{value:.6f}"
        problem = f"{score['metric']} of {score['control']} is said to be {score['value']:.6f}, and the votes say {said}"
        found.problems.append(("manifest.json", problem))


def percent_agreement(units: Sequence[Counter[str]]) -> float | None:
    """Return the share of agreeing pairs of votes, averaged over units; None without a unit.

    Source: J. L. Fleiss (1971), Measuring nominal scale agreement among many raters, equation 3.
    """
    shares = [sum(n * (n - 1) for n in votes.values()) / (votes.total() * (votes.total() - 1)) for votes in units]
    return sum(shares) / len(shares) if shares else None


def krippendorff_alpha(units: Sequence[Counter[str]]) -> float | None:
    """Return nominal alpha; None when fewer than two labels were used: chance cannot disagree.

    Source: K. Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C.
    """
    totals = sum(units, Counter[str]())
    n = totals.total()
    chance = n * n - sum(count * count for count in totals.values())
    clashes = sum((u.total() ** 2 - sum(count * count for count in u.values())) / (u.total() - 1) for u in units)
    return 1 - (n - 1) * clashes / chance if chance else None


METRICS = {"percent_agreement": percent_agreement, "krippendorff_alpha": krippendorff_alpha}


def gate_problems(gates: Sequence[Mapping[str, Any]], decided: Mapping[str, int]) -> Iterator[str]:
    """Yield where the gates of a manifest let out what they must not, or count fewer decisions than items bear.

    The rule of every gate: a batch goes out when its last decision accepts it, or when somebody waives that with a reason.
    """
    if not gates:
        return
    for gate in gates:
        held = sum(count for outcome, count in gate["batches"].items() if outcome != "accept")
        named = [waiver for waiver in gate["waivers"] if waiver["owner"].strip() and waiver["reason"].strip()]
        if held > len(named):
            yield f"gate {gate['policy']} did not accept {held} batches, and {len(named)} are waived by name"
    for outcome, count in decided.items():
        counted = sum(gate["tasks"].get(outcome, 0) for gate in gates)
        if outcome != "None" and any(gate["tasks"] for gate in gates) and counted < count:
            yield f"{count} items were decided {outcome!r}, and the gates count {counted}"
