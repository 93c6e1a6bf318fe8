"""The report as Markdown: a table of what matters, the rest folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.check.formats.order import by_weight, group_of, headline, problems, sums, word
from advisor.check.outcome import Status, Verdict

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Outcome

_SIGNS = {Verdict.MET: "✅", Verdict.NOT_MET: "❌", Verdict.UNDETERMINED: "❔"}


def write(report: CheckReport, _: Surroundings) -> str:
    """As a step's summary shows it, or a comment."""
    said = headline(report)
    lines = [
        f"### {_SIGNS[report.verdict]} advisor check: {report.verdict}",
        "",
        f"{said[:1].upper()}{said[1:]} on {escaped(_target(report))}: {sums(report)}.",
    ]
    found = problems(report)
    if found:
        lines += ["", *_table(report, found, with_hints=True)]
    passed = by_weight([one for one in report.outcomes if one.status is Status.PASS])
    if passed:
        noun = "rule" if len(passed) == 1 else "rules"
        lines += ["", f"<details><summary>{len(passed)} {noun} passed</summary>", ""]
        lines += [*_table(report, passed, with_hints=False), "", "</details>"]
    for note in report.notes:
        lines += ["", f"> {escaped(note)}"]
    return "\n".join(lines) + "\n"


def _target(report: CheckReport) -> str:
    return f"{report.target} ({report.simulated})" if report.simulated else report.target


def _table(report: CheckReport, outcomes: list[Outcome], *, with_hints: bool) -> list[str]:
    ending = " | What to do" if with_hints else ""
    rule = " | ---" if with_hints else ""
    return [
        f"| Outcome | Rule | For | What was found{ending} |",
        f"| --- | --- | --- | ---{rule} |",
        *(_row(report, one, with_hints=with_hints) for one in outcomes),
    ]


def _row(report: CheckReport, one: Outcome, *, with_hints: bool) -> str:
    cells = [
        f"**{word(report, one)}**" if report.breaks(one) else word(report, one),
        f"{one.rule.id} {one.rule.name}",
        escaped(group_of(one)),
        escaped(one.found.sentence),
    ]
    if with_hints:
        cells.append(escaped(one.found.hint or ""))
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """A text that a cell of a table may hold."""
    plain = " ".join(text.split())
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|")):
        plain = plain.replace(sign, instead)
    return plain
