"""The report as OpenMetrics, for a textfile collector or a metrics report.

Every figure that was compared is a gauge named for its quantity, with the value, its interval and
the limit as samples; each outcome is a sample of `advisor_check_outcome`.

Source: OpenMetrics 1.0.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/). Checked
2026-11-24.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from advisor.check.formats.order import group_of
from advisor.check.outcome import Status, Verdict

if TYPE_CHECKING:
    from advisor.check.ci import Surroundings
    from advisor.check.outcome import CheckReport, Outcome

Sample = tuple[Mapping[str, str], float]


def write(report: CheckReport, _: Surroundings) -> str:
    """The exposition, which ends with `# EOF`."""
    lines = [
        *_gauge("advisor_check_met", "1 when the verdict is met, else 0.", [({}, _met(report))]),
        *_gauge(
            "advisor_check_rules",
            "Outcomes by what became of them.",
            [({"status": status.value}, report.count(status)) for status in Status],
        ),
        *_gauge(
            "advisor_check_outcome",
            "1 for each outcome.",
            [(_labels(one) | {"status": one.status.value}, 1.0) for one in report.outcomes],
        ),
        *_gauge(
            "advisor_check_timestamp_seconds",
            "When it was checked.",
            [({}, _epoch_s(report.checked_at))],
            unit="seconds",
        ),
        *_figures(report),
        "# EOF",
    ]
    return "\n".join(lines) + "\n"


def _met(report: CheckReport) -> float:
    return float(report.verdict is Verdict.MET)


def _labels(one: Outcome) -> dict[str, str]:
    return {
        "rule": one.rule.id,
        "severity": one.severity.value,
        "requirement": "" if one.requirement is None else group_of(one),
        "subject": one.found.subject,
    }


def _figures(report: CheckReport) -> list[str]:
    """One family a quantity, in the order of the rules."""
    families: dict[str, list[Sample]] = {}
    for one in report.outcomes:
        figures = one.found.compared
        if figures is None:
            continue
        samples = families.setdefault(figures.quantity, [])
        for bound in ("value", "low", "high", "limit"):
            number = getattr(figures, bound)
            if number is not None:
                samples.append((_labels(one) | {"bound": bound}, number))
    lines: list[str] = []
    for quantity, samples in families.items():
        about = f"What was compared as {quantity}, by bound."
        lines += _gauge(f"advisor_{quantity}", about, samples)
    return lines


def _gauge(name: str, about: str, samples: Sequence[Sample], *, unit: str = "") -> list[str]:
    lines = [f"# TYPE {name} gauge"]
    if unit:
        lines.append(f"# UNIT {name} {unit}")
    lines.append(f"# HELP {name} {_escaped(about)}")
    return [*lines, *(f"{name}{_label_text(labels)} {_number(value)}" for labels, value in samples)]


def _label_text(labels: Mapping[str, str]) -> str:
    said = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return f"{{{said}}}" if said else ""


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _epoch_s(checked_at: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(checked_at).timestamp()
