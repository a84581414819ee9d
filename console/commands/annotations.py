"""yuelu annotations: what annotators answered, in units of the source, and as COCO."""

from pathlib import Path

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table


@click.group()
def annotations() -> None:
    """List and show what annotators answered."""


@annotations.command("list")
@click.argument("project")
@json_option
@click.pass_obj
def list_(settings: Settings, project: str, as_json: bool) -> None:
    """List the tasks of a project, and how many answers each has."""
    from yuelu.console.annotations import tasks_of

    found = tasks_of(settings, project)
    columns = ("task", "round", "state", "answers")
    print_json(found) if as_json else table("", columns, [list(each.values()) for each in found])


@annotations.command()
@click.argument("task")
@click.option("--every-frame", is_flag=True, help="Tell a video's boxes in every frame, not only at keyframes.")
@json_option
@click.pass_obj
def show(settings: Settings, task: str, every_frame: bool, as_json: bool) -> None:
    """Show the answers to a task: its regions, and where each lies in the source: pixels, millimetres, voxels, seconds."""
    from yuelu.console.annotations import answers_to

    found = answers_to(settings, task, every_frame=every_frame)
    if as_json:
        print_json(found)
        return
    rows = [
        (answer["annotator"], region["kind"], region.get("control", ""), _said(region), _place(region["source"]))
        for answer in found["answers"]
        for region in answer["regions"]
    ]
    table("", ("annotator", "kind", "control", "answer", "in the source"), rows, long=("answer", "in the source"))


def _said(region: dict[str, object]) -> str:
    names = ("label", "labels", "stars", "value", "moment", "texts", "paths", "preferred", "buckets", "direction")
    found = (region[name] for name in names if name in region)
    return "; ".join(", ".join(map(str, each)) if isinstance(each, list | tuple) else str(each) for each in found if each != [])


def _place(source: dict[str, object] | None) -> str:
    names = ("points_mm", "points_px", "centre_mm", "area_mm2", "start_s", "end_s", "boxes", "sop_uid")
    return "" if source is None else "; ".join(f"{name} {_short(source[name])}" for name in names if name in source)


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"{len(value)} boxes" if value and isinstance(value[0], dict) else f"({' '.join(map(_short, value))})"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


@annotations.command()
@click.argument("project")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Write to this file.")
@json_option
@click.pass_obj
def coco(settings: Settings, project: str, out: Path, as_json: bool) -> None:
    """Write the answers to a project of pictures as COCO: one image each, every annotator's shapes in pixels."""
    import json

    from yuelu.console.annotations import coco_of

    made = coco_of(settings, project)
    out.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    facts = {"file": str(out), **{name: len(made[name]) for name in ("images", "annotations", "categories")}, **made["info"]}
    print_json(facts) if as_json else click.echo(", ".join(f"{name} {value}" for name, value in facts.items()))
