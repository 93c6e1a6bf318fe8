"""Layers as llama.cpp's `--fit` counts them: so many for each GPU, the last of them without parts.

Holds what such a choice takes, from our model of memory, and how it is written in flags; never the
choosing, which is `fit_flags`.

Source: llama.cpp `common/fit.cpp` and `tools/fit-params` (October 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING

from advisor.estimate.memory import gpu_allocation, host_allocation
from advisor.estimate.placement import Span, place, placed
from advisor.estimate.sharing import split_weight

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.memory import Allocation
    from advisor.estimate.placement import Placement
    from advisor.target import Gpu, Target


class Fraction(Enum):
    """What a GPU keeps of the first layer that it has only part of.

    The value is how the names of the tensors begin that go elsewhere, and how `--fit` writes it.
    """

    ATTENTION = (("ffn_gate", "ffn_up", "ffn_down"), r"ffn_(gate|up|gate_up|down).*")
    UP = (("ffn_gate", "ffn_down"), r"ffn_(gate|gate_up|down).*")
    GATE = (("ffn_down",), r"ffn_down.*")
    DENSE = ((), r"ffn_(up|down|gate_up|gate)_(ch|)exps")
    """All but the experts; every layer that is only in part on a GPU, but for the first."""

    @property
    def leaves(self) -> tuple[str, ...]:
        """Beginnings of the names of what goes elsewhere."""
        leaves: tuple[str, ...] = self.value[0]
        return leaves

    @property
    def pattern(self) -> str:
        """The same as a pattern, after the layer's own."""
        pattern: str = self.value[1]
        return pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What one GPU gets."""

    count: int = 0
    """Layers, the output layer counted as one."""

    part: int = 0
    """Of those, the last ones that are here only in part."""

    fraction: Fraction = Fraction.DENSE
    """What is here of the first of them."""


def spans_of(layers: Sequence[Layers], last: int) -> list[Span]:
    """The layers of each GPU, the output layer counted as the last.

    Args:
        layers: Of each GPU.
        last: The output layer's number.
    """
    edges = [last + 1 - sum(one.count for one in layers)]
    for one in layers:
        edges.append(edges[-1] + one.count)
    return list(pairwise(edges))


def placement_of(layers: Sequence[Layers], block_count: int, unused_blocks: int = 0) -> Placement:
    """Where everything is.

    The last GPU's layers are counted with the output layer at their end, which has no experts: so
    its first block is whole where only the output layer was meant to be. `--fit` names layers as if
    a file had no prediction blocks, which llama.cpp counts all the same.
    """
    spans = spans_of(layers, block_count + unused_blocks)
    named = spans_of(layers, block_count)
    bare = [
        (_within(named_last - one.part, span, block_count), _within(named_last, span, block_count))
        for one, span, (_, named_last) in zip(layers, spans, named, strict=True)
    ]
    return placed(block_count=block_count, spans=spans, bare=bare, unused_blocks=unused_blocks)


def _within(layer: int, span: Span, block_count: int) -> int:
    """The layer, or the nearest one of a GPU's."""
    return min(max(layer, span[0]), span[1], block_count)


def allocations_of(
    costs: Costs, gpus: Sequence[Gpu], layers: Sequence[Layers]
) -> tuple[list[Allocation], list[int]]:
    """What each GPU holds, and how many bytes more or less than that, for parts of layers."""
    weights = costs.weights
    placement = placement_of(layers, weights.block_count, weights.unused_blocks)
    found = [gpu_allocation(costs, placement, number, gpu) for number, gpu in enumerate(gpus)]
    more = [0] * len(found)
    for number, (one, share) in enumerate(zip(layers, placement.gpus, strict=True)):
        first, last = share.bare
        if one.fraction is Fraction.DENSE or first == last:
            continue
        leaving = weights.bytes_named(first, one.fraction.leaves)
        more[number] += costs.expert_bytes((first, first + 1)) - leaving
        if number + 1 < len(found):
            more[number + 1] += leaving
    return found, more


def whole_allocations(costs: Costs, target: Target) -> list[Allocation]:
    """What each GPU holds with all layers on them, split by free memory; without any, the host."""
    gpus, host = target.gpus, target.host
    weights = costs.weights
    placement = place(
        block_count=weights.block_count,
        unused_blocks=weights.unused_blocks,
        gpu_layers=weights.layers,
        weights=[split_weight(gpu) for gpu in gpus],
    )
    if gpus:
        return [gpu_allocation(costs, placement, number, gpu) for number, gpu in enumerate(gpus)]
    return [
        host_allocation(
            costs,
            placement,
            available=host.available_bytes,
            capacity=host.capacity_bytes,
            instruction_sets=host.instruction_sets,
        )
    ]


def flags_of(layers: Sequence[Layers], *, block_count: int, device_names: Sequence[str]) -> str:
    """What `llama-fit-params` prints of it, after the context.

    Args:
        layers: Of each GPU.
        block_count: Layers without the output layer. [count]
        device_names: llama.cpp's names of the GPUs, such as `CUDA0`.
    """
    words = f"-ngl {sum(one.count for one in layers)}"
    if len(layers) > 1:
        counts = [str(one.count) for one in layers]
        while len(counts) > 1 and counts[-1] == "0":
            counts.pop()
        if len(counts) > 1:
            words += f" -ts {','.join(counts)}"
    overrides = []
    for number, (one, (_, last)) in enumerate(
        zip(layers, spans_of(layers, block_count), strict=True)
    ):
        first = last - one.part
        for layer in range(first, last):
            fraction = one.fraction if layer == first else Fraction.DENSE
            is_next = fraction is not Fraction.DENSE and number + 1 < len(layers)
            name = device_names[number + 1] if is_next else "CPU"
            overrides.append(rf"blk\.{layer}\.{fraction.pattern}={name}")
    return words + (f' -ot "{",".join(overrides)}"' if overrides else "")
