"""What measurements on this machine make of a prediction.

Holds the rule and its constants; what was measured comes with the target, and what a part costs is
`speed`'s. Two cases:

* The very same work was measured: the measurement is the answer, and its interval the spread of
  its repetitions.
* Other models were measured on the same devices under the same backend. Each gives the logarithm
  of measured over predicted speed, one mean for each model. With ``n`` models::

      factor = exp(sum of the means / (n + SHRINK))
      80 % interval = factor × exp(±SPREAD × sqrt(1 + 1 / (n + SHRINK)))

  never wider than the prediction's own. On published runs of llama.cpp models scatter about a GPU's
  own bias by 0.09 in logarithms, and the biases by 0.08; with ``SHRINK`` 2 the median, the worst
  tenth and the mean square of the errors all fall, with less the worst tenth rises. A processor's
  prediction rests on a read rate that is itself only known within a third, so that less speaks for
  it. Bias found with an empty cache says nothing about reading a full one, so that at depth the
  factor and the narrower interval count only for the share of the time that does not go to the
  cache.

`docs/accuracy.md` has the coverage on published runs, one model of a device left out at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import exp, fsum, log, sqrt
from statistics import median
from typing import TYPE_CHECKING

from advisor.estimate.basis import DecodeBasis, PrefillBasis, weight_bytes
from advisor.estimate.memory import HOST
from advisor.estimate.result import Calibration, Timed
from advisor.estimate.speed import COMPUTE, Speed
from advisor.figure import Origin
from advisor.measurement import FAMILY, Pace, family

if TYPE_CHECKING:
    from advisor.estimate.fit import Judged
    from advisor.estimate.setup import Setup
    from advisor.estimate.subject import Subject
    from advisor.measurement import Measurement

SHRINK = 2.0
"""Measured models that the prediction counts for: (scatter / bias)², rounded up."""

HOST_SHRINK = 0.5
"""The same where a processor holds layers: (0.13 / 0.25)², rounded up: the scatter between models
on one CPU over what the read rate and its efficiency leave open."""

SPREAD = 0.12
"""Half of the 80 % interval between models on one GPU, in logarithms of the speed."""

HOST_SPREAD = 0.165
"""The same where a processor holds layers."""

FARTHEST = 3.0
"""A measurement this many times above or below its prediction timed something else."""

LEAST_CACHELESS_SHARE = 0.8
"""A measurement whose time goes to the cache by more than the rest says nothing of other models."""

SAME_BYTES_SHARE = 0.03
"""Files of one model in one quant differ by no more: publishers mix types a little differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a speed is wanted for."""

    pace: Pace
    model: str
    quant: str
    setup: Setup
    devices: tuple[str, ...]
    """Those that hold layers, in the order of use."""

    backend: str
    gpu_layers: int
    n_cpu_moe: int
    depth_tokens: int
    prompt_tokens: int | None
    """``None`` for decoding."""


def asked_of(
    pace: Pace,
    subject: Subject,
    setup: Setup,
    judged: Judged,
    tokens: int,
) -> Asked:
    """What is asked about one placement.

    Args:
        pace: Which speed.
        subject: The model in its quant.
        setup: How it is run.
        judged: Where it is.
        tokens: In the cache, for decoding; of the prompt, for prefill.
    """
    used = [
        gpu for share, gpu in zip(judged.placement.gpus, judged.gpus, strict=True) if share.is_used
    ]
    is_split = judged.placement.host.is_used or bool(subject.weights.host_head_bytes)
    host = (HOST,) if is_split else ()
    return Asked(
        pace=pace,
        model=identity_of(subject),
        quant=subject.quant.name,
        setup=setup,
        devices=(*(gpu.name for gpu in used), *host),
        backend=used[0].backend if used else "cpu",
        gpu_layers=judged.placement.gpu_layers,
        n_cpu_moe=judged.placement.n_cpu_moe,
        depth_tokens=tokens if pace is Pace.DECODE else 0,
        prompt_tokens=None if pace is Pace.DECODE else tokens,
    )


def identity_of(subject: Subject) -> str:
    """What a model is known by from any of its files: its repository, else its name."""
    return (subject.model.repository or subject.model.name).casefold()


def calibrated(timed: Timed | None, asked: Asked, measured: Iterable[Measurement]) -> Timed | None:
    """A speed with what was measured here.

    Args:
        timed: The prediction; ``None`` where there is none.
        asked: What it is for.
        measured: On this machine, disturbed measurements included.

    Returns:
        The measurement itself, the prediction corrected by measurements of other models, or the
        prediction as it was.
    """
    alike = [one for one in measured if _is_comparable(one, asked)]
    same = [one for one in alike if _is_same(one, asked, timed)]
    if same:
        return _measured(timed, same)
    if timed is None or family(asked.setup.runtime) != FAMILY:
        return timed
    return _corrected(timed, alike)


def _is_comparable(one: Measurement, asked: Asked) -> bool:
    """Whether it was taken on the same devices in the same way, and can be trusted."""
    return (
        one.disturbance is None
        and one.pace is asked.pace
        and one.devices == asked.devices
        and one.backend == asked.backend
        and family(one.runtime) == family(asked.setup.runtime)
    )


def _is_same(one: Measurement, asked: Asked, timed: Timed | None) -> bool:
    """Whether it timed the very work that is asked about."""
    setup = asked.setup
    if (
        (one.model, one.quant) != (asked.model, asked.quant)
        or (one.gpu_layers, one.n_cpu_moe) != (asked.gpu_layers, asked.n_cpu_moe)
        or one.depth_tokens != asked.depth_tokens
        or one.flash_attention != setup.flash_attention
        or (one.kv_type_k, one.kv_type_v) != (setup.kv_type_k, setup.kv_type_v)
        or asked.prompt_tokens not in {None, one.tokens}
    ):
        return False
    if timed is None or timed.basis is None or not one.works:
        return True
    here, there = weight_bytes(timed.basis.works()), weight_bytes(one.works)
    return abs(here - there) <= SAME_BYTES_SHARE * here


def _measured(timed: Timed | None, same: Sequence[Measurement]) -> Timed:
    """The measurement as the answer: the median of all repetitions, and their spread."""
    samples = [sample for one in same for sample in one.samples_tokens_per_s]
    calibration = Calibration(
        factor=None if timed is None else median(samples) / timed.speed.tokens_per_s,
        is_exact=True,
        models=1,
        numbers=tuple(one.number for one in same if one.number is not None),
    )
    value, low, high = median(samples), min(samples), max(samples)
    if timed is None:
        speed = Speed(tokens_per_s=value, low=low, high=high, bound_by=COMPUTE, explain=tuple)
        return Timed(speed=speed, origin=Origin.MEASURED, calibration=calibration)
    speed = replace(timed.speed, tokens_per_s=value, low=low, high=high)
    return replace(timed, speed=speed, origin=Origin.MEASURED, calibration=calibration)


def _corrected(timed: Timed, alike: Iterable[Measurement]) -> Timed:
    """The prediction times the factor that other models' measurements make; or as it was."""
    if timed.basis is None:
        return timed
    alone = timed.basis.devices_alone()
    errors: dict[str, list[float]] = defaultdict(list)
    numbers: list[int] = []
    for one in alike:
        error = _log_error(_Question(alone=alone, one=one, basis=timed.basis))
        if error is not None:
            errors[one.model].append(error)
            numbers += [] if one.number is None else [one.number]
    if not errors:
        return timed
    has_host = HOST in timed.basis.devices
    share = timed.basis.cacheless_share() if isinstance(timed.basis, DecodeBasis) else 1.0
    means = [fsum(each) / len(each) for each in errors.values()]
    factor = exp(share * log_factor(means, has_host=has_host))
    low, high = (
        factor_interval(timed, len(means), share)
        if isinstance(timed.basis, DecodeBasis)
        else (timed.speed.low, timed.speed.high)  # prefill scatters too much between models
    )
    speed = replace(
        timed.speed,
        tokens_per_s=timed.speed.tokens_per_s * factor,
        low=low * factor,
        high=high * factor,
    )
    calibration = Calibration(
        factor=factor, is_exact=False, models=len(means), numbers=tuple(sorted(numbers))
    )
    return replace(timed, speed=speed, origin=Origin.MEASURED, calibration=calibration)


