"""The dataset card: what a person reads first about a release, as Markdown and as one page of HTML with plots."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape
from typing import Any

from yuelu.datasets.passport.facts import Facts, last_scores
from yuelu.datasets.passport.plots import bars, curve, intervals
from yuelu.datasets.passport.words import say

Say = Callable[..., str]
Section = tuple[str, list[tuple[str, str]]]
_MOST = 20  # labels of one control in a card


def sections(facts: Facts, language: str) -> list[Section]:
    """Return the card as sections of pairs: what, and what is said of it."""
    t, document = partial(say, language), facts.document
    identity, governance = document["identity"], document["governance"]
    splits = ", ".join(f"{split} {part['items']}" for split, part in document["splits"]["parts"].items())
    changes = document.get("changes", {})
    about = [
        (t("items"), f"{facts.items} ({splits})"),
        (t("media files"), f"{document['content']['media']['files']} ({document['content']['media']['bytes']} B)"),
        (t("answers"), t("{answers} by {annotators} annotators", answers=facts.answers, annotators=facts.annotators)),
        (t("days"), f"{facts.first_day} – {facts.last_day}" if facts.first_day else "-"),
        (t("corrected by a curator"), str(facts.corrected)),
        (t("changes"), f"+{changes.get('added', 0)} -{changes.get('removed', 0)} ~{changes.get('changed', 0)}"),
        (t("publisher"), f"{identity['publisher']['name'] or '-'} ({identity['publisher']['key_id']})"),
    ]
    rights = [(t("grade"), governance["grade"]), (t("terms"), facts.terms)]
    rights += [(f"{t('source')} {each['collection']}", _source(t, each)) for each in document["sources"]]
    return [
        (t("What it is"), about),
        (t("Rights and sources"), rights),
        (t("How it was labelled"), [_project(t, each) for each in document["labelling"]["projects"]]),
        (t("Agreement"), [_score(t, each) for each in last_scores(document)]),
        (t("Gates"), [_gate(t, each) for each in document["quality"].get("gates", ())]),
        (t("Known issues"), [("", str(each)) for each in document["quality"].get("known_issues", ())]),
    ]


def _source(t: Say, source: dict[str, Any]) -> str:
    facts = (source.get("owner"), source.get("legal_basis"), source["grade"], source["terms"])
    return "; ".join(str(each) for each in facts if each)


def _project(t: Say, project: dict[str, Any]) -> tuple[str, str]:
    asked = f"{project['label_config']['name']} {project['label_config']['version']}"
    told = t("{overlap} answers per item; configuration {asked}", overlap=project["overlap"], asked=asked)
    tools = ", ".join(f"{tool['name']} {tool['version']}" for tool in project.get("tools", ()))
    return project["name"], f"{told}; {tools}" if tools else told


def _score(t: Say, score: dict[str, Any]) -> tuple[str, str]:
    if score["value"] is None:
        told = f"{t('undefined')}: {score['reason']}"
    else:
        interval = f" [{score['low']:.3f}, {score['high']:.3f}]" if score.get("low") is not None else ""
        told = f"{score['value']:.3f}{interval}"
    return f"{score['project']} · {score['control']} · {score['metric']}", f"{told} ({t('{tasks} tasks', tasks=score['tasks'])})"


def _gate(t: Say, gate: dict[str, Any]) -> tuple[str, str]:
    kinds = ((t("batches"), gate["batches"]), (t("tasks"), gate["tasks"]))
    told = "; ".join(
        f"{kind}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) for kind, counts in kinds
    )
    waived = "".join(f"; {t('waived by')} {each['owner']}: {each['reason']}" for each in gate["waivers"])
    return f"{gate['policy']} ({gate['digest'][:12]})", told + waived


def card_markdown(facts: Facts, language: str = "en") -> str:
    """Return the card as Markdown."""
    t = partial(say, language)
    lines = [f"# {facts.title}", ""]
    for title, pairs in sections(facts, language):
        if pairs:
            lines += [f"## {title}", "", *(f"- {_bold(name)}{_plain(value)}" for name, value in pairs), ""]
    lines += [f"## {t('Labels')}", ""]
    for control, counts in facts.labels.items():
        lines += [f"| {_plain(control)} | {t('items')} |", "|---|---|"]
        lines += [f"| {_plain(label)} | {count} |" for label, count in _most(counts, t)] + [""]
    return "\n".join(lines)


def _bold(name: str) -> str:
    return f"**{_plain(name)}**: " if name else ""


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is: names come from outside."""
    return "".join(f"\\{each}" if each in "\\`*_[]<>|#" else each for each in " ".join(text.split()))


