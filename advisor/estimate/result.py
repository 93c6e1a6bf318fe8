"""What an estimate says: the nouns that travel from the estimator to ranking and reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.estimate.basis import DecodeBasis, PrefillBasis
    from advisor.estimate.fit_flags import LlamaCppFit
    from advisor.estimate.memory import Allocation
    from advisor.estimate.placement import Placement
    from advisor.estimate.setup import Setup
    from advisor.estimate.speed import Speed
    from advisor.estimate.subject import Subject
    from advisor.figure import Origin


class Verdict(StrEnum):
    """Does it fit? Best first."""

    FITS = "fits"
    TIGHT = "tight"
    """Only when memory now in use by others is freed, with under 5 % to spare, or when it needs no
    more than expected."""

    PARTIAL = "partial"
    """Some layers, or the experts of some, on the CPU."""

    NO = "no"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return _RANKS[self]


_RANKS = {verdict: place for place, verdict in enumerate(Verdict)}


class Why(StrEnum):
    """What decided a verdict; `advisor.render` has one fixed sentence for each."""

    ENOUGH = "enough"
    LITTLE_SPARE = "little-spare"
    MAY_NEED_MORE = "may-need-more"
    """The upper end of what it needs is more than there is."""

    WHEN_FREED = "when-freed"
    SOME_LAYERS = "some-layers"
    SOME_EXPERTS = "some-experts"
    """All layers are on GPUs, the experts of some on the host."""

    LAYERS_WITHOUT_EXPERTS = "layers-without-experts"
    """Some layers are on GPUs, and not even all of those with their experts."""

    TOO_LITTLE = "too-little"
    """Not even with its layers shared between GPU and host."""

    ALL_LAYERS_ASKED = "all-layers-asked"
    """The wanted number of GPU layers does not fit."""

    UNKNOWN_MEMORY = "unknown-memory"
    UNKNOWN_CACHE = "unknown-cache"
    """The architecture's cache is not understood, so only the weights are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a placement fits, and the two numbers that were compared."""

    verdict: Verdict

    now: Verdict
    """With what other programs hold now."""

    idle: Verdict
    """With nothing else running."""

    why: Why
    device: str
    """The device that decides: the one with the least to spare."""

    needed_bytes: int
    available_bytes: int | None
    """``None`` where the device's memory is not known."""

    high_bytes: int | None = None
    """Upper end of what is needed; ``None`` where nobody worked it out."""

    max_context_tokens: int | None = None
    """The longest context that fits as the verdict says; ``None`` when it was not solved for."""

    max_context_by_kv_type: tuple[tuple[str, int | None], ...] | None = None
    """The same for each type of cache; ``None`` when it was not solved for."""

    llama_cpp_fit: LlamaCppFit | None = None
    """What llama.cpp's own `--fit` would choose; ``None`` where it does not run or is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What measurements on this machine made of a prediction."""

    factor: float | None
    """The speed over what was predicted; ``None`` where nothing was."""

    is_exact: bool
    """True when the very same work was measured, so that the measurement is the answer."""

    models: int
    """How many models were measured."""

    numbers: tuple[int, ...]
    """The measurements, as `advisor bench --list` numbers them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A speed with its interval and its origin."""

    speed: Speed
    origin: Origin
    basis: DecodeBasis | PrefillBasis | None = field(default=None, repr=False, compare=False)
    """What it was predicted from; ``None`` where nothing was."""

    calibration: Calibration | None = None
    """What was measured here; ``None`` where nothing that bears on it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One model in one quant on one target."""

    subject: Subject
    target_name: str
    setup: Setup
    placement: Placement
    allocations: tuple[Allocation, ...]
    """The GPUs in use, then the host."""

    fit: Fit
    decode: Timed | None
    """At the wanted depth; ``None`` when no bandwidth is known."""

    decode_full: Timed | None
    """With a full context."""

    prefill: Timed | None
    prompt_tokens: int
    """Length of the prompt that prefill is stated for."""

    notes: tuple[str, ...]

    devices: tuple[str, ...] | None = None
    """llama.cpp's names of the GPUs to run on; ``None`` where it takes the right ones by itself,
    and empty where there are some and none gets a layer."""

    @property
    def time_to_first_token_s(self) -> float | None:
        """Seconds until an answer to a prompt of `prompt_tokens` begins."""
        if self.prefill is None:
            return None
        return self.prompt_tokens / self.prefill.speed.tokens_per_s

    @property
    def time_to_first_token_low_s(self) -> float | None:
        """Lower end of its interval."""
        return None if self.prefill is None else self.prompt_tokens / self.prefill.speed.high

    @property
    def time_to_first_token_high_s(self) -> float | None:
        """Upper end of it."""
        return None if self.prefill is None else self.prompt_tokens / self.prefill.speed.low

    @property
    def total_bytes(self) -> int:
        """Memory on all devices together."""
        return sum(one.total_bytes for one in self.allocations)

    @property
    def low_bytes(self) -> int:
        """Lower end of the total's interval."""
        return sum(one.low_bytes for one in self.allocations)

    @property
    def high_bytes(self) -> int:
        """Upper end of it."""
        return sum(one.high_bytes for one in self.allocations)
