"""What a file type costs in quality: how far the model's answers drift from the unquantized one's.

Holds the estimate of a loss from published measurements, its interval and its name. The loss is
the mean Kullback-Leibler divergence of the token probabilities, in nats: 0 says that nothing
changed. How the measurements became `quality_curve.csv` and `quality_scale.csv` stands in
`tools/build_quality.py`; how good a *model* is, and which file to choose, is judged elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from math import exp, hypot, log
from typing import TYPE_CHECKING, NamedTuple

from catalog.errors import UnknownNameError
from catalog.load import csv_rows, optional_float
from catalog.native import has_native_experts
from catalog.quants import find_quant, load_quants

if TYPE_CHECKING:
    from catalog.model import Model
    from catalog.quant import Quant

_LOSSLESS = ("F32", "BF16")
"""Makers publish their weights in one of these, so a file in it has lost nothing."""

_ALIKE = 1.05
"""Models whose sizes differ by less count as of one size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLoss:
    """What one file type costs a model of one size."""

    kld_mean: float | None
    """Expected mean KL divergence [nats]; ``None`` where nothing comparable was measured."""

    low: float | None
    """Lower end of the 80 % interval, or of what the neighbouring file types allow [nats]."""

    high: float | None
    """Upper end of it; ``None`` where there is no neighbour [nats]."""

    ppl_increase: float | None
    """Rise of perplexity that Llama 3 8B showed, as a fraction; ``None`` for models not half to
    twice its size, and where it was not measured."""

    label: str
    """The name of its band. From the upper end where only bounds are known; `unknown` where not
    even these are."""

    basis: str
    """A sentence without a full stop: which models were measured, and how this one was inferred."""

    sources: tuple[str, ...]

    @property
    def cautious_band(self) -> int | None:
        """The band of the interval's upper end: what the loss is at most.

        0 `indistinguishable`, 1 `slight`, 2 `noticeable`, 3 `clear`, 4 `severe`.
        """
        return None if self.high is None else _band(self.high)[0]

    @property
    def cautious_label(self) -> str:
        """That band's name, or `unknown`."""
        return "unknown" if self.high is None else _band(self.high)[1]


class _Point(NamedTuple):
    """One file type on the reference model."""

    kld: float
    families: tuple[str, ...]
    ppl_increase: float | None
    sources: tuple[str, ...]


@lru_cache(maxsize=4096)
def quality_loss(quant_name: str, params: int) -> QualityLoss:
    """What a file type costs a model.

    ``ln KLD = ln curve(type) + level - slope x ln(params / reference)``, where the slope itself
    is a straight line over the logarithm of the loss: coarse types gain more from size.

    Args:
        quant_name: A file type, or a publisher's label such as `UD-Q4_K_XL`, for which only the
            bounds from its neighbours are known.
        params: Weights used per token: for a mixture of experts the active ones. By these the
            measured mixtures fit the trend; by all their weights they would lose three to five
            times what it foretells.

    Raises:
        UnknownNameError: Neither a file type nor a label that is made of one.
    """
    try:
        quant = find_quant(quant_name)
    except UnknownNameError:
        base = _base_of_label(quant_name)
        if base is None:
            raise
        if base.name not in _curve():
            return _unmeasured(quant_name, base)
        return _between(*_neighbours(base), quant_name, params)
    if quant.name in _LOSSLESS:
        return _lossless(quant.name)
    if quant.name not in _curve():
        return _unmeasured(quant.name, quant)
    return _estimate(quant.name, params)


def quality_of(model: Model, quant: Quant) -> QualityLoss:
    """What a file type costs a model of the catalog or of a file.

    Experts that their maker published in MXFP4 lose nothing in any file type (they are never
    stored otherwise), so that the estimate is only the most that the other weights can lose.
    """
    try:
        loss = quality_loss(quant.name, model.params_active)
    except UnknownNameError:
        return _unmeasured(quant.name, quant)  # a mixture that no name says anything about
    if not has_native_experts(model.architecture):
        return loss
    rest = quality_loss("Q8_0" if quant.name == "MXFP4_MOE" else quant.name, model.params_active)
    return replace(
        rest,
        kld_mean=None,
        low=0.0,
        ppl_increase=None,
        basis=f"the experts stay as their maker published them; for the rest at most: {rest.basis}",
    )


def _lossless(name: str) -> QualityLoss:
    return QualityLoss(
        kld_mean=0.0,
        low=0.0,
        high=_curve()["F16"].kld,
        ppl_increase=None,
        label=_band(0.0)[1],
        basis=f"{name} holds the weights as their maker published them; an F16 copy loses the most",
        sources=_curve()["F16"].sources,
    )


