"""The report as SARIF 2.1.0, for code scanning and editors.

A result points at the requirement that asks, else at the workflow that runs the check; what is
nowhere has a logical location, the device. Passes are results of kind `pass`, what does not apply
of kind `notApplicable`, what is undetermined of kind `open`.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", 3.27.9 (kind) and
3.27.10 (level). Checked 2026-11-24.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from advisor.check.formats.gitlab import fingerprint
from advisor.check.formats.order import group_of, place_of
from advisor.check.outcome import Status, Verdict
from advisor.check.rules import RULES

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Outcome
    from advisor.check.rule import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_KINDS = {
    Status.FAIL: "fail",
    Status.PASS: "pass",
    Status.SKIPPED: "notApplicable",
    Status.UNDETERMINED: "open",
}
_EXIT_CODES = {Verdict.MET: 0, Verdict.NOT_MET: 1, Verdict.UNDETERMINED: 3}


def write(report: CheckReport, around: Surroundings) -> str:
    """A log with one run."""
    whole = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report, around)]}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _run(report: CheckReport, around: Surroundings) -> dict[str, Any]:
    return {
        "tool": {
            "driver": {
                "name": "advisor",
                "fullName": "gguf-advisor check",
                "semanticVersion": report.version,
                "rules": [_rule(one) for one in RULES],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not report.crashes,
                "exitCode": _EXIT_CODES[report.verdict],
                "endTimeUtc": report.checked_at,
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, around) for one in report.outcomes],
        "properties": {"verdict": report.verdict.value, "target": report.target},
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.about},
        "help": {"text": f"{rule.about} See docs/rules.md."},
        "defaultConfiguration": {"level": rule.severity.value},
        "properties": {"keys": list(rule.keys)},
    }


def _result(one: Outcome, around: Surroundings) -> dict[str, Any]:
    is_failed = one.status is Status.FAIL
    hint = f" ({one.found.hint})" if one.found.hint else ""
    return {
        "ruleId": one.rule.id,
        "ruleIndex": [rule.id for rule in RULES].index(one.rule.id),
        "kind": _KINDS[one.status],
        "level": one.severity.value if is_failed else "none",
        "message": {"text": f"{one.found.sentence}{hint}"},
        "locations": [_location(one, around)],
        "partialFingerprints": {"advisor/1": fingerprint(one)},
        "properties": {"requirement": group_of(one)},
    }


def _location(one: Outcome, around: Surroundings) -> dict[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [{"name": one.found.subject, "kind": "resource"}]
    }
    place = place_of(one, around)
    if place is not None:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": {"startLine": place.line, "startColumn": place.column},
        }
    return location


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path)
