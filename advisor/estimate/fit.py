"""Whether a model fits a target, and how: which GPUs, how many layers, which experts.

Holds the order of preference among placements; `sharing` searches for them over the one model of
memory, and `room` compares each with what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.estimate.memory import HOST, gpu_allocation, host_allocation
from advisor.estimate.placement import place
from advisor.estimate.result import Fit, Verdict, Why
from advisor.estimate.room import compared, excess_bytes
from advisor.estimate.runtimes import preset
from advisor.estimate.sharing import (
    Sharing,
    may_hold_whole,
    over_idle,
    over_margin,
    over_now,
    over_sure,
)

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.memory import Allocation
    from advisor.estimate.placement import Placement
    from advisor.figure import Figure
    from advisor.target import Gpu, Target

FIT_MARGIN_BYTES = 1 << 30
"""What llama.cpp's own `--fit` leaves free on each GPU when it chooses the layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A placement, what it takes, and whether that fits."""

    placement: Placement
    allocations: tuple[Allocation, ...]
    fit: Fit
    gpus: tuple[Gpu, ...]
    """The GPUs in use, in the order of the allocations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to be where; ``None`` to solve for it."""

    gpu_layers: int | None = None
    """Layers on GPUs, the output layer counted as one."""

    n_cpu_moe: int | None = None
    """First blocks whose experts stay on the host. With a number of GPU layers, ``None`` is 0."""

    tensor_split: tuple[float, ...] | None = None
    """Shares of the GPUs; ``None`` for llama.cpp's own, by free memory, or a better one."""

    @property
    def is_open(self) -> bool:
        """True where it may be chosen how much of the model the host has."""
        return self.gpu_layers is None and self.n_cpu_moe is None


def judge(costs: Costs, target: Target, wanted: Wanted, *, whole_only: bool = False) -> Judged:
    """Place a model on a target and compare.

    Args:
        costs: What the model costs in the wanted setup.
        target: GPUs, fastest first, and the host.
        wanted: What is asked for. Left to itself, as many layers as fit, on as few GPUs as hold
            them all; of a mixture that does not fit, the experts of as few layers as need be stay
            on the host, and only then whole layers.
        whole_only: Call what the GPUs do not hold whole a *no*, and be spared the search for a
            partial placement.
    """
    if not target.gpus or wanted.gpu_layers == 0:
        return _host_only(costs, target)
    sharing = Sharing(costs, target.gpus, wanted.tensor_split)
    if wanted.gpu_layers is not None:
        return _as_asked(sharing, target, wanted, wanted.gpu_layers)
    if wanted.n_cpu_moe and sharing.has_experts:
        return _without_experts(sharing, target, wanted.n_cpu_moe)
    whole = _whole(sharing, target)
    if whole_only or whole.fit.verdict is not Verdict.NO or not _may_hold(costs, target):
        return whole
    return _shared_out(sharing, target, wanted, whole.fit) or whole


def lacks_bytes(costs: Costs, target: Target, wanted: Wanted) -> float:
    """By how much a target lacks memory for all that is wanted where it is wanted.

    Not above zero just where `judge` with ``whole_only`` does not say *no*: solvers need no more.
    """
    if not target.gpus or wanted.gpu_layers == 0:
        return excess_bytes(_allocations(costs, target, _on_host(costs), ()), ())
    sharing = Sharing(costs, target.gpus, wanted.tensor_split)
    if wanted.gpu_layers is not None:
        asked = sharing.usual(wanted.gpu_layers, wanted.n_cpu_moe or 0)
        return _lacks(sharing, target, asked)
    least = float("inf")
    for row in _rows(sharing):
        least = min(least, _lacks(row, target, row.usual(row.layers)))
        if least > 0:
            others = (row.whole(over) for over in (over_now, over_idle))
            found = [_lacks(row, target, one) for one in others if one is not None]
            least = min([least, *found])
        if least <= 0:
            break
    return least