def _estimate(name: str, params: int) -> QualityLoss:
    point, scale = _curve()[name], _scale()
    size = log(params / scale["reference_params"])
    at_reference = log(point.kld) + scale["level_log"]
    slope = scale["slope_at_one_nat"] + scale["slope_per_log"] * at_reference
    middle = at_reference - slope * size
    half = hypot(
        scale["level_half_width"], scale["quant_half_width"], scale["slope_half_width"] * size
    )
    return QualityLoss(
        kld_mean=exp(middle),
        low=exp(middle - half),
        high=exp(middle + half),
        ppl_increase=point.ppl_increase if abs(size) <= log(2) else None,
        label=_band(exp(middle))[1],
        basis=_basis(name, point, params),
        sources=point.sources,
    )


def _basis(name: str, point: _Point, params: int) -> str:
    scale = _scale()
    *others, last = point.families
    families = f"{', '.join(others)} and {last}" if others else last
    sentence = f"{name} files of {families} were measured"
    ratio = params / scale["reference_params"]
    if not 1 / _ALIKE <= ratio <= _ALIKE:
        billions = f"{params / 1e9:.2g}" if params < 10e9 else f"{params / 1e9:.0f}"
        sentence += f"; interpolated to {billions} billion weights by the trend of Qwen3.5's sizes"
    if not scale["smallest_params"] <= params <= scale["largest_params"]:
        sentence = sentence.replace("interpolated", "extrapolated")
    return f"{sentence}; the interval spans families, which differ by a factor of four"


def _unmeasured(name: str, quant: Quant) -> QualityLoss:
    basis = f"no comparable measurement of {name}"
    return QualityLoss(
        kld_mean=None,
        low=None,
        high=None,
        ppl_increase=None,
        label="unknown",
        basis=f"{basis}: {quant.note}" if quant.note else basis,
        sources=(quant.source,),
    )


def _between(better: str | None, worse: str | None, name: str, params: int) -> QualityLoss:
    """Bounds from the file types next to one that was not measured."""
    low = quality_loss(better, params) if better else None
    high = quality_loss(worse, params) if worse else None
    ends = [end for end in (worse, better) if end]
    place = "between" if len(ends) == 2 else "above" if worse else "below"
    position = f"{place} {' and '.join(ends)}"
    return QualityLoss(
        kld_mean=None,
        low=low.low if low else None,
        high=high.high if high else None,
        ppl_increase=None,
        label=_band(high.kld_mean)[1] if high and high.kld_mean is not None else "unknown",
        basis=f"no comparable measurement of {name}; by its bits it lies {position}",
        sources=tuple(
            dict.fromkeys(source for end in (low, high) if end for source in end.sources)
        ),
    )


_LABEL = re.compile(
    r"(?P<own>UD-)?(?P<stem>I?Q[1-8]_(?:K_[SML]|K|XXS|XS|NL|[SM01])|TQ[12]_0)(?P<large>_X?L)?"
)


def _base_of_label(label: str) -> Quant | None:
    """The file type that a publisher's own recipe is a variant of."""
    found = _LABEL.fullmatch(label.upper())
    if not found:
        return None
    stem = found["stem"]
    if found["large"] == "_XL" and not found["own"]:
        stem = f"{stem}_L"
    for name in ("Q8_0" if stem == "Q8_K" else stem, stem.removesuffix("_L")):
        try:
            return find_quant(name)
        except UnknownNameError:
            continue
    return None


@cache
def _frontier() -> tuple[tuple[float, str], ...]:
    """Bits and names of the measured types that lose less than every smaller one, fewest first."""
    found: list[tuple[float, str]] = []
    lowest = float("inf")
    for quant in sorted(load_quants(), key=lambda quant: quant.nominal_bits):
        if quant.name in _curve() and _curve()[quant.name].kld < lowest:
            lowest = _curve()[quant.name].kld
            found.append((quant.nominal_bits, quant.name))
    return tuple(found)


def _neighbours(quant: Quant) -> tuple[str | None, str | None]:
    """The next measured file types: with more bits, and with fewer."""
    above = [name for bits, name in _frontier() if bits > quant.nominal_bits]
    below = [name for bits, name in _frontier() if bits < quant.nominal_bits]
    return (above[0] if above else None, below[-1] if below else None)


def _band(kld: float) -> tuple[int, str]:
    return next((band, label) for band, label, below in _bands() if below is None or kld < below)


@cache
def _bands() -> tuple[tuple[int, str, float | None], ...]:
    return tuple(
        (int(row["band"]), row["label"], optional_float(row["kld_below"]))
        for row in csv_rows("quality_bands.csv")
    )


@cache
def _curve() -> dict[str, _Point]:
    return {
        row["quant"]: _Point(
            kld=float(row["kld_reference"]),
            families=tuple(row["families"].split("; ")),
            ppl_increase=optional_float(row["ppl_increase"]),
            sources=tuple(row["source"].split("; ")),
        )
        for row in csv_rows("quality_curve.csv")
    }


@cache
def _scale() -> dict[str, float]:
    return {row["name"]: float(row["value"]) for row in csv_rows("quality_scale.csv")}
