"""The order in which people read outcomes, and the words for what became of them.

Holds what several formats share; never the form of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.check.outcome import Status, Verdict
from advisor.check.requirement import Place
from advisor.check.run import THE_MACHINE
from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Outcome

_STATUS = {status: place for place, status in enumerate(Status)}
_SEVERITY = {severity: place for place, severity in enumerate(Severity)}


def groups(report: CheckReport) -> list[tuple[str, list[Outcome]]]:
    """What concerns the machine, then each requirement; in each, what matters most first."""
    names = [THE_MACHINE, *(one.name for one in report.requirements)]
    found: dict[str, list[Outcome]] = {name: [] for name in names}
    for one in report.outcomes:
        found[group_of(one)].append(one)
    return [(name, by_weight(outcomes)) for name, outcomes in found.items() if outcomes]


def group_of(outcome: Outcome) -> str:
    """The requirement's name; the machine's where there is none."""
    return THE_MACHINE if outcome.requirement is None else outcome.requirement.name


def by_weight(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Failures first, then what is not known, then passes; errors before warnings."""
    return sorted(
        outcomes,
        key=lambda one: (
            _STATUS[one.status],
            _SEVERITY[one.severity] if one.is_problem else 0,
            one.rule.id,
        ),
    )


def problems(report: CheckReport) -> list[Outcome]:
    """What a reader has to look at, what decides first."""
    return sorted(
        (one for one in report.outcomes if one.is_problem),
        key=lambda one: (
            not report.breaks(one),
            not report.decides(one),
            _STATUS[one.status],
            one.rule.id,
        ),
    )


def word(report: CheckReport, outcome: Outcome) -> str:
    """What became of it, as one word: a failure that does not decide is a `warning`."""
    if outcome.status is Status.FAIL and not report.decides(outcome):
        return str(outcome.severity)
    return str(outcome.status)


def sums(report: CheckReport) -> str:
    """`2 failed, 1 warning, 3 undetermined, 20 passed, 9 skipped`."""
    failed = sum(one.status is Status.FAIL and report.decides(one) for one in report.outcomes)
    warned = report.count(Status.FAIL) - failed
    counts = [
        (failed, "failed"),
        (warned, "warning" if warned == 1 else "warnings"),
        (report.count(Status.UNDETERMINED), "undetermined"),
        (report.count(Status.PASS), "passed"),
        (report.count(Status.SKIPPED), "skipped"),
    ]
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def headline(report: CheckReport) -> str:
    """The verdict in one sentence."""
    said = {
        Verdict.MET: "the requirement is met",
        Verdict.NOT_MET: "the requirement is not met",
        Verdict.UNDETERMINED: "whether the requirement is met cannot be determined",
    }[report.verdict]
    if not report.requirements:
        said = {
            Verdict.MET: "the machine is well",
            Verdict.NOT_MET: "the machine is not well",
            Verdict.UNDETERMINED: "whether the machine is well cannot be determined",
        }[report.verdict]
    elif len(report.requirements) > 1:
        said = said.replace("the requirement is", "all requirements are", 1)
        if report.verdict is Verdict.NOT_MET:
            said = "not all requirements are met"
    return said


def place_of(outcome: Outcome, around: Surroundings) -> Place | None:
    """Where the requirement stands that asks, else the workflow that runs this; else nowhere."""
    asked = outcome.requirement
    place = None if asked is None else asked.place_of(outcome.found.key)
    if place is not None:
        return Place(file=around.relative(place.file), line=place.line, column=place.column)
    if around.workflow_file is None:
        return None
    return Place(file=around.workflow_file, line=1, column=1)
