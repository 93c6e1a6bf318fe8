"""The order of preference: which model, and which quant of it, somebody should run here.

The order is lexicographic and every step of it is a word the reader knows: fast enough and good
enough before the rest, fits before partial, then the model's quality evidence, then the quant's
quality loss, then speed, and of equals (or where no speed is known) the smaller. Never a score. A
quant's loss counts with the upper end of its interval: what is called indistinguishable is so even
if its files are unlucky.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from advisor.estimate.result import Verdict

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate
    from advisor.estimate.subject import Subject
    from catalog.evidence import Evidence
    from catalog.quality import QualityLoss

DEFAULT_MIN_TOKENS_PER_S = 10.0
"""Slower than this nobody waits for: it is about how fast people read."""

SEVERE_BAND = 4
"""Quants whose loss may be of this band or worse are demoted."""

LAST_BAND = 99
"""Where a model or a quant without evidence stands: after all that have some."""


class Demotion(StrEnum):
    """Why a model that runs here is still not proposed before others."""

    SLOW = "slow"
    UNKNOWN_SPEED = "unknown-speed"
    SEVERE_LOSS = "severe-loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One quant of one model on the target, with what decides its place."""

    estimate: Estimate
    evidence: Evidence
    loss: QualityLoss
    demotions: tuple[Demotion, ...]

    @property
    def runs(self) -> bool:
        """True when it runs at all."""
        return self.estimate.fit.verdict is not Verdict.NO

    @property
    def fits_well(self) -> bool:
        """True when it fits with room to spare and nothing speaks against it."""
        return not self.demotions and self.estimate.fit.verdict is Verdict.FITS

    @property
    def tokens_per_s(self) -> float | None:
        """Decode speed; ``None`` when it is not known."""
        decode = self.estimate.decode
        return decode.speed.tokens_per_s if decode else None

    @property
    def key(self) -> tuple[float, ...]:
        """What candidates are sorted by; smaller is better, and each place has one meaning."""
        speed = -(self.tokens_per_s or 0.0)
        verdict = self.estimate.fit.verdict.rank
        band = LAST_BAND if self.evidence.band is None else self.evidence.band
        worst = self.loss.cautious_band
        loss = LAST_BAND if worst is None else worst
        size = self.estimate.subject.weights.tensor_bytes
        if self.demotions:
            against = (len(self.demotions), Demotion.SEVERE_LOSS in self.demotions)
            return (*against, speed, verdict, band, loss, size)
        return (0, verdict, band, loss, speed, size)


def demotions(
    estimate: Estimate, loss: QualityLoss, *, min_tokens_per_s: float
) -> tuple[Demotion, ...]:
    """Why a quant should not be proposed before others, though it runs."""
    found = []
    if estimate.decode is None:
        found.append(Demotion.UNKNOWN_SPEED)
    elif estimate.decode.speed.tokens_per_s < min_tokens_per_s:
        found.append(Demotion.SLOW)
    if loss.cautious_band is not None and loss.cautious_band >= SEVERE_BAND:
        found.append(Demotion.SEVERE_LOSS)
    return tuple(found)


def best_of(candidates: Iterable[Candidate]) -> Candidate | None:
    """The candidate to run of several quants of one model; ``None`` when none runs."""
    return min((one for one in candidates if one.runs), key=_key, default=None)


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates that run, the best first; equal ones by name."""
    return sorted(
        (one for one in candidates if one.runs),
        key=lambda one: (one.key, one.estimate.subject.model.name),
    )


def next_larger(chosen: Subject, quants: Iterable[Subject]) -> Subject | None:
    """The next larger of these quants than the chosen one, whether it runs or not."""
    size = chosen.weights.tensor_bytes
    larger = [one for one in quants if one.weights.tensor_bytes > size]
    return min(larger, key=lambda one: one.weights.tensor_bytes, default=None)


def _key(candidate: Candidate) -> tuple[float, ...]:
    return candidate.key
