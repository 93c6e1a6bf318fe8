"""The memory one placement takes, by device and part.

Adds up what the other files of this folder say about a layer; holds no formula of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from advisor.estimate import compute, kv_cache
from advisor.estimate.overhead import driver_context_bytes

if TYPE_CHECKING:
    from advisor.estimate.placement import Placement, Share
    from advisor.estimate.setup import Setup
    from advisor.estimate.weights import Weights
    from advisor.figure import Figure
    from advisor.target import Gpu
    from catalog.cache import LayerCache

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
    error_bytes: int
    """Half the width of the total's interval: scratch and overhead are estimates."""

    available_bytes: int | None
    """What it has now; ``None`` where that is not known."""

    capacity_bytes: int | None
    """What it has with nothing else running."""

    @property
    def total_bytes(self) -> int:
        """Everything on this device."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.overhead_bytes


@dataclass(kw_only=True, eq=False)
class ContextCosts:
    """What one model's context costs in one setup, whatever quant its weights have."""

    caches: Sequence[LayerCache]
    shape: compute.GraphShape
    setup: Setup
    block_count: int

    @cached_property
    def cache_bytes(self) -> int:
        """The whole cache."""
        return kv_cache.cache_bytes(self.caches, self.setup)

    @cached_property
    def cache_sums(self) -> tuple[int, ...]:
        """Bytes of the caches of the blocks before each block."""
        return kv_cache.prefix_bytes(self.caches, self.setup, self.block_count)

    @cached_property
    def device_compute_bytes(self) -> tuple[int, int]:
        """Scratch of a GPU without and with the output layer."""
        without, with_output = (
            compute.device_bytes(self.shape, self.caches, self.setup, with_output=output)
            for output in (False, True)
        )
        return without, with_output

    def host_compute_bytes(self, share: Share) -> int:
        """Scratch of the host: inputs alone beside GPUs that hold everything, else its blocks."""
        if not share.blocks and not share.has_output:
            return self._host_inputs_bytes
        return self._host_blocks_bytes[share.has_output]

    @cached_property
    def _host_inputs_bytes(self) -> int:
        return compute.host_bytes(self.shape, self.caches, self.setup)

    @cached_property
    def _host_blocks_bytes(self) -> tuple[int, int]:
        without, with_output = (
            compute.host_alone_bytes(self.shape, self.caches, self.setup, with_output=output)
            for output in (False, True)
        )
        return without, with_output

    @cached_property
    def output_buffer_bytes(self) -> int:
        """The buffer that logits are handed over in."""
        return compute.output_buffer_bytes(self.shape, self.setup)


@dataclass(kw_only=True, eq=False)
class Costs:
    """What one model in one quant and setup costs, wherever its layers are."""

    weights: Weights
    context: ContextCosts

    @property
    def setup(self) -> Setup:
        """The setup of its context."""
        return self.context.setup

    @cached_property
    def _weight_sums(self) -> tuple[int, ...]:
        return self.weights.prefix_bytes()

    @cached_property
    def _read_sums(self) -> tuple[int, ...]:
        return self.weights.prefix_read_bytes()

    def blocks_bytes(self, share: Share) -> int:
        """Weights of a share's blocks, without the output layer."""
        if share.blocks == self.weights.block_count:
            return self.weights.blocks_bytes
        return self._weight_sums[share.last] - self._weight_sums[share.first]

    def blocks_read_bytes(self, share: Share) -> int:
        """Weights of a share's blocks that one token reads."""
        if share.blocks == self.weights.block_count:
            return self.weights.blocks_read_bytes
        return self._read_sums[share.last] - self._read_sums[share.first]

    def blocks_cache_bytes(self, share: Share) -> int:
        """Cache of a share's blocks."""
        if share.blocks == self.weights.block_count:
            return self.context.cache_bytes
        sums = self.context.cache_sums
        return sums[share.last] - sums[share.first]


def gpu_allocation(costs: Costs, share: Share, gpu: Gpu, *, holds_copies: int) -> Allocation:
    """What one GPU holds.

    Args:
        costs: The model's costs.
        share: Its layers.
        gpu: The device.
        holds_copies: Weights of host blocks that are copied over for large batches. [bytes]
    """
    overhead = driver_context_bytes(
        backend=gpu.backend, architecture=gpu.architecture, kind=gpu.kind
    )
    scratch = costs.context.device_compute_bytes[share.has_output]
    in_use = share.blocks > 0 or share.has_output
    error = _error(costs, scratch, overhead)
    return Allocation(
        name=gpu.name,
        kind="gpu",
        weights_bytes=costs.blocks_bytes(share)
        + (costs.weights.output_bytes if share.has_output else 0),
        kv_cache_bytes=costs.blocks_cache_bytes(share),
        compute_bytes=scratch if in_use else 0,
        overhead_bytes=int(overhead.value) + holds_copies if in_use else 0,
        error_bytes=error if in_use else 0,
        available_bytes=_whole(gpu.available_bytes),
        capacity_bytes=_whole(gpu.capacity_bytes),
    )


def host_allocation(
    costs: Costs, placement: Placement, *, available: Figure | None, capacity: Figure | None
) -> Allocation:
    """What the host holds: input tables, its layers, and the buffer logits are handed over in."""
    share = placement.host
    weights = costs.weights.input_bytes + costs.blocks_bytes(share)
    if share.has_output:
        weights += costs.weights.output_host_bytes
    scratch = costs.context.host_compute_bytes(share)
    return Allocation(
        name=HOST,
        kind="host",
        weights_bytes=weights,
        kv_cache_bytes=costs.blocks_cache_bytes(share),
        compute_bytes=scratch,
        overhead_bytes=costs.context.output_buffer_bytes,
        error_bytes=_error(costs, scratch, None),
        available_bytes=_whole(available),
        capacity_bytes=_whole(capacity),
    )


def _whole(figure: Figure | None) -> int | None:
    return None if figure is None else int(figure.value)


def _error(costs: Costs, scratch: int, overhead: Figure | None) -> int:
    error = compute.relative_error(costs.context.shape) * scratch
    if overhead is not None and overhead.low is not None and overhead.high is not None:
        error += max(overhead.high - overhead.value, overhead.value - overhead.low)
    return round(error)
