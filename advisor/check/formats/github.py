"""The report for GitHub Actions: the text for the log, then a workflow command for each problem.

Source: GitHub Docs, "Workflow commands for GitHub Actions" (`error`, `warning`, `notice`; escapes
as in actions/toolkit `command.ts`); a step shows at most ten errors and ten warnings. Checked
2026-11-24.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.check.formats import human
from advisor.check.formats.order import place_of, problems
from advisor.check.outcome import Status

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Outcome
    from advisor.check.problem import Problem

MOST_OF_A_LEVEL = 10
"""What a step shows of a level; what is beyond it is counted in the last one."""


def write(report: CheckReport, around: Surroundings) -> str:
    """The text, and below it the commands, which the log does not show."""
    return human.write(report, around) + "".join(f"{line}\n" for line in commands(report, around))


def commands(report: CheckReport, around: Surroundings) -> list[str]:
    """Errors for what makes the verdict *not met*, warnings for other problems that matter.

    What is not known, and would not decide, is one notice together.
    """
    found = problems(report)
    errors = [one for one in found if report.breaks(one)]
    others = [one for one in found if not report.breaks(one)]
    warnings = [one for one in others if one.status is Status.FAIL or report.decides(one)]
    unknown = [one for one in others if one not in warnings]
    lines = [*_level("error", errors, around), *_level("warning", warnings, around)]
    if unknown:
        ids = ", ".join(sorted({one.rule.id for one in unknown}))
        lines.append(_command("notice", {"title": "not known"}, f"not known: {ids}"))
    return lines


def problem_command(problem: Problem, around: Surroundings) -> str:
    """The annotation of a mistake in the requirement file."""
    properties = {"title": "advisor check"}
    if problem.place is not None:
        properties = {
            "file": around.relative(problem.place.file),
            "line": str(problem.place.line),
            "col": str(problem.place.column),
            **properties,
        }
    hint = f" ({problem.hint})" if problem.hint else ""
    return _command("error", properties, f"{problem.sentence}{hint}")


def summary_outputs(report: CheckReport) -> str:
    """Lines for the file of a step's outputs."""
    failed = sorted({one.rule.id for one in report.outcomes if report.breaks(one)})
    open_ones = sorted(
        {one.rule.id for one in report.outcomes if one.status is Status.UNDETERMINED}
    )
    return (
        f"verdict={report.verdict}\nfailed={','.join(failed)}\nundetermined={','.join(open_ones)}\n"
    )


def _level(level: str, outcomes: Sequence[Outcome], around: Surroundings) -> list[str]:
    shown = list(outcomes)
    if len(shown) > MOST_OF_A_LEVEL:
        shown = shown[: MOST_OF_A_LEVEL - 1]
    lines = [_annotation(level, one, around) for one in shown]
    more = [one.rule.id for one in outcomes[len(shown) :]]
    if more:
        text = f"{len(more)} more: {', '.join(more)}"
        lines.append(_command(level, {"title": "advisor check"}, text))
    return lines


def _annotation(level: str, one: Outcome, around: Surroundings) -> str:
    properties = {"title": f"{one.rule.id} {one.rule.name}"}
    place = place_of(one, around)
    if place is not None:
        where = {"file": place.file, "line": str(place.line), "col": str(place.column)}
        properties = where | properties
    hint = f"\nHint: {one.found.hint}" if one.found.hint else ""
    return _command(level, properties, f"{one.found.sentence}{hint}")


def _command(level: str, properties: dict[str, str], message: str) -> str:
    said = ",".join(f"{name}={_escaped_property(text)}" for name, text in properties.items())
    return f"::{level} {said}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
