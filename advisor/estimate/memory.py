"""The memory one placement takes, by device and part.

Adds up what the other files of this folder say about a layer; holds no formula of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from advisor.estimate import compute
from advisor.estimate.overhead import overhead_bytes

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.placement import Placement, Share
    from advisor.figure import Figure
    from advisor.target import Gpu

COPIES_ERROR = 0.1
"""Half the width of the interval of what a GPU holds to compute for the host, as a share of it.

With it, eight of nine buffers that the library reserved for settings drawn at random are inside.
Where the next copy lies often hangs on a few bytes, which no other backend shares.
"""

HOST = "host"
"""The name of the host among the devices of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What one device holds of a model. All in bytes."""

    name: str
    kind: str
    """`gpu` or `host`."""

    weights_bytes: int
    kv_cache_bytes: int
    compute_bytes: int
    overhead_bytes: int
    low_bytes: int
    """Lower end of the total's interval: scratch and overhead are estimates. Never below what is
    exact, weights and cache."""

    high_bytes: int
    """Upper end of it."""

    available_bytes: int | None
    """What it has now; ``None`` where that is not known."""

    capacity_bytes: int | None
    """What it has with nothing else running."""

    repack_bytes: int = 0
    """Of the overhead, second copies of weights that a CPU without a GPU keeps, where the kernel
    may drop the first ones."""

    @property
    def total_bytes(self) -> int:
        """Everything on this device."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes

    @property
    def needed_bytes(self) -> int:
        """What must be there: all but pages of the file that have a copy, which may be dropped."""
        return self.total_bytes - self.repack_bytes

    @property
    def needed_high_bytes(self) -> int:
        """Upper end of it."""
        if not self.repack_bytes:
            return self.high_bytes
        return min(self.high_bytes, 2 * self.needed_bytes - self.low_bytes)


def gpu_allocation(costs: Costs, placement: Placement, place: int, gpu: Gpu) -> Allocation:
    """What one GPU holds.

    Args:
        costs: The model's costs.
        placement: Where every layer is.
        place: The GPU's place in the row of GPUs.
        gpu: The device.
    """
    need = gpu_need(costs, placement, place, gpu)
    return Allocation(
        name=gpu.name,
        kind="gpu",
        weights_bytes=need.weights_bytes,
        kv_cache_bytes=need.kv_cache_bytes,
        compute_bytes=need.compute_bytes,
        overhead_bytes=need.overhead_bytes,
        low_bytes=need.low_bytes,
        high_bytes=need.high_bytes,
        available_bytes=_whole(gpu.available_bytes),
        capacity_bytes=_whole(gpu.capacity_bytes),
    )


class Need(NamedTuple):
    """What one GPU must have for its share; the numbers of an `Allocation`, in its words."""

    weights_bytes: int
    kv_cache_bytes: int
    compute_bytes: int
    overhead_bytes: int
    low_bytes: int
    high_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes

    def with_share(self, costs: Costs, share: Share) -> Need:
        """The same with the weights and the cache of another share; only those are exact."""
        weights, cache = costs.share_bytes(share), costs.blocks_cache_bytes(share)
        more = weights + cache - self.weights_bytes - self.kv_cache_bytes
        return self._replace(
            weights_bytes=weights,
            kv_cache_bytes=cache,
            low_bytes=self.low_bytes + more,
            high_bytes=self.high_bytes + more,
        )


def gpu_overhead(costs: Costs, gpu: Gpu) -> Figure:
    """What a GPU's driver and backend take besides; see `overhead`."""
    return overhead_bytes(
        backend=gpu.backend,
        architecture=gpu.architecture,
        kind=gpu.kind,
        is_mixture=costs.weights.expert_bytes > 0,
        ubatch_tokens=costs.setup.ubatch_tokens,
    )


def gpu_need(costs: Costs, placement: Placement, place: int, gpu: Gpu) -> Need:
    """What one GPU needs: see `gpu_allocation`. Solvers ask for it thousands of times."""
    share = placement.gpus[place]
    weights, cache = costs.share_bytes(share), costs.blocks_cache_bytes(share)
    exact = weights + cache
    if not share.is_used:
        return Need(weights, cache, 0, 0, exact, exact)
    overhead = gpu_overhead(costs, gpu)
    scratch = costs.context.gpu_compute_bytes(placement, place)
    copies = costs.copied_bytes(placement, place)
    low, high = _interval(costs, scratch, overhead, copies)
    scratch, copies = scratch + min(0, copies), max(0, copies)
    return Need(weights, cache, scratch, int(overhead.value) + copies, exact + low, exact + high)


def host_allocation(
    costs: Costs,
    placement: Placement,
    *,
    available: Figure | None,
    capacity: Figure | None,
    instruction_sets: tuple[str, ...] | None = None,
) -> Allocation:
    """What the host holds: input tables, its layers, and the buffer logits are handed over in.

    Args:
        costs: The model's costs.
        placement: Where every layer is.
        available: Memory that is free now.
        capacity: Memory with nothing else running.
        instruction_sets: Those of a CPU that computes without any GPU beside it, which keeps
            second copies of weights; ``None`` for a host beside GPUs, which keeps none.
    """
    share = placement.host
    scratch = costs.context.host_compute_bytes(placement)
    weights, cache = costs.host_share_bytes(share), costs.blocks_cache_bytes(share)
    output = costs.context.output_buffer_bytes
    copies = None if instruction_sets is None else costs.repacked_bytes(instruction_sets)
    repacked = 0 if copies is None else int(copies.value)
    low, high = _interval(costs, scratch, copies, 0)
    return Allocation(
        name=HOST,
        kind="host",
        weights_bytes=weights,
        kv_cache_bytes=cache,
        compute_bytes=scratch,
        overhead_bytes=output + repacked,
        repack_bytes=0 if costs.setup.load_mode.is_locked else repacked,
        low_bytes=weights + cache + output + low,
        high_bytes=weights + cache + output + high,
        available_bytes=_whole(available),
        capacity_bytes=_whole(capacity),
    )


def scratch_error_bytes(costs: Costs, scratch: int, copies: int) -> float:
    """Half the width of the interval of scratch and what is copied over from the host."""
    error = compute.relative_error(costs.context.shape) * (scratch + min(0, copies))
    return error + COPIES_ERROR * max(0, copies)


def _whole(figure: Figure | None) -> int | None:
    return None if figure is None else int(figure.value)


def _interval(costs: Costs, scratch: int, overhead: Figure | None, copies: int) -> tuple[int, int]:
    """What scratch, the driver's context and copied blocks take: at least, at most [bytes].

    The largest errors are added up: nothing says that they are independent.
    """
    error = scratch_error_bytes(costs, scratch, copies)
    low, high = scratch + copies - error, scratch + copies + error
    if overhead is not None:
        low += overhead.value if overhead.low is None else overhead.low
        high += overhead.value if overhead.high is None else overhead.high
    return max(0, round(low)), round(high)
