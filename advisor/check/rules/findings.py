"""Rules that hold when the probes found nothing of a kind: the finding is the outcome.

Holds how findings become outcomes, and when their absence says something: a driver that could not
be asked does not pass for one that had nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from advisor.check.outcome import Found, Status
from probes.accelerator import AcceleratorState
from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.case import Case
    from probes.accelerator import Accelerator
    from probes.finding import Finding

MACHINE = "machine"
"""The subject of what is said of the machine as a whole."""

NOT_ASKED = "it was not asked for"

_SILENT = frozenset({AcceleratorState.NO_DRIVER, AcceleratorState.LOST})


def found_nothing(
    codes: frozenset[str], *, holds: str, vendor: str | None = None
) -> Callable[[Case], Iterator[Found]]:
    """A rule that fails for each finding with one of these codes.

    Args:
        codes: The probes' names of findings.
        holds: What is said when there is none of them.
        vendor: Whose GPUs it is about; ``None`` for any.
    """

    def ask(case: Case) -> Iterator[Found]:
        hits = [one for one in case.machine.findings if is_hit(one, codes)]
        yield from (failed(one) for one in hits)
        if not hits:
            yield _without_hits(case, holds, vendor)

    return ask


def is_hit(finding: Finding, codes: frozenset[str]) -> bool:
    """True for a finding of a kind that costs its reader something."""
    return finding.code in codes and finding.severity is not Severity.NOTE


def failed(finding: Finding) -> Found:
    """A finding as an outcome, in the probe's own words."""
    return Found(status=Status.FAIL, subject=MACHINE, sentence=finding.sentence, hint=finding.hint)


def _without_hits(case: Case, holds: str, vendor: str | None) -> Found:
    """What follows where a rule has nothing to object to."""
    concerned = [one for one in case.machine.accelerators if vendor is None or one.vendor == vendor]
    if case.is_stateless:
        return skipped("the machine is only described, so its driver was not asked")
    if not concerned:
        whose = {"nvidia": "NVIDIA "}.get(vendor or "", "")
        return skipped(f"there is no {whose}GPU on the bus")
    silent = [one for one in concerned if one.state in _SILENT]
    if len(silent) < len(concerned):
        return Found(status=Status.PASS, subject=MACHINE, sentence=holds)
    return _unheard(case, silent)


def _unheard(case: Case, silent: list[Accelerator]) -> Found:
    """No GPU answers. Where another finding says why, that one is to be mended first."""
    if any(one.severity is Severity.ERROR for one in case.machine.findings):
        return skipped("no GPU answers, and another rule says why")
    return Found(
        status=Status.UNDETERMINED,
        subject=MACHINE,
        sentence=f"{silent[0].name} does not answer, and nothing says why",
        hint="run `advisor doctor`",
    )


def skipped(sentence: str, subject: str = MACHINE) -> Found:
    """What is said of a rule that does not apply."""
    return Found(status=Status.SKIPPED, subject=subject, sentence=sentence)
