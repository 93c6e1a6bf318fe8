"""The report as lines of JSON: one for each outcome, then one with the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.check.formats.json import SCHEMA, outcome_object, verdict_object
from advisor.render.json import line

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport


def write(report: CheckReport, around: Surroundings) -> str:
    """The last line is the one with `verdict`."""
    lines = [line(outcome_object(report, one, around)) for one in report.outcomes]
    lines.append(line({"schema": SCHEMA, **verdict_object(report)}))
    return "\n".join(lines) + "\n"
