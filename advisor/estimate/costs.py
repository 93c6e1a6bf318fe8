"""What one model costs in one setup, wherever its layers are: sums that every placement draws on.

Holds the running sums over weights, cache and scratch, each worked out once; never a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from advisor.estimate import compute, kv_cache

if TYPE_CHECKING:
    from advisor.estimate.graph_shape import GraphShape
    from advisor.estimate.placement import Placement, Share
    from advisor.estimate.setup import Setup
    from advisor.estimate.weights import Weights
    from catalog.cache import LayerCache


@dataclass(kw_only=True, eq=False)
class ContextCosts:
    """What one model's context costs in one setup, whatever quant its weights have."""

    caches: Sequence[LayerCache]
    shape: GraphShape
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
    def largest_layer_bytes(self) -> int:
        """The cache of the layer that keeps most."""
        return max((after - before for before, after in pairwise(self.cache_sums)), default=0)

    @cached_property
    def _device_bytes(self) -> dict[tuple[bool, bool], int]:
        return {}

    def device_compute_bytes(self, *, has_output: bool, is_cut: bool) -> int:
        """Scratch of a GPU with or without the output layer, and with or without all blocks."""
        key = (has_output, is_cut)
        known = self._device_bytes.get(key)
        if known is None:
            known = self._device_bytes[key] = compute.device_bytes(
                self.shape, self.caches, self.setup, with_output=has_output, is_cut=is_cut
            )
        return known

    def gpu_compute_bytes(self, placement: Placement, place: int) -> int:
        """Scratch of the GPU at a place in the row, which may be one of a pipeline."""
        scratch = self.device_compute_bytes(
            has_output=placement.gpus[place].has_output, is_cut=placement.host.blocks > 0
        )
        if not placement.is_pipeline:
            return scratch
        return scratch + compute.pipeline_bytes(
            self.shape, self.caches, self.setup, copies_embeddings=1 if place == 0 else 2
        )

    def host_compute_bytes(self, placement: Placement) -> int:
        """Scratch of the host: inputs alone beside GPUs that hold everything, else its blocks."""
        share = placement.host
        if share.blocks or share.has_output:
            return self._host_blocks_bytes[share.has_output]
        if not placement.is_pipeline:
            return self._host_inputs_bytes
        return self._host_inputs_bytes + self._host_pipeline_bytes

    @cached_property
    def _host_inputs_bytes(self) -> int:
        return compute.host_bytes(self.shape, self.caches, self.setup)

    @property
    def _host_pipeline_bytes(self) -> int:
        return compute.host_pipeline_bytes(self.shape, self.caches, self.setup)

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
        if not share.blocks:
            return 0
        return self._weight_sums[share.last] - self._weight_sums[share.first]

    def blocks_read_bytes(self, share: Share) -> int:
        """Weights of a share's blocks that one token reads."""
        if share.blocks == self.weights.block_count:
            return self.weights.blocks_read_bytes
        if not share.blocks:
            return 0
        return self._read_sums[share.last] - self._read_sums[share.first]

    def blocks_cache_bytes(self, share: Share) -> int:
        """Cache of a share's blocks."""
        if share.blocks == self.weights.block_count:
            return self.context.cache_bytes
        if not share.blocks:
            return 0
        sums = self.context.cache_sums
        return sums[share.last] - sums[share.first]

    def share_bytes(self, share: Share) -> int:
        """Weights of a GPU's share: its blocks, the output layer, and what opens the graph."""
        size = self.blocks_bytes(share)
        if share.has_output:
            size += self.weights.output_bytes
        if self.context.shape.lookup and share.blocks < self.weights.block_count:
            opens = bool(share.blocks) and share.first == 0
            size += self._opening_bytes * (opens - share.has_output)
        return size

    def host_share_bytes(self, share: Share) -> int:
        """Weights of the host's share, and the input tables, which are always there."""
        size = self.weights.input_bytes + self.blocks_bytes(share)
        if share.has_output:
            return size + self.weights.output_host_bytes
        return size + (self._opening_bytes if share.blocks and self.context.shape.lookup else 0)

    @cached_property
    def _opening_bytes(self) -> int:
        return self.weights.opening_bytes()

    @cached_property
    def _largest_tensor_bytes(self) -> int:
        return self.weights.largest_tensor_bytes()

    def copied_bytes(self, placement: Placement) -> int:
        """What a GPU copies over to compute a large batch of the host's blocks.

        One tensor at a time, and the keys and values of one layer: the larger of the two.

        Source: llama.cpp's `op_offload` (batches of 32 tokens and more), October 2026; a log of an
        RTX 2060 with 15 of 33 layers has 248 MiB of scratch instead of 140.
        """
        if not placement.host.blocks or not placement.gpu_layers:
            return 0
        return max(self._largest_tensor_bytes, self.context.largest_layer_bytes)
