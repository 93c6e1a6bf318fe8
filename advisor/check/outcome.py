"""What a rule found: whether it holds, the figures it compared, and what to do about it.

Unknown is an outcome of its own and never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.requirement import Requirement
    from advisor.check.rule import Rule
    from advisor.figure import Origin
    from probes.machine import Machine


class Status(StrEnum):
    """What became of one rule."""

    FAIL = "fail"
    UNDETERMINED = "undetermined"
    """A fact that the rule needs is not known, or the interval of an estimate holds the limit."""

    PASS = "pass"  # noqa: S105
    SKIPPED = "skipped"
    """It does not apply here, or was not asked for."""


class Verdict(StrEnum):
    """What became of all."""

    MET = "met"
    NOT_MET = "not met"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The two figures behind an outcome."""

    quantity: str
    """Its name with its unit, as in the JSON of an estimate: `decode_tokens_per_s`."""

    value: float | None
    """What there is; ``None`` when it is not known."""

    limit: float | None = None
    """What was asked; ``None`` where the rule knows the limit from the hardware alone."""

    low: float | None = None
    high: float | None = None
    """The 80 % interval of an estimate, or the spread of a measurement."""

    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule says of one subject."""

    status: Status
    subject: str
    """What it is about: a GPU's name, a model in a quant, `machine`."""

    sentence: str
    """With the figures compared; without a full stop."""

    hint: str | None = None
    """The next action, imperative, without a full stop."""

    key: str | None = None
    """The requirement's key that asked for it."""

    compared: Compared | None = None
    severity: Severity | None = None
    """``None`` for the rule's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a rule says of one subject, for one requirement or for the machine alone."""

    rule: Rule
    found: Found
    requirement: Requirement | None
    """``None`` for what is asked of every machine."""

    @property
    def status(self) -> Status:
        """What became of it."""
        return self.found.status

    @property
    def severity(self) -> Severity:
        """How much it costs."""
        return self.found.severity or self.rule.severity

    @property
    def is_problem(self) -> bool:
        """True for what a reader has to look at."""
        return self.status in {Status.FAIL, Status.UNDETERMINED}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """Everything that was found."""

    version: str
    checked_at: str
    """When, as ISO 8601 says, in UTC to the second."""

    target: str
    """The machine, by its GPUs or its processor."""

    simulated: str | None
    """What stands in for the machine that this program runs on; ``None`` for nothing."""

    machine: Machine | None
    """``None`` where its memory cannot be known."""

    requirements: tuple[Requirement, ...]
    outcomes: tuple[Outcome, ...]
    strict: bool = False
    """True where what is undetermined counts as failed."""

    fail_on: Severity = Severity.ERROR
    """The least severity that decides: an error, or a warning too."""

    notes: tuple[str, ...] = ()
    crashes: tuple[str, ...] = field(default=(), repr=False)
    """Tracebacks of rules that have a bug."""

    @property
    def verdict(self) -> Verdict:
        """Not met when a deciding rule fails; undetermined when one is; else met."""
        if any(self.breaks(one) for one in self.outcomes):
            return Verdict.NOT_MET
        is_open = any(
            one.status is Status.UNDETERMINED and self.decides(one) for one in self.outcomes
        )
        return Verdict.UNDETERMINED if is_open or self.crashes else Verdict.MET

    def decides(self, outcome: Outcome) -> bool:
        """True for an outcome that is severe enough to decide."""
        return _RANKS[outcome.severity] <= _RANKS[self.fail_on]

    def breaks(self, outcome: Outcome) -> bool:
        """True for an outcome for which alone the verdict is *not met*."""
        if outcome.status is Status.FAIL:
            return self.decides(outcome)
        return outcome.status is Status.UNDETERMINED and self.strict

    def count(self, status: Status) -> int:
        """How many outcomes became that."""
        return sum(one.status is status for one in self.outcomes)


_RANKS = {severity: place for place, severity in enumerate(Severity)}
