"""Whether a model fits a target, and how: which GPUs, how many layers, how much context.

Every answer comes from placing the model and adding it up; the solvers search over that one
model of memory and have no formula of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.estimate.memory import HOST, gpu_allocation, host_allocation
from advisor.estimate.placement import place
from advisor.estimate.result import Fit, Verdict, Why

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.memory import Allocation
    from advisor.estimate.placement import Placement
    from advisor.target import Gpu, Target

SPARE_SHARE = 0.05
"""With less than this to spare a fit is tight. 0 to 1."""

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


@dataclass(frozen=True, slots=True)
class _Room:
    """One comparison: a need against what is there now and with nothing else running."""

    device: str
    needed: int
    now: int | None
    idle: int | None

    def verdict(self, available: int | None) -> Verdict:
        if available is None or self.needed <= available * (1 - SPARE_SHARE):
            return Verdict.FITS
        return Verdict.TIGHT if self.needed <= available else Verdict.NO

    @property
    def shortage(self) -> float:
        """Need over what is there now; the room with the largest decides."""
        available = self.now if self.now is not None else self.idle
        if available is None:
            return 0.0
        return self.needed / available if available > 0 else float("inf")


def judge(
    costs: Costs, target: Target, *, gpu_layers: int | None, whole_only: bool = False
) -> Judged:
    """Place a model on a target and compare.

    Args:
        costs: What the model costs in the wanted setup.
        target: GPUs, fastest first, and the host.
        gpu_layers: How many layers to offload; ``None`` for as many as fit, on as few GPUs
            as hold them all.
        whole_only: With ``None``, call what the GPUs do not hold whole a *no*, and be spared the
            search for a partial placement.
    """
    if not target.gpus or gpu_layers == 0:
        return _host_only(costs, target)
    if gpu_layers is not None:
        return _as_asked(costs, target, gpu_layers)
    whole = [_whole(costs, target, target.gpus[:count]) for count in range(1, len(target.gpus) + 1)]
    best = min(whole, key=lambda judged: judged.fit.verdict.rank)
    if best.fit.verdict is not Verdict.NO:
        return best
    partial = None if whole_only else _shared_out(costs, target, whole[-1].fit)
    return partial or whole[-1]


def _host_only(costs: Costs, target: Target) -> Judged:
    placement = place(block_count=costs.weights.block_count, gpu_layers=0, weights=())
    return _judged(costs, target, placement, ())


def _whole(costs: Costs, target: Target, gpus: Sequence[Gpu]) -> Judged:
    layers = costs.weights.block_count + 1
    return _placed(costs, target, gpus, layers)


def _as_asked(costs: Costs, target: Target, gpu_layers: int) -> Judged:
    """Exactly the wanted layers, over all GPUs."""
    judged = _placed(costs, target, target.gpus, gpu_layers)
    if judged.fit.verdict is Verdict.NO and judged.fit.device != HOST:
        return replace(judged, fit=replace(judged.fit, why=Why.ALL_LAYERS_ASKED))
    if judged.fit.verdict is Verdict.NO or judged.placement.is_whole:
        return judged
    return _as_partial(judged, _whole(costs, target, target.gpus).fit)


def _placed(costs: Costs, target: Target, gpus: Sequence[Gpu], gpu_layers: int) -> Judged:
    return _judged(costs, target, _placement(costs, gpus, gpu_layers), gpus)


def _placement(costs: Costs, gpus: Sequence[Gpu], gpu_layers: int) -> Placement:
    return place(
        block_count=costs.weights.block_count,
        gpu_layers=gpu_layers,
        weights=[_split_weight(gpu) for gpu in gpus],
    )


def _split_weight(gpu: Gpu) -> float:
    """llama.cpp splits by the memory that is free when it starts."""
    known = gpu.available_bytes or gpu.capacity_bytes
    return max(known.value, 1.0) if known else 1.0


def _allocations(
    costs: Costs, target: Target, placement: Placement, gpus: Sequence[Gpu]
) -> tuple[Allocation, ...]:
    host = target.host
    return (
        *_cards(costs, placement, gpus),
        host_allocation(
            costs, placement, available=host.available_bytes, capacity=host.capacity_bytes
        ),
    )


def _cards(costs: Costs, placement: Placement, gpus: Sequence[Gpu]) -> Iterator[Allocation]:
    """What each GPU holds."""
    return (gpu_allocation(costs, placement, place, gpu) for place, gpu in enumerate(gpus))


def _judged(costs: Costs, target: Target, placement: Placement, gpus: Sequence[Gpu]) -> Judged:
    allocations = _allocations(costs, target, placement, gpus)
    rooms = _rooms(allocations, gpus)
    now = max((room.verdict(room.now) for room in rooms), key=_rank)
    idle = max((room.verdict(room.idle) for room in rooms), key=_rank)
    worst = max(rooms, key=lambda room: room.shortage)
    verdict = now
    if now is Verdict.NO and idle is not Verdict.NO:
        verdict = Verdict.TIGHT
    fit = Fit(
        verdict=verdict,
        now=now,
        idle=idle,
        why=_why(now, idle, worst),
        device=worst.device,
        needed_bytes=worst.needed,
        available_bytes=worst.now if worst.now is not None else worst.idle,
    )
    return Judged(placement=placement, allocations=allocations, fit=fit, gpus=tuple(gpus))


def _rank(verdict: Verdict) -> int:
    return verdict.rank


def _rooms(allocations: Sequence[Allocation], gpus: Sequence[Gpu]) -> list[_Room]:
    """One comparison per device; unified memory is compared once more as the pool it is."""
    host = allocations[-1]
    rooms = [
        _Room(one.name, one.total_bytes, one.available_bytes, one.capacity_bytes)
        for one in allocations[:-1]
    ]
    if any(gpu.shares_host_memory for gpu in gpus):
        together = sum(one.total_bytes for one in allocations)
        rooms.append(_Room("unified memory", together, host.available_bytes, host.capacity_bytes))
    else:
        rooms.append(_Room(host.name, host.total_bytes, host.available_bytes, host.capacity_bytes))
    return rooms


def _why(now: Verdict, idle: Verdict, worst: _Room) -> Why:
    if worst.now is None and worst.idle is None:
        return Why.UNKNOWN_MEMORY
    if now is Verdict.FITS:
        return Why.ENOUGH
    if now is Verdict.TIGHT:
        return Why.LITTLE_SPARE
    return Why.WHEN_FREED if idle is not Verdict.NO else Why.TOO_LITTLE


def _as_partial(judged: Judged, whole: Fit) -> Judged:
    """The same placement, named for what it is: some layers on the CPU."""
    fit = judged.fit
    return replace(
        judged,
        fit=Fit(
            verdict=Verdict.PARTIAL,
            now=Verdict.NO if fit.now is Verdict.NO else Verdict.PARTIAL,
            idle=Verdict.NO if fit.idle is Verdict.NO else Verdict.PARTIAL,
            why=Why.SOME_LAYERS,
            device=whole.device,
            needed_bytes=whole.needed_bytes,
            available_bytes=whole.available_bytes,
        ),
    )


def _shared_out(costs: Costs, target: Target, whole: Fit) -> Judged | None:
    """As many layers as the GPUs hold with llama.cpp's margin, the rest on the host.

    Args:
        costs: What the model costs.
        target: GPUs and host.
        whole: Why all layers do not fit: the two numbers that the answer compares.

    Returns:
        ``None`` when the host cannot hold the rest.
    """

    def leaves_margin(gpu_layers: int) -> bool:
        placement = _placement(costs, target.gpus, gpu_layers)
        return all(
            one.available_bytes is None or one.total_bytes + FIT_MARGIN_BYTES <= one.available_bytes
            for one in _cards(costs, placement, target.gpus)
        )

    layers = largest_that(leaves_margin, 0, costs.weights.block_count)
    judged = _placed(costs, target, target.gpus, layers or 0)
    return None if judged.fit.verdict is Verdict.NO else _as_partial(judged, whole)


def largest_that(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The largest integer between the two (included) for which a falling condition holds.

    Returns:
        ``None`` when it does not even hold for ``low``.
    """
    if not holds(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
