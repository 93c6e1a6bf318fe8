"""The report as text for a terminal or a job's log, 80 columns wide in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.check.formats.order import groups, headline, sums, word
from advisor.check.outcome import Status
from advisor.render.paper import Paper

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Outcome


def write(report: CheckReport, around: Surroundings) -> str:
    """The text, with what was skipped left out."""
    return text(report, around, Paper())


def text(
    report: CheckReport, around: Surroundings, paper: Paper, *, everything: bool = False
) -> str:
    """The same on a sheet, perhaps with what was skipped."""
    paper.heading(f"advisor check: {report.verdict}")
    said = headline(report)
    paper.say(f"{said[:1].upper()}{said[1:]}: {sums(report)}")
    paper.say(f"On {report.target}" + (f" ({report.simulated})" if report.simulated else ""))
    for name, outcomes in _most_urgent_first(report):
        shown = [one for one in outcomes if everything or one.status is not Status.SKIPPED]
        if shown:
            paper.heading(name)
            paper.pairs([row for one in shown for row in _rows(report, around, one)])
    if report.notes:
        paper.blank()
    for note in report.notes:
        paper.say(f"Note: {note}")
    skipped = report.count(Status.SKIPPED)
    if skipped and not everything:
        paper.blank()
        paper.say(f"{skipped} rules do not apply here or were not asked for; `--all` lists them.")
    return paper.text()


def _most_urgent_first(report: CheckReport) -> list[tuple[str, list[Outcome]]]:
    """Groups in which something decides against the machine, then the others."""
    return sorted(groups(report), key=lambda group: not any(report.breaks(one) for one in group[1]))


def _rows(report: CheckReport, around: Surroundings, outcome: Outcome) -> list[tuple[str, str]]:
    """The sentence; below a problem's, what to do and where it is asked for."""
    rows = [(f"{word(report, outcome)} {outcome.rule.id}", outcome.found.sentence)]
    if not outcome.is_problem:
        return rows
    if outcome.found.hint:
        rows.append(("", f"Hint: {outcome.found.hint}"))
    asked = outcome.requirement
    place = None if asked is None else asked.place_of(outcome.found.key)
    if place is not None:
        rows.append(("", f"asked for in {around.relative(place.file)}:{place.line}"))
    return rows
