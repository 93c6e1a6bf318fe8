"""The report for GitLab's merge requests: a Code Quality report, one issue for each problem.

Source: GitLab Docs, "Code Quality", "Code Quality report format". Checked 2026-11-24.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from advisor.check.formats.order import group_of, place_of, problems
from advisor.check.outcome import Status
from advisor.check.requirement import Place
from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Outcome

NOWHERE = Place(file=".gitlab-ci.yml", line=1, column=1)
"""An issue needs a file: what no file asks for is the pipeline's."""

_SEVERITIES = {
    (Status.FAIL, Severity.ERROR): "critical",
    (Status.FAIL, Severity.WARNING): "minor",
    (Status.UNDETERMINED, Severity.ERROR): "major",
}


def write(report: CheckReport, around: Surroundings) -> str:
    """A list of issues; empty when there are none."""
    issues = [_issue(one, around) for one in problems(report)]
    return json.dumps(issues, indent=1, ensure_ascii=False) + "\n"


def _issue(one: Outcome, around: Surroundings) -> dict[str, Any]:
    place = place_of(one, around) or NOWHERE
    said = "" if one.status is Status.FAIL else "undetermined: "
    hint = f"; {one.found.hint}" if one.found.hint else ""
    return {
        "type": "issue",
        "check_name": f"{one.rule.id} {one.rule.name}",
        "description": f"{said}{one.found.sentence}{hint}",
        "categories": ["Compatibility"],
        "severity": _SEVERITIES.get((one.status, one.severity), "info"),
        "fingerprint": fingerprint(one),
        "location": {"path": place.file, "lines": {"begin": place.line}},
    }


def fingerprint(one: Outcome) -> str:
    """The same for the same rule, requirement and subject in every run, whatever the figures."""
    import hashlib

    key = "\0".join((one.rule.id, group_of(one), one.found.subject))
    return hashlib.sha256(key.encode()).hexdigest()[:32]
