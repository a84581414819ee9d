"""What a policy makes of scores: pure, so that any policy can be replayed on any past batch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from yuelu.quality.facts import Fact
from yuelu.quality.policy import BATCH_METRICS, TASK_METRICS, Check, Policy, Rule
from yuelu.quality.score import Score

Outcome: TypeAlias = Literal["accept", "overlap", "rework", "review", "reject"]
Scores: TypeAlias = Mapping[str, tuple[Score, ...]]  # of each control of the label configuration


@dataclass(frozen=True, slots=True)
class Evidence:
    """One rule that was read: what was measured and what it was held against.

    `bound` is what was compared with `threshold`: the value of a task, the lower (or, for at_most, upper) bound of a batch.
    None never passes; `reason` then says why there is none, or why it counts as passed all the same. `control` is "" where
    no control has the score.
    """

    rule: str
    control: str
    metric: str
    value: float | None
    bound: float | None
    threshold: float
    passed: bool
    reason: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is concluded, by which rule (the first that failed, or all of them), and everything that was read for it."""

    outcome: Outcome
    rule: str
    evidence: tuple[Evidence, ...]

    @property
    def accepted(self) -> bool:
        """Whether the work passed."""
        return self.outcome == "accept"

    def evidence_json(self) -> dict[str, Any]:
        """Return the evidence as the ledger keeps it."""
        return {"rules": [entry.to_json() for entry in self.evidence]}


ALL_RULES = "all rules passed"
NO_RULE = "no rule of the policy reads any score"
_GRAVER: tuple[Outcome, ...] = ("accept", "overlap", "review", "rework", "reject")
_NOT_ASKED = "the rule does not apply: no control is of a kind that has this score"


def decide_task(policy: Policy, round: int, answers: int, scores: Scores) -> Verdict:
    """Return what becomes of a task with that many `answers`, judged by the values of its own scores.

    On failure the policy says what happens in that `round` (from 1): as long as there are fewer answers than its `overlap_to`,
    one more annotator is asked. A metric that is undefined because nobody drew
    anything passes when the policy has `empty: accept`; undefined for any other reason fails.
    """
    evidence = (_answers(policy, answers), *_read(policy, policy.task, scores, of_batch=False))
    verdict = _verdict(evidence, policy.failure(round))
    more = policy.overlap_to is not None and answers < policy.overlap_to
    return replace(verdict, outcome="overlap") if more and not verdict.accepted and verdict.rule != NO_RULE else verdict


def decide_batch(policy: Policy, scores: Scores, facts: Sequence[Fact] = ()) -> Verdict:
    """Return whether the batch is good enough, judged by the bounds of its intervals: "accept", or what it needs.

    What several failed rules ask for is the gravest: reject, rework, review, overlap (more answers). A check of the policy
    about which there is no fact fails.
    """
    evidence: list[Evidence] = []
    needs: list[tuple[Outcome, str]] = []
    for rule in policy.batch:
        read = _read(policy, (rule,), scores, of_batch=True)
        evidence += read
        needs += [(rule.on_failure, entry.rule) for entry in read if not entry.passed]
    for check in policy.checks:
        told = _checked(check, facts)
        evidence += told
        needs += [(check.on_failure, entry.rule) for entry in told if not entry.passed]
    if needs:
        outcome, rule_text = max(needs, key=lambda need: _GRAVER.index(need[0]))
        return Verdict(outcome, rule_text, tuple(evidence))
    return _verdict(tuple(evidence), "review")


def _checked(check: Check, facts: Sequence[Fact]) -> list[Evidence]:
    """Return what the check reads: a piece of evidence for each fact it is about, or one that there is none."""
    meant = [
        fact
        for fact in facts
        if fact.check == check.check and check.control in (None, fact.control) and check.label in (None, fact.label)
    ]
    threshold = _limit(check)
    if not meant:
        return [Evidence(check.text, "", check.check, None, None, threshold, False, "nothing is known of it")]
    found = []
    for fact in meant:
        bound = fact.low if check.at_most is None else fact.high
        text = Check(check.check, fact.control, fact.label, check.at_least, check.at_most).text
        found.append(Evidence(text, "", check.check, fact.value, bound, threshold, _holds(check, bound), fact.reason))
    return found


def _verdict(evidence: tuple[Evidence, ...], failure: Outcome) -> Verdict:
    failed = [entry.rule for entry in evidence if not entry.passed]
    if failed:
        return Verdict(failure, failed[0], evidence)
    if not any(entry.control for entry in evidence):
        return Verdict(failure, NO_RULE, evidence)
    return Verdict("accept", ALL_RULES, evidence)


def _answers(policy: Policy, answers: int) -> Evidence:
    least = policy.minimum_answers
    return Evidence(f"answers >= {least}", "", "answers", answers, answers, least, answers >= least, None)


def _read(policy: Policy, rules: tuple[Rule, ...], scores: Scores, *, of_batch: bool) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    for rule in rules:
        if rule.control is None and _not_asked(rule.metric, scores, of_batch=of_batch):
            found.append(Evidence(rule.text, "", rule.metric, None, None, _limit(rule), True, _NOT_ASKED))
        else:
            read = _scores_of(rule, scores)
            found += [_evidence(policy, rule, control, score, of_batch=of_batch) for control, score in read]
    return tuple(found)


def _not_asked(metric: str, scores: Scores, *, of_batch: bool) -> bool:
    """Say whether every control is of a kind that is never scored by the metric, as choices are not by F1.

    A control whose kind cannot be told from its scores might have had it.
    """
    kinds = sorted((BATCH_METRICS if of_batch else TASK_METRICS).values(), key=len)
    for found in scores.values():
        names = {score.metric.partition("[")[0] for score in found}  # of single labels: krippendorff_alpha[nodule]
        kind = next((kind for kind in kinds if names <= set(kind)), ())
        if not names or not kind or metric in kind:
            return False
    return True


def _scores_of(rule: Rule, scores: Scores) -> list[tuple[str, Score | None]]:
    """Return what the rule reads, by control. Where no control, or not the one that it names, has such a score: None."""
    found: list[tuple[str, Score | None]] = [
        (control, score)
        for control in sorted(scores)
        if rule.control in (None, control)
        for score in scores[control]
        if score.metric == rule.metric
    ]
    return found or [(rule.control or "", None)]


def _evidence(policy: Policy, rule: Rule, control: str, score: Score | None, *, of_batch: bool) -> Evidence:
    value, bound, reason = None, None, "the control has no such score" if control else "no control has this score"
    if score is not None:
        value, reason = score.value, score.reason or ""
        bound = score.value if not of_batch else score.high if rule.at_least is None else score.low
        if value is not None and bound is None:
            reason = "the value has no interval"
    passed = _holds(rule, bound)
    if _nobody_drew(score) and policy.empty == "accept":
        passed, reason = True, f"{reason}; the policy accepts that"
    return Evidence(rule.text, control, rule.metric, value, bound, _limit(rule), passed, reason or None)


def _limit(rule: Rule | Check) -> float:
    threshold = rule.at_most if rule.at_least is None else rule.at_least
    return math.nan if threshold is None else float(threshold)


def _holds(rule: Rule | Check, bound: float | None) -> bool:
    if bound is None:
        return False
    return bound >= rule.at_least if rule.at_least is not None else rule.at_most is not None and bound <= rule.at_most


def _nobody_drew(score: Score | None) -> bool:
    """Say whether two or more looked and none of them drew: that is agreement, though no ratio can express it."""
    return score is not None and score.value is None and score.annotations == 0 and score.annotators >= 2
