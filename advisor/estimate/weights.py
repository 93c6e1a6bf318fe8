"""What a model's weights cost: in memory by layer, and in bytes read for one token.

Holds how the catalog's sums become what a placement needs; never which device a layer is on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.sums import WeightSums
    from catalog.tensors import TensorGroup, TensorTable


class TiedHead(StrEnum):
    """What a model without a head of its own makes of its token embedding."""

    COPIED = "copied"
    """The device of the output layer gets a copy."""

    ON_HOST = "on the host"
    """The host multiplies by the embedding itself, wherever the output layer is (BitNet)."""

    NONE = "none"
    """Nothing: it has no logits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """What one model in one quant weighs.

    ``read`` counts what one token makes the processor read: all of a layer but the unselected
    experts, all of the head, and of the input tables nothing worth counting (one row).
    """

    block_count: int
    tensor_bytes: int
    """Every tensor of the file, also those that are not loaded."""

    input_bytes: int
    """Token embedding and lookup tables: on the host, wherever the layers are."""

    output_bytes: int
    """Head and final norm: the "output layer". For a tied head, the copy it makes on a device."""

    output_host_bytes: int
    """The same on the host, where a tied head is the embedding itself and costs nothing more."""

    host_head_bytes: int
    """Of the embedding, what the host multiplies by wherever the output layer is; 0 for most."""

    blocks_bytes: int
    blocks_read_bytes: int
    expert_bytes: int
    """Routed experts, all of them."""

    expert_read_share: float
    """Routed experts one token reads, over those there are. 0 to 1."""

    repacked: tuple[int, int, int]
    """What a CPU keeps a second copy of: with AVX2, with AVX-512, on ARM. See `catalog.repacks`."""

    unused_blocks: int = 0
    """Prediction blocks of the file, behind the others: llama.cpp counts them as layers, and loads
    none of them."""

    table: Callable[[], TensorTable] = field(repr=False)
    """Gives every tensor with its type."""

    @property
    def layers(self) -> int:
        """Layers as `--gpu-layers` counts them: all blocks, and the output layer."""
        return self.block_count + self.unused_blocks + 1

    def prefix_bytes(self) -> tuple[int, ...]:
        """Bytes of the blocks before block ``i``, for ``i`` from 0 to the block count."""
        return self._prefix(read=False)

    def prefix_read_bytes(self) -> tuple[int, ...]:
        """Bytes read per token of the blocks before block ``i``."""
        return self._prefix(read=True)

    def prefix_expert_bytes(self) -> tuple[int, ...]:
        """Bytes of the experts of the blocks before block ``i``: what `--n-cpu-moe` moves."""
        return self._prefix(read=False, wanted=is_expert)

    def prefix_expert_read_bytes(self) -> tuple[int, ...]:
        """Bytes of them read per token."""
        return self._prefix(read=True, wanted=is_expert)

    def expert_matrices(self) -> Iterator[TensorGroup]:
        """The stacked matrices of the experts."""
        return (one for one in self._block_groups() if is_expert(one) and len(one.shape) > 2)

    def bytes_named(self, layer: int, beginnings: tuple[str, ...]) -> int:
        """Bytes of one block's tensors whose names begin so."""
        return sum(
            one.bytes_each
            for one in self._block_groups()
            if one.name.startswith(beginnings) and layer in (one.layers or ())
        )

    def largest_tensor_bytes(self) -> int:
        """Bytes of the largest tensor of a block."""
        return max((group.bytes_each for group in self._block_groups()), default=0)

    def opening_bytes(self) -> int:
        """Bytes of what belongs to no block and is loaded where the first one is.

        Only the projection of per-layer embeddings is: it counts among `output_bytes`, which holds
        while one device has everything.

        Source: llama.cpp `src/llama-arch.cpp` (`LLM_TENSOR_LAYER_REPEATING`), October 2026.
        """
        from catalog.tensors import Role

        return sum(
            group.bytes
            for group in self.table().groups
            if group.layers is None and group.role in {Role.FEED_FORWARD, Role.NORM}
        )

    def _block_groups(self) -> Iterator[TensorGroup]:
        """The tensors of the blocks, which only a partial placement asks for."""
        from catalog.tensors import Role

        left_out = {Role.MTP, Role.VISION, Role.TOKEN_EMBEDDING, Role.LOOKUP_TABLE}
        return (
            group
            for group in self.table().groups
            if group.layers is not None and group.role not in left_out
        )

    def _prefix(
        self, *, read: bool, wanted: Callable[[TensorGroup], bool] | None = None
    ) -> tuple[int, ...]:
        """Running sums over the layers."""
        from catalog.tensors import Role

        everywhere, layers = 0, [0] * self.block_count
        for group in self._block_groups():
            if (read and group.role is Role.UNUSED) or (wanted and not wanted(group)):
                continue
            each = group.bytes_each
            if read and group.role is Role.ROUTED_EXPERT:
                each = round(each * self.expert_read_share)
            here = group.layers or ()
            if len(here) == self.block_count:
                everywhere += each
                continue
            for layer in here:
                layers[layer] += each
        return tuple(accumulate((everywhere + own for own in layers), initial=0))


EXPERT_NAMES = tuple(
    f"ffn_{part}_{kind}exps" for part in ("up", "down", "gate", "gate_up") for kind in ("", "ch")
)
"""Beginnings of the names that `--n-cpu-moe` sends to the CPU.

Source: llama.cpp `common/common.h` (`LLM_FFN_EXPS_REGEX`), October 2026.
"""


def is_expert(group: TensorGroup) -> bool:
    """True for what `--n-cpu-moe` keeps on the host: the experts, their biases and scales."""
    return group.name.startswith(EXPERT_NAMES)


def weigh(  # noqa: PLR0913  (two hold the tensors, four what the model makes of them)
    sums: WeightSums,
    table: Callable[[], TensorTable],
    *,
    block_count: int,
    expert_read_share: float = 1.0,
    tied_head: TiedHead = TiedHead.COPIED,
    unused_blocks: int = 0,
) -> Weights:
    """What a model weighs.

    Args:
        sums: What its tensors take together.
        table: Gives every tensor with its type, for whoever asks for single layers.
        block_count: Layers, without the output layer. [count]
        expert_read_share: Routed experts one token reads, over those there are. 0 to 1.
        tied_head: What becomes of the token embedding where there is no head.
        unused_blocks: Prediction blocks that the file has besides. [count]
    """
    tied = sums.embedding_bytes if tied_head is TiedHead.COPIED else 0
    unselected = round(sums.expert_bytes * (1 - expert_read_share))
    return Weights(
        block_count=block_count,
        tensor_bytes=sums.tensor_bytes,
        input_bytes=sums.embedding_bytes + sums.lookup_bytes,
        output_bytes=(sums.head_bytes or tied) + sums.outside_bytes,
        output_host_bytes=sums.head_bytes + sums.outside_bytes,
        host_head_bytes=sums.embedding_bytes if tied_head is TiedHead.ON_HOST else 0,
        blocks_bytes=sums.blocks_bytes,
        blocks_read_bytes=sums.blocks_bytes - sums.unread_bytes - unselected,
        expert_bytes=sums.expert_bytes,
        expert_read_share=expert_read_share,
        repacked=(
            sums.repacked_avx2_bytes,
            sums.repacked_avx512_bytes,
            sums.repacked_arm_bytes,
        ),
        unused_blocks=unused_blocks,
        table=table,
    )