def _most(counts: Any, t: Say) -> Iterator[tuple[str, int]]:
    listed = list(counts.items())
    yield from listed[:_MOST]
    if rest := listed[_MOST:]:
        yield t("{count} others", count=len(rest)), sum(count for _, count in rest)


def card_html(facts: Facts, language: str = "en") -> str:
    """Return the card as one page that needs no network and runs no script."""
    t = partial(say, language)
    parts = [f"<h1>{escape(facts.title)}</h1>"]
    told = sections(facts, language)
    parts += [_section_html(title, pairs) for title, pairs in told[:3] if pairs]
    parts.append(f"<h2>{escape(t('Labels'))}</h2>")
    for control, counts in facts.labels.items():
        parts.append(f"<figure><figcaption>{escape(control)}</figcaption>{bars(list(_most(counts, t)))}</figure>")
    last = last_scores(facts.document)
    scores = [each for each in last if each["value"] is not None]
    if scores:
        parts.append(f"<h2>{escape(t('Agreement'))}</h2><figure>{intervals(_rows(scores))}</figure>")
    undefined = [pair for pair, each in zip(told[3][1], last, strict=True) if each["value"] is None]
    parts += [_section_html("", undefined)] if undefined else []
    parts.append(f"<h2>{escape(t('Reliability of probabilities'))}</h2>{_reliability(facts, t)}")
    parts += [_section_html(title, pairs) for title, pairs in told[4:] if pairs]
    if facts.samples:
        pictures = "".join(f'<img alt="" src="{escape(each)}">' for each in facts.samples)
        parts.append(f'<h2>{escape(t("Samples"))}</h2><div class="samples">{pictures}</div>')
    return _PAGE.format(language=language, title=escape(facts.title), body="\n".join(parts))


def _rows(scores: Sequence[dict[str, Any]]) -> list[tuple[str, float, float | None, float | None]]:
    return [(f"{each['control']} · {each['metric']}", each["value"], each.get("low"), each.get("high")) for each in scores]


def _reliability(facts: Facts, t: Say) -> str:
    bins = facts.document["quality"].get("reliability", {}).get("bins", ())
    if not bins:
        return f"<p>{escape(t('not measured: the release has no gold answers to measure them by'))}</p>"
    return f"<figure>{curve([(each['said'], each['right']) for each in bins])}</figure>"


def _section_html(title: str, pairs: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in pairs)
    return (f"<h2>{escape(title)}</h2>" if title else "") + f"<table>{rows}</table>"


_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em; color: #222 }}
h1 {{ font-size: 1.6em }} h2 {{ font-size: 1.15em; margin: 1.6em 0 .4em; border-bottom: 1px solid #ddd }}
th {{ text-align: left; font-weight: 500; padding-right: 1.2em; vertical-align: top; color: #555; min-width: 9em }}
td {{ overflow-wrap: anywhere }} figure {{ margin: .6em 0 }} figcaption {{ color: #555 }}
svg {{ width: 100%; font-size: 12px }} .bar {{ fill: #3f6fb5 }} .dot {{ fill: #3f6fb5 }}
.whisker, .curve {{ stroke: #3f6fb5; stroke-width: 2; fill: none }} .grid, .ideal {{ stroke: #ddd }}
.samples {{ display: flex; flex-wrap: wrap; gap: 8px }} .samples img {{ height: 130px; max-width: 100% }}
</style></head><body>
{body}
</body></html>
"""
