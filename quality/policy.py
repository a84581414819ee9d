"""Gate policies: files that say which agreement is enough, and what happens when it is not."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from yuelu.base.canonical import canonical, sha256
from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.quality.kinds.names import TYPED_BATCH_METRICS, TYPED_TASK_METRICS

Failure: TypeAlias = Literal["rework", "review", "reject"]
Next: TypeAlias = Literal["overlap", "review", "rework", "reject"]  # what a batch needs that does not pass, the mildest first

_SHAPES = ("f1@0.50", "f1_any_label@0.50", "mean_iou")
# What a task of each kind of control is scored by.
TASK_METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"choice": ("percent_agreement",), "box": _SHAPES, "segment": (*_SHAPES, "boundary_s"), **TYPED_TASK_METRICS}
)
# What a batch is scored by: chance can be corrected over many tasks, not in one.
_CORRECTED = ("krippendorff_alpha", "cohen_kappa", "scott_pi", "fleiss_kappa", "gwet_ac1")
BATCH_METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {**TASK_METRICS, "choice": (*TASK_METRICS["choice"], *_CORRECTED), **TYPED_BATCH_METRICS}
)

# What a gate can ask of a batch beside its scores, and what the number is.
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "completeness": "share of the batch's subjects whose last task is accepted",
        "gold_accuracy": "share of answers to gold tasks that pass the policy's task rules beside the gold answer",
        "review_coverage": "share of the batch's tasks that a second person looked at",
        "label_agreement": "agreement on one label alone, of every label, or of the one that is named",
        "label_share": "share of the answers' labels, of every label, or of the one that is named",
        "duplicates": "share of the batch's items that are near-duplicates of another item of the batch",
        "leakage": "number of sets of near-duplicates that published splits have torn apart",
        "deidentified": "share of the items that are labelled as a de-identified copy, or are no DICOM",
        "face_risk": "number of items from which a face could be rendered, or of which that is not known",
        "lots_accepted": "share of the accepted work that lies in accepted lots",
    }
)
_OF_LABELS = ("label_agreement", "label_share")


@dataclass(frozen=True, slots=True)
class Check:
    """A threshold for one fact of a batch (see `CHECKS`), and what the batch needs when it fails.

    Just one of `at_least` and `at_most` is set; `control` and `label` narrow what is said of labels.
    """

    check: str
    control: str | None = None
    label: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    on_failure: Next = "review"

    @property
    def text(self) -> str:
        """The check as people read it."""
        where = " ".join(part for part in (self.control, self.label) if part)
        what = f"{where}: {self.check}" if where else self.check
        return f"{what} >= {self.at_least}" if self.at_most is None else f"{what} <= {self.at_most}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A threshold for one metric of one control, or of every control that has it when `control` is None.

    Just one of `at_least` and `at_most` is set; `at_most` is for what is better when smaller, such as boundary_s.
    """

    metric: str
    control: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    on_failure: Next = "review"  # of a batch; a task goes by the policy's own list

    @property
    def text(self) -> str:
        """The rule as people read it."""
        where = f"{self.control}: " if self.control else ""
        return f"{where}{self.metric} >= {self.at_least}" if self.at_most is None else f"{where}{self.metric} <= {self.at_most}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a gate goes by. `digest` is of the parsed content, so comments and layout do not change it."""

    name: str
    version: str
    minimum_answers: int
    empty: Literal["accept", "fail"]
    task: tuple[Rule, ...]
    on_failure: tuple[Failure, ...]
    batch: tuple[Rule, ...]
    content: bytes  # canonical JSON: `load_policy` reads it back to the same policy
    digest: str
    checks: tuple[Check, ...] = ()
    overlap_to: int | None = None  # a task that does not pass with fewer answers is first answered by one more annotator

    def failure(self, round: int) -> Failure:
        """Return what happens to a task that does not pass in `round` (from 1)."""
        return self.on_failure[min(max(round, 1), len(self.on_failure)) - 1]


def load_policy(data: bytes, name: str) -> Policy:
    """Return the policy in `data` (YAML, or JSON); `name` is what messages call it.

    Raises Misconfigured: no YAML, a key twice, a missing or unknown key, a value that is not allowed, a metric that is
    not computed.
    """
    content = _parsed(data, name)
    error = best_match(_VALIDATOR.iter_errors(content))
    if error is not None:
        where = ".".join(str(step) for step in error.absolute_path) or "the policy"
        raise Misconfigured(f"policy {name}: {where}: {error.message}", _allowed(error.schema))
    rules: dict[str, Any] = {kind: tuple(Rule(**rule) for rule in content[kind]) for kind in ("task", "batch")}
    rules["checks"] = tuple(Check(**check) for check in content.get("checks", ()))
    try:
        text = canonical(content)
    except InvalidRecord as problem:
        raise Misconfigured(f"policy {name}: {problem.problem}", "thresholds are finite numbers") from None
    _check_metrics(name, "task", rules["task"], TASK_METRICS)
    _check_metrics(name, "batch", rules["batch"], BATCH_METRICS)
    _check_labels(name, rules["checks"])
    return Policy(**{**content, **rules, "on_failure": tuple(content["on_failure"]), "content": text, "digest": sha256(text)})


def default_policy() -> Policy:
    """Return the policy that applies unless a project names its own."""
    return load_policy(files(_FOLDER).joinpath("default.yaml").read_bytes(), "default.yaml")


def _check_metrics(name: str, kind: str, rules: tuple[Rule, ...], metrics: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse a rule for a metric that nothing computes, such as a misspelt one: it would never be read."""
    known = dict.fromkeys(metric for names in metrics.values() for metric in names)
    for place, rule in enumerate(rules):
        if rule.metric not in known:
            raise Misconfigured(
                f"policy {name}: {kind}.{place}: no metric {rule.metric!r} is computed for a {kind}", f"known: {', '.join(known)}"
            )


def _check_labels(name: str, checks: tuple[Check, ...]) -> None:
    for place, check in enumerate(checks):
        if (check.control or check.label) and check.check not in _OF_LABELS:
            raise Misconfigured(
                f"policy {name}: checks.{place}: {check.check} is about the whole batch", "leave out control and label"
            )
        if check.label and not check.control:
            raise Misconfigured(f"policy {name}: checks.{place}: label {check.label!r} of no control", "name the control, too")


class _Loader(yaml.SafeLoader):
    """YAML without keys given twice, of which PyYAML would take the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _parsed(data: bytes, name: str) -> Any:
    try:
        return yaml.load(data, _Loader)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise Misconfigured(f"policy {name} is not YAML: {error}", "see quality/policies/default.yaml") from None


def _allowed(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "see quality/policies/default.yaml"
    if "enum" in schema:
        return f"allowed: {', '.join(schema['enum'])}"
    if "properties" in schema:
        return f"allowed keys: {', '.join(schema['properties'])}; a rule has either at_least or at_most"
    return "expected: " + ", ".join(f"{key} {value}" for key, value in schema.items() if key != "$ref")


_FOLDER = "yuelu.quality.policies"
_VALIDATOR = Draft202012Validator(json.loads(files(_FOLDER).joinpath("policy.schema.json").read_text()))