def may_be_shared_out(costs: Costs, target: Target, wanted: Wanted) -> bool:
    """True where the host alone could hold all of it, so that it runs with any part on GPUs.

    Then `judge` does not say *no*, however many layers the GPUs hold: solvers need no search.
    """
    if not target.gpus or wanted.gpu_layers is not None:
        return False
    if any(gpu.shares_host_memory for gpu in target.gpus):
        return False
    allocations = _allocations(costs, target, _on_host(costs), ())
    return excess_bytes(allocations, ()) <= 0


def _may_hold(costs: Costs, target: Target) -> bool:
    """False where weights and cache alone are more than all GPUs and the host have together."""
    weights, host = costs.weights, target.host
    room = _most(host.available_bytes, host.capacity_bytes)
    if not any(gpu.shares_host_memory for gpu in target.gpus):
        room += sum(_most(gpu.available_bytes, gpu.capacity_bytes) for gpu in target.gpus)
    return weights.blocks_bytes + weights.input_bytes + costs.context.cache_bytes <= room


def _most(now: Figure | None, idle: Figure | None) -> float:
    """What a device may have, now or with nothing else running; no end where nobody knows."""
    return float("inf") if now is None or idle is None else max(now.value, idle.value)


def margin_bytes(costs: Costs) -> int:
    """What is left free of each GPU where the layers are chosen: as much as the runtime would."""
    reserve = preset(costs.setup.runtime).reserve_bytes
    return FIT_MARGIN_BYTES if reserve is None else reserve


def _host_only(costs: Costs, target: Target) -> Judged:
    return _judged(costs, target, _on_host(costs), ())


def _on_host(costs: Costs) -> Placement:
    weights = costs.weights
    return place(
        block_count=weights.block_count,
        unused_blocks=weights.unused_blocks,
        gpu_layers=0,
        weights=(),
    )


def _rows(sharing: Sharing) -> Sequence[Sharing]:
    """As few of the GPUs as may be, then more; all of them where a split was asked for."""
    if sharing.split is not None or len(sharing.gpus) == 1:
        return [sharing]
    fewer = range(1, len(sharing.gpus))
    return [*(Sharing(sharing.costs, sharing.gpus[:count]) for count in fewer), sharing]


def _whole(sharing: Sharing, target: Target) -> Judged:
    """All layers, on as few GPUs as hold them; on all GPUs where none do."""
    found: list[Judged] = []
    for row in _rows(sharing):
        if row is not sharing and not may_hold_whole(row.costs, row.gpus):
            continue
        found.append(_whole_on(row, target))
        if found[-1].fit.verdict is Verdict.FITS:
            return found[-1]
    best = min(found, key=_rank)
    return found[-1] if best.fit.verdict is Verdict.NO else best


def _whole_on(sharing: Sharing, target: Target) -> Judged:
    """All layers on all of these GPUs: split as usual, unless another split fits better."""
    usual = _placed(sharing, target, sharing.usual(sharing.layers))
    if usual.fit.verdict is Verdict.FITS:
        return usual
    for placement in _others(sharing, usual.fit.verdict):
        other = _placed(sharing, target, placement)
        if _rank(other) < _rank(usual):
            return other
    return usual


def _others(sharing: Sharing, usual: Verdict) -> Iterator[Placement]:
    """Other splits of all layers, the best first; the usual one has its verdict already."""
    found = [sharing.whole(over_sure)]
    if found == [None] and usual is Verdict.NO:
        found = [sharing.whole_with_spare(over) for over in (over_now, over_idle)]
    return (one for one in found if one is not None)


def _rank(judged: Judged) -> int:
    return judged.fit.verdict.rank


def _as_asked(sharing: Sharing, target: Target, wanted: Wanted, gpu_layers: int) -> Judged:
    """Exactly the wanted layers and experts, over all GPUs."""
    judged = _placed(sharing, target, sharing.usual(gpu_layers, wanted.n_cpu_moe or 0))
    if judged.fit.verdict is Verdict.NO and judged.fit.device != HOST:
        return replace(judged, fit=replace(judged.fit, why=Why.ALL_LAYERS_ASKED))
    if judged.fit.verdict is Verdict.NO or judged.placement.is_whole:
        return judged
    return _as_partial(judged, _all_layers(sharing, target))


