"""What one model costs in one setup, wherever its layers are: sums that every placement draws on.

Holds the running sums over weights, cache and scratch, each worked out once; never a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from advisor.estimate import compute, copies, kv_cache
from advisor.estimate.flash import is_lost
from advisor.estimate.graph.helping import Help, Helping
from advisor.estimate.graph.lending import Extras, extras_of
from advisor.estimate.graph.scratch import Scratch
from advisor.estimate.resident import repacked_bytes

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
        return not self.shape.lookup and (self.setup.flash_attention or self.gave_up_flash)

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

    def as_placed(self, placement: Placement) -> ContextCosts:
        """What it costs there: the same, but for flash attention that llama.cpp gives up."""
        return self._without_flash if self._loses_flash(placement) else self

    @cached_property
    def _helpings(self) -> dict[Extras, Helping]:
        return {}

    def helping(self, extras: Extras) -> Helping:
        """The same where a GPU computes for the host a model that has these weights too."""
        if extras not in self._helpings:
            self._helpings[extras] = Helping(scratch=self.drawn, extras=extras)
        return self._helpings[extras]

    @cached_property
    def drawn(self) -> Scratch:
        """The scratch of its graph, drawn."""
        return Scratch(graph=self.shape.graph, caches=self.caches, setup=self.setup)

    @cached_property
    def _drawn_of(self) -> dict[Placement, tuple[int, ...]]:
        return {}

    def _drawn_bytes(self, placement: Placement) -> tuple[int, ...]:
        """Scratch of every GPU and of the host, as the drawn graph needs it."""
        known = self._drawn_of.get(placement)
        if known is None:
            known = self._drawn_of[placement] = self.drawn.bytes_of(placement)
        return known

    def gpu_compute_bytes(self, placement: Placement, place: int) -> int:
        """Scratch of the GPU at a place in the row, which may be one of a pipeline."""
        if self._loses_flash(placement):
            return self._without_flash.gpu_compute_bytes(placement, place)
        if self.shape.graph.is_drawn:
            return self._drawn_bytes(placement)[place]
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
        if self.shape.graph.is_drawn:
            return self._drawn_bytes(placement)[-1]
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


class LayerSums:
    """Running sums over a model's layers, which all of its contexts share."""

    def __init__(self, weights: Weights) -> None:
        self._of = weights

    @cached_property
    def weights(self) -> tuple[int, ...]:
        """Bytes of the blocks before each block."""
        return self._of.prefix_bytes()

    @cached_property
    def read(self) -> tuple[int, ...]:
        """Bytes of them that one token reads."""
        return self._of.prefix_read_bytes()

    @cached_property
    def experts(self) -> tuple[int, ...]:
        """Bytes of their experts."""
        return self._of.prefix_expert_bytes()

    @cached_property
    def experts_read(self) -> tuple[int, ...]:
        """Bytes of those that one token reads."""
        return self._of.prefix_expert_read_bytes()

    @cached_property
    def largest_tensor(self) -> int:
        """Bytes of the largest tensor of a block."""
        return self._of.largest_tensor_bytes()

    @cached_property
    def opening(self) -> int:
        """Bytes of what opens the graph."""
        return self._of.opening_bytes()


@lru_cache(maxsize=64)
def _layer_sums(weights: Weights) -> LayerSums:
    """One for all contexts of one model in one quant: solvers ask at many."""
    return LayerSums(weights)


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
    def _sums(self) -> LayerSums:
        return _layer_sums(self.weights)

    def expert_bytes(self, span: Span) -> int:
        """Experts of some blocks."""
        sums = self._sums.experts
        return sums[span[1]] - sums[span[0]]

    def _expert_read_bytes(self, span: Span) -> int:
        sums = self._sums.experts_read
        return sums[span[1]] - sums[span[0]]

    def blocks_bytes(self, share: Share) -> int:
        """Weights of a share's blocks, without the output layer."""
        if share.blocks == self.weights.block_count:
            size = self.weights.blocks_bytes
        elif share.blocks:
            sums = self._sums.weights
            size = sums[share.last] - sums[share.first]
        else:
            size = 0
        return size + _moved(share, self.expert_bytes)

    def blocks_read_bytes(self, share: Share) -> int:
        """Weights of a share's blocks that one token reads."""
        if share.blocks == self.weights.block_count:
            size = self.weights.blocks_read_bytes
        elif share.blocks:
            sums = self._sums.read
            size = sums[share.last] - sums[share.first]
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
            size += self._sums.opening * (opens - share.has_output)
        return size

    def host_share_bytes(self, share: Share) -> int:
        """Weights of the host's share, and the input tables, which are always there."""
        size = self.weights.input_bytes + self.blocks_bytes(share)
        if share.has_output:
            return size + self.weights.output_host_bytes
        return size + (self._sums.opening if share.blocks and self.context.shape.lookup else 0)

    def repacked_bytes(self, instruction_sets: tuple[str, ...]) -> Figure:
        """Second copies that a CPU of these instruction sets keeps, where it has no GPU."""
        setup = self.setup
        return repacked_bytes(
            self.weights,
            instruction_sets,
            maps_file=setup.maps_file,
            is_locked=setup.load_mode.is_locked,
        )

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

    @cached_property
    def _extras(self) -> Extras:
        return extras_of(self.weights.table())

    @cached_property
    def _helped(self) -> WeakKeyDictionary[Help, int]:
        return WeakKeyDictionary()

    def _helping_bytes(self, placement: Placement) -> int:
        """Scratch of the first GPU, with what it computes for the host."""
        context = self.context.as_placed(placement)
        help_ = context.helping(self._extras).of(placement)
        known = self._helped.get(help_)
        if known is None:
            known = self._helped[help_] = help_.gpu_bytes(self.weights.table())
        return known

    def copied_bytes(self, placement: Placement, place: int) -> int:
        """What a GPU holds besides to compute large batches of what the host has.

        The first GPU does so for all: `graph.helping` says what that takes, which is less than
        nothing where what it would copy for its own layers stays where it is. Where no graph is
        drawn, it copies of dense layers one tensor at a time, and the keys and values of one layer:
        the larger of the two. Of experts, see `copies`.

        Source: llama.cpp's `op_offload` (batches of 32 tokens and more), October 2026; a log of an
        RTX 2060 with 15 of 33 layers has 248 MiB of scratch instead of 140.
        """
        host = placement.host
        if place or not placement.gpu_layers or not (host.blocks or host.experts):
            return 0
        scratch = self.context.gpu_compute_bytes(placement, place)
        if self.context.shape.graph.is_drawn:
            return self._helping_bytes(placement) - scratch
        copied = 0
        has_experts = any(map(self.expert_bytes, host.experts))
        if has_experts or (host.blocks and self.weights.expert_bytes):
            copied = max(0, self._expert_peak_bytes(placement) - scratch)
        if not host.blocks:
            return copied
        largest = 0 if self.weights.expert_bytes else self._sums.largest_tensor
        return max(copied, largest, self.context.largest_layer_bytes)


def _moved(share: Share, experts_of: Callable[[Span], int]) -> int:
    """Experts that a share has of others' blocks, less those of its own that are elsewhere."""
    if not share.experts and not share.is_bare:
        return 0
    return sum(map(experts_of, share.experts)) - experts_of(share.bare)
