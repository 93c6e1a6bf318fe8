"""What one model costs in one setup, wherever its layers are: sums that every placement draws on.

Holds the running sums over weights, cache and scratch, each worked out once; never a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from advisor.estimate import compute, copies, kv_cache
from advisor.estimate.flash import is_lost
from advisor.estimate.resident import repacked_bytes
from advisor.estimate.runtimes import preset

if TYPE_CHECKING:
    from advisor.estimate.graph_shape import GraphShape
    from advisor.estimate.placement import Placement, Share, Span
    from advisor.estimate.setup import Setup
    from advisor.estimate.weights import Weights
    from advisor.figure import Figure
    from catalog.cache import LayerCache


@dataclass(kw_only=True, eq=False)
class ContextCosts:
    """What one model's context costs in one setup, whatever quant its weights have."""

    caches: Sequence[LayerCache]
    shape: GraphShape
    setup: Setup
    block_count: int
    gave_up_flash: bool = False
    """True where a GPU attends for the host's last attention, and flash attention went for it."""

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
    def _device_bytes(self) -> dict[tuple[bool, bool, Span | None], int]:
        return {}

    @cached_property
    def _has_like_blocks(self) -> bool:
        """True where one block's scratch is like another's, scores of windows apart."""
        is_plain = self.shape.indexer is None and not self.shape.lookup
        return is_plain and (self.setup.flash_attention or self.gave_up_flash)

    def device_compute_bytes(
        self, *, has_output: bool, is_cut: bool, span: Span | None = None
    ) -> int:
        """Scratch of a GPU with or without the output layer, and with or without all blocks.

        Args:
            has_output: True when it has the output layer.
            is_cut: True when the host has blocks.
            span: The GPU's blocks; ``None`` for all.
        """
        if self._has_like_blocks and span is not None and span[1] - span[0] != 1:
            span = None  # which of equal blocks it has makes no difference
        key = (has_output, is_cut, span)
        known = self._device_bytes.get(key)
        if known is None:
            known = self._device_bytes[key] = compute.device_bytes(
                self.shape,
                self.caches,
                self.setup,
                with_output=has_output,
                is_cut=is_cut,
                span=span,
            )
        return known

    def _loses_flash(self, placement: Placement) -> bool:
        """True when llama.cpp gives flash attention up for where the layers are."""
        if not (self.shape.may_lose_flash and self.setup.may_lose_flash):
            return False
        is_partial = 0 < placement.host.blocks < self.block_count
        return is_partial and is_lost(self.caches, placement.host.last)

    @cached_property
    def _without_flash(self) -> ContextCosts:
        """The same without flash attention."""
        setup = replace(self.setup, flash_attention=False, may_lose_flash=False)
        return replace(self, setup=setup, gave_up_flash=True)

    def gpu_compute_bytes(self, placement: Placement, place: int) -> int:
        """Scratch of the GPU at a place in the row, which may be one of a pipeline."""
        if self._loses_flash(placement):
            return self._without_flash.gpu_compute_bytes(placement, place)
        share = placement.gpus[place]
        scratch = self.device_compute_bytes(
            has_output=share.has_output,
            is_cut=placement.host.blocks > 0,
            span=(share.first, share.last),
        )
        if not placement.is_pipeline:
            return scratch
        return scratch + compute.pipeline_bytes(
            self.shape, self.caches, self.setup, copies_embeddings=1 if place == 0 else 2
        )

    def host_compute_bytes(self, placement: Placement) -> int:
        """Scratch of the host: inputs alone beside GPUs that hold everything, else its blocks."""
        if self._loses_flash(placement):
            return self._without_flash.host_compute_bytes(placement)
        share = placement.host
        if share.blocks or share.has_output:
            return self._host_blocks_bytes(share)
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
    def _host_bytes(self) -> dict[tuple[bool, Span | None], int]:
        return {}

    def _host_blocks_bytes(self, share: Share) -> int:
        span = None if self._has_like_blocks else (share.first, share.last)
        key = (share.has_output, span)
        known = self._host_bytes.get(key)
        if known is None:
            known = self._host_bytes[key] = compute.host_alone_bytes(
                self.shape, self.caches, self.setup, with_output=share.has_output, span=span
            )
        return known

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

    @cached_property
    def _expert_sums(self) -> tuple[int, ...]:
        return self.weights.prefix_expert_bytes()

    @cached_property
    def _expert_read_sums(self) -> tuple[int, ...]:
        return self.weights.prefix_expert_read_bytes()

    def expert_bytes(self, span: Span) -> int:
        """Experts of some blocks."""
        return self._expert_sums[span[1]] - self._expert_sums[span[0]]

    def _expert_read_bytes(self, span: Span) -> int:
        return self._expert_read_sums[span[1]] - self._expert_read_sums[span[0]]

    def blocks_bytes(self, share: Share) -> int:
        """Weights of a share's blocks, without the output layer."""
        if share.blocks == self.weights.block_count:
            size = self.weights.blocks_bytes
        elif share.blocks:
            size = self._weight_sums[share.last] - self._weight_sums[share.first]
        else:
            size = 0
        return size + _moved(share, self.expert_bytes)

    def blocks_read_bytes(self, share: Share) -> int:
        """Weights of a share's blocks that one token reads."""
        if share.blocks == self.weights.block_count:
            size = self.weights.blocks_read_bytes
        elif share.blocks:
            size = self._read_sums[share.last] - self._read_sums[share.first]
        else:
            size = 0
        return size + _moved(share, self._expert_read_bytes)

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

    def repacked_bytes(self, instruction_sets: tuple[str, ...] | None) -> Figure:
        """Second copies that a CPU of these instruction sets keeps; none where it has a GPU."""
        maps_file = instruction_sets is not None and preset(self.setup.runtime).maps_file
        return repacked_bytes(self.weights, instruction_sets or (), maps_file=maps_file)

    @cached_property
    def _largest_tensor_bytes(self) -> int:
        return self.weights.largest_tensor_bytes()

    @cached_property
    def _expert_peaks(self) -> dict[tuple[bool, bool], int]:
        return {}

    def _expert_peak_bytes(self, placement: Placement) -> int:
        """Scratch of the first GPU with a copy of experts; see `copies`."""
        key = (any(share.is_bare for share in placement.gpus[1:]), placement.host.blocks > 0)
        known = self._expert_peaks.get(key)
        if known is None:
            known = self._expert_peaks[key] = copies.expert_peak_bytes(
                self.weights, self.context, for_other_gpus=key[0], for_host_blocks=key[1]
            )
        return known

    def copied_bytes(self, placement: Placement, place: int) -> int:
        """What a GPU holds besides to compute large batches of what the host has.

        The first GPU does so for all. Of dense layers it copies one tensor at a time, and the keys
        and values of one layer: the larger of the two. Of experts, see `copies`.

        Source: llama.cpp's `op_offload` (batches of 32 tokens and more), October 2026; a log of an
        RTX 2060 with 15 of 33 layers has 248 MiB of scratch instead of 140.
        """
        host = placement.host
        if place or not placement.gpu_layers or not (host.blocks or host.experts):
            return 0
        scratch = self.context.gpu_compute_bytes(placement, place)
        copied = 0
        has_experts = any(map(self.expert_bytes, host.experts))
        if has_experts or (host.blocks and self.weights.expert_bytes):
            copied = max(0, self._expert_peak_bytes(placement) - scratch)
        if not host.blocks:
            return copied
        largest = 0 if self.weights.expert_bytes else self._largest_tensor_bytes
        return max(copied, largest, self.context.largest_layer_bytes)


def _moved(share: Share, experts_of: Callable[[Span], int]) -> int:
    """Experts that a share has of others' blocks, less those of its own that are elsewhere."""
    if not share.experts and not share.is_bare:
        return 0
    return sum(map(experts_of, share.experts)) - experts_of(share.bare)