def _all_layers(sharing: Sharing, target: Target) -> Fit:
    """How the whole model would fit all GPUs, split as usual."""
    return _placed(sharing, target, sharing.usual(sharing.layers)).fit


def _without_experts(sharing: Sharing, target: Target, n_cpu_moe: int) -> Judged:
    """The wanted experts on the host; all layers on the GPUs if they fit, else as many as do."""
    whole = _all_layers(sharing, target)
    usual = _placed(sharing, target, sharing.usual(sharing.layers, n_cpu_moe))
    if usual.fit.verdict is not Verdict.NO:
        return _as_partial(usual, whole)
    over = over_margin(margin_bytes(sharing.costs))
    packed = sharing.all_bare(n_cpu_moe, over)
    found = None if packed is None else _partial(sharing, target, packed, whole)
    fewer = sharing.most_layers(n_cpu_moe, over)
    return found or _partial(sharing, target, fewer, whole) or usual


def _shared_out(sharing: Sharing, target: Target, wanted: Wanted, whole: Fit) -> Judged | None:
    """What the GPUs hold with the runtime's margin, the rest on the host.

    Of a mixture, first the experts of as few layers as need be, then whole layers: the experts
    are most of it, and one token reads few of them.

    Returns:
        ``None`` when the host cannot hold the rest.
    """
    over = over_margin(margin_bytes(sharing.costs))
    if not sharing.has_experts or wanted.n_cpu_moe == 0:
        return _partial(sharing, target, sharing.most_layers(0, over), whole)
    placement = sharing.fewest_bare(over)
    if placement is None:
        placement = sharing.most_layers(sharing.blocks, over)
    return _partial(sharing, target, placement, whole)


def _partial(sharing: Sharing, target: Target, placement: Placement, whole: Fit) -> Judged | None:
    judged = _placed(sharing, target, placement)
    return None if judged.fit.verdict is Verdict.NO else _as_partial(judged, whole)


def _as_partial(judged: Judged, whole: Fit) -> Judged:
    """The same placement, named for what it is: some of it on the CPU."""
    fit = judged.fit
    return replace(
        judged,
        fit=Fit(
            verdict=Verdict.PARTIAL,
            now=Verdict.NO if fit.now is Verdict.NO else Verdict.PARTIAL,
            idle=Verdict.NO if fit.idle is Verdict.NO else Verdict.PARTIAL,
            why=_why_partial(judged.placement),
            device=whole.device,
            needed_bytes=whole.needed_bytes,
            high_bytes=whole.high_bytes,
            available_bytes=whole.available_bytes,
        ),
    )


def _why_partial(placement: Placement) -> Why:
    if not placement.bare_blocks:
        return Why.SOME_LAYERS
    return Why.SOME_EXPERTS if placement.has_all_layers else Why.LAYERS_WITHOUT_EXPERTS


def _placed(sharing: Sharing, target: Target, placement: Placement) -> Judged:
    return _judged(sharing.costs, target, placement, sharing.gpus)


def _judged(costs: Costs, target: Target, placement: Placement, gpus: Sequence[Gpu]) -> Judged:
    allocations = _allocations(costs, target, placement, gpus)
    fit = compared(allocations, gpus)
    return Judged(placement=placement, allocations=allocations, fit=fit, gpus=tuple(gpus))


def _lacks(sharing: Sharing, target: Target, placement: Placement) -> float:
    allocations = _allocations(sharing.costs, target, placement, sharing.gpus)
    return excess_bytes(allocations, sharing.gpus)


def _allocations(
    costs: Costs, target: Target, placement: Placement, gpus: Sequence[Gpu]
) -> tuple[Allocation, ...]:
    host = target.host
    return (
        *(gpu_allocation(costs, placement, place, gpu) for place, gpu in enumerate(gpus)),
        host_allocation(
            costs,
            placement,
            available=host.available_bytes,
            capacity=host.capacity_bytes,
            instruction_sets=None if target.gpus else host.instruction_sets,
        ),
    )
