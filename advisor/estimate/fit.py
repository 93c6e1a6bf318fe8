"""Whether a model fits a target, and how: which GPUs, how many layers, how much context.

Every answer comes from placing the model and adding it up; the solvers search over that one
model of memory and have no formula of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.estimate.memory import HOST, gpu_allocation, host_allocation
from advisor.estimate.placement import place
from advisor.estimate.result import Fit, Verdict, Why
from advisor.estimate.solver import largest_that, smallest_that

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to be where; ``None`` to solve for it."""

    gpu_layers: int | None = None
    """Layers on GPUs, the output layer counted as one."""

    n_cpu_moe: int | None = None
    """First blocks whose experts stay on the host. With a number of GPU layers, ``None`` is 0."""

    tensor_split: tuple[float, ...] | None = None
    """Shares of the GPUs; ``None`` for llama.cpp's own, by free memory."""


@dataclass(frozen=True, slots=True)
class _Room:
    """One comparison: a need against what is there now and with nothing else running."""

    device: str
    needed: int
    high: int
    """Upper end of the need."""

    now: int | None
    idle: int | None

    def verdict(self, available: int | None) -> Verdict:
        """Nothing is said to fit that may need more than there is."""
        if available is None:
            return Verdict.FITS
        if self.needed > available:
            return Verdict.NO
        is_sure = self.high <= available and self.needed <= available * (1 - SPARE_SHARE)
        return Verdict.FITS if is_sure else Verdict.TIGHT

    @property
    def has_spare(self) -> bool:
        """True where what is needed, as far as is known, leaves enough."""
        return self.needed <= self._available * (1 - SPARE_SHARE)

    @property
    def _available(self) -> int:
        return (self.now if self.now is not None else self.idle) or 0

    @property
    def shortage(self) -> tuple[int, float]:
        """The verdict now, and need over what is there; the room with the largest decides."""
        available = self.now if self.now is not None else self.idle
        if available is None:
            return 0, 0.0
        share = self.needed / available if available > 0 else float("inf")
        return self.verdict(available).rank, share


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
    if wanted.gpu_layers is not None:
        return _as_asked(costs, target, wanted, wanted.gpu_layers)
    counts = range(1, len(target.gpus) + 1) if wanted.tensor_split is None else [len(target.gpus)]
    whole = [_whole(costs, target, target.gpus[:count], wanted) for count in counts]
    if wanted.n_cpu_moe and costs.weights.expert_bytes:
        return _without_experts(costs, target, wanted, whole[-1].fit)
    best = min(whole, key=lambda judged: judged.fit.verdict.rank)
    if best.fit.verdict is not Verdict.NO:
        return best
    partial = None if whole_only else _shared_out(costs, target, wanted, whole[-1].fit)
    return partial or whole[-1]


def _host_only(costs: Costs, target: Target) -> Judged:
    placement = place(block_count=costs.weights.block_count, gpu_layers=0, weights=())
    return _judged(costs, target, placement, ())


def _whole(costs: Costs, target: Target, gpus: Sequence[Gpu], wanted: Wanted) -> Judged:
    layers = costs.weights.block_count + 1
    return _judged(costs, target, _placement(costs, gpus, layers, 0, wanted), gpus)


def _as_asked(costs: Costs, target: Target, wanted: Wanted, gpu_layers: int) -> Judged:
    """Exactly the wanted layers and experts, over all GPUs."""
    judged = _placed(costs, target, gpu_layers, wanted.n_cpu_moe or 0, wanted)
    if judged.fit.verdict is Verdict.NO and judged.fit.device != HOST:
        return replace(judged, fit=replace(judged.fit, why=Why.ALL_LAYERS_ASKED))
    if judged.fit.verdict is Verdict.NO or judged.placement.is_whole:
        return judged
    return _as_partial(judged, _whole(costs, target, target.gpus, wanted).fit)


def _without_experts(costs: Costs, target: Target, wanted: Wanted, whole: Fit) -> Judged:
    """The wanted experts on the host; all layers on the GPUs if they fit, else as many as do."""
    layers, count = costs.weights.block_count + 1, wanted.n_cpu_moe or 0
    judged = _placed(costs, target, layers, count, wanted)
    if judged.fit.verdict is not Verdict.NO:
        return _as_partial(judged, whole)
    fewer = _fewer_layers(costs, target, wanted, whole, count)
    return fewer or judged