def log_factor(means: Sequence[float], *, has_host: bool) -> float:
    """Logarithm of the factor from the mean errors of so many models."""
    return fsum(means) / (len(means) + (HOST_SHRINK if has_host else SHRINK))


def half_interval(models: int, *, has_host: bool) -> float:
    """Half of the 80 % interval that is left with so many models measured, in logarithms."""
    if has_host:
        return HOST_SPREAD * sqrt(1 + 1 / (models + HOST_SHRINK))
    return SPREAD * sqrt(1 + 1 / (models + SHRINK))


def factor_interval(timed: Timed, models: int, share: float) -> tuple[float, float]:
    """The interval about an uncorrected prediction, in tokens/s; never wider than its own."""
    speed = timed.speed
    has_host = timed.basis is not None and HOST in timed.basis.devices
    half = half_interval(models, has_host=has_host)
    down, up = log(speed.tokens_per_s / speed.low), log(speed.high / speed.tokens_per_s)
    down = min(down, share * half + (1 - share) * down)
    up = min(up, share * half + (1 - share) * up)
    return speed.tokens_per_s * exp(-down), speed.tokens_per_s * exp(up)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A measurement, and the devices that are asked about it; alike for all models of a scan."""

    alone: tuple[object, ...]
    one: Measurement
    basis: DecodeBasis | PrefillBasis = field(compare=False)


@lru_cache(maxsize=1024)
def _log_error(asked: _Question) -> float | None:
    """Logarithm of measured over predicted speed of what was measured.

    Returns:
        ``None`` where this version cannot predict it, its time went to the cache, or it is so far
        off that something else was timed.
    """
    one, basis = asked.one, asked.basis
    if not one.works:
        return None
    if isinstance(basis, DecodeBasis):
        decoding = basis.doing(one.works, one.handovers)
        if decoding is None or decoding.cacheless_share() < LEAST_CACHELESS_SHARE:
            return None
        predicted: Speed | None = decoding.speed()
    else:
        reading = basis.doing(one.works, one.tokens)
        predicted = None if reading is None else reading.speed()
    if predicted is None:
        return None
    error = log(one.tokens_per_s / predicted.tokens_per_s)
    return error if abs(error) <= log(FARTHEST) else None
