"""`advisor.check/1`: the report as one JSON object, described in `docs/schema/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.check.outcome import Status
from advisor.render.json import dumps

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Compared, Outcome
    from advisor.check.requirement import Place

SCHEMA = "advisor.check/1"


def write(report: CheckReport, around: Surroundings) -> str:
    """All of it, indented."""
    return dumps(report_object(report, around)) + "\n"


def report_object(report: CheckReport, around: Surroundings) -> dict[str, Any]:
    """The object."""
    return {
        "schema": SCHEMA,
        **verdict_object(report),
        "requirements": [
            {"name": one.name, "place": place_object(one.place_of(None), around)}
            for one in report.requirements
        ],
        "outcomes": [outcome_object(report, one, around) for one in report.outcomes],
        "notes": list(report.notes),
    }


def verdict_object(report: CheckReport) -> dict[str, Any]:
    """What holds for the whole."""
    return {
        "verdict": report.verdict.value,
        "version": report.version,
        "checked_at": report.checked_at,
        "target": report.target,
        "simulated": report.simulated,
        "strict": report.strict,
        "fail_on": report.fail_on.value,
        "counts": {status.value: report.count(status) for status in Status},
    }


def outcome_object(report: CheckReport, one: Outcome, around: Surroundings) -> dict[str, Any]:
    """One outcome."""
    asked = one.requirement
    return {
        "rule": one.rule.id,
        "name": one.rule.name,
        "status": one.status.value,
        "severity": one.severity.value,
        "decides": report.decides(one),
        "requirement": None if asked is None else asked.name,
        "key": one.found.key,
        "subject": one.found.subject,
        "sentence": one.found.sentence,
        "hint": one.found.hint,
        "compared": _compared(one.found.compared),
        "place": None if asked is None else place_object(asked.place_of(one.found.key), around),
    }


def _compared(figures: Compared | None) -> dict[str, Any] | None:
    if figures is None:
        return None
    return {
        "quantity": figures.quantity,
        "value": figures.value,
        "low": figures.low,
        "high": figures.high,
        "limit": figures.limit,
        "origin": None if figures.origin is None else figures.origin.value,
    }


def place_object(place: Place | None, around: Surroundings) -> dict[str, Any] | None:
    """Where something is asked for; null for a command line."""
    if place is None:
        return None
    return {"file": around.relative(place.file), "line": place.line, "column": place.column}