def _placed(
    costs: Costs, target: Target, gpu_layers: int, n_cpu_moe: int, wanted: Wanted
) -> Judged:
    placement = _placement(costs, target.gpus, gpu_layers, n_cpu_moe, wanted)
    return _judged(costs, target, placement, target.gpus)


def _placement(
    costs: Costs, gpus: Sequence[Gpu], gpu_layers: int, n_cpu_moe: int, wanted: Wanted
) -> Placement:
    return place(
        block_count=costs.weights.block_count,
        gpu_layers=gpu_layers,
        weights=[split_weight(gpu) for gpu in gpus],
        split=wanted.tensor_split,
        n_cpu_moe=n_cpu_moe if costs.weights.expert_bytes else 0,
    )


def split_weight(gpu: Gpu) -> float:
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
            costs,
            placement,
            available=host.available_bytes,
            capacity=host.capacity_bytes,
            instruction_sets=None if target.gpus else host.instruction_sets,
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
        high_bytes=worst.high,
        available_bytes=worst.now if worst.now is not None else worst.idle,
    )
    return Judged(placement=placement, allocations=allocations, fit=fit, gpus=tuple(gpus))


def _rank(verdict: Verdict) -> int:
    return verdict.rank


def _rooms(allocations: Sequence[Allocation], gpus: Sequence[Gpu]) -> list[_Room]:
    """One comparison per device; unified memory is compared once more as the pool it is."""
    host = allocations[-1]
    rooms = [
        _Room(
            one.name,
            one.needed_bytes,
            one.needed_high_bytes,
            one.available_bytes,
            one.capacity_bytes,
        )
        for one in allocations[:-1]
    ]
    if any(gpu.shares_host_memory for gpu in gpus):
        name, pool = "unified memory", allocations
    else:
        name, pool = host.name, allocations[-1:]
    needed = sum(one.needed_bytes for one in pool)
    high = sum(one.needed_high_bytes for one in pool)
    return [*rooms, _Room(name, needed, high, host.available_bytes, host.capacity_bytes)]


def _why(now: Verdict, idle: Verdict, worst: _Room) -> Why:
    if worst.now is None and worst.idle is None:
        return Why.UNKNOWN_MEMORY
    if now is Verdict.FITS:
        return Why.ENOUGH
    if now is Verdict.TIGHT:
        return Why.MAY_NEED_MORE if worst.has_spare else Why.LITTLE_SPARE
    return Why.WHEN_FREED if idle is not Verdict.NO else Why.TOO_LITTLE


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


def _shared_out(costs: Costs, target: Target, wanted: Wanted, whole: Fit) -> Judged | None:
    """What the GPUs hold with llama.cpp's margin, the rest on the host.

    Of a mixture, first the experts of as few layers as need be, then whole layers: the experts
    are most of it, and one token reads few of them.

    Returns:
        ``None`` when the host cannot hold the rest.
    """
    layers = costs.weights.block_count + 1
    if not costs.weights.expert_bytes or wanted.n_cpu_moe == 0:
        return _fewer_layers(costs, target, wanted, whole, 0)
    fewest = smallest_that(
        lambda count: _leaves_margin(costs, target, layers, count, wanted), 1, layers - 1
    )
    if fewest is None:
        return _fewer_layers(costs, target, wanted, whole, layers - 1)
    judged = _placed(costs, target, layers, fewest, wanted)
    return None if judged.fit.verdict is Verdict.NO else _as_partial(judged, whole)


def _fewer_layers(
    costs: Costs, target: Target, wanted: Wanted, whole: Fit, n_cpu_moe: int
) -> Judged | None:
    """As many layers as the GPUs hold, with the experts of the first ones on the host."""
    most = largest_that(
        lambda count: _leaves_margin(costs, target, count, n_cpu_moe, wanted),
        0,
        costs.weights.block_count,
    )
    judged = _placed(costs, target, most or 0, n_cpu_moe, wanted)
    return None if judged.fit.verdict is Verdict.NO else _as_partial(judged, whole)


def _leaves_margin(
    costs: Costs, target: Target, gpu_layers: int, n_cpu_moe: int, wanted: Wanted
) -> bool:
    """True when every GPU keeps llama.cpp's margin free, and has room for the upper end."""
    placement = _placement(costs, target.gpus, gpu_layers, n_cpu_moe, wanted)
    return all(
        one.available_bytes is None
        or max(one.total_bytes + FIT_MARGIN_BYTES, one.high_bytes) <= one.available_bytes
        for one in _cards(costs, placement, target.gpus)
    )
