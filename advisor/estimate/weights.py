"""What a model's weights cost: in memory by layer, and in bytes read for one token.

Holds how the catalog's sums become what a placement needs; never which device a layer is on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.sums import WeightSums
    from catalog.tensors import TensorTable


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

    blocks_bytes: int
    blocks_read_bytes: int
    expert_bytes: int
    """Routed experts, all of them."""

    expert_read_share: float
    """Routed experts one token reads, over those there are. 0 to 1."""

    _table: Callable[[], TensorTable] = field(repr=False)

    def prefix_bytes(self) -> tuple[int, ...]:
        """Bytes of the blocks before block ``i``, for ``i`` from 0 to the block count."""
        return self._prefix(read=False)

    def prefix_read_bytes(self) -> tuple[int, ...]:
        """Bytes read per token of the blocks before block ``i``."""
        return self._prefix(read=True)

    def _prefix(self, *, read: bool) -> tuple[int, ...]:
        """Running sums over the layers, which only a partial placement asks for."""
        from catalog.tensors import Role

        left_out = {Role.MTP, Role.VISION, Role.TOKEN_EMBEDDING, Role.LOOKUP_TABLE}
        layers = [0] * self.block_count
        for group in self._table().groups:
            if group.role in left_out or (read and group.role is Role.UNUSED):
                continue
            each = group.bytes_each
            if read and group.role is Role.ROUTED_EXPERT:
                each = round(each * self.expert_read_share)
            for layer in group.layers or ():
                layers[layer] += each
        return tuple(accumulate(layers, initial=0))


def weigh(
    sums: WeightSums,
    table: Callable[[], TensorTable],
    *,
    block_count: int,
    experts_used: int | None,
    experts: int | None,
) -> Weights:
    """What a model weighs.

    Args:
        sums: What its tensors take together.
        table: Gives every tensor with its type, for whoever asks for single layers.
        block_count: Layers, without the output layer. [count]
        experts_used: Routed experts one token reads; ``None`` for a dense model. [count]
        experts: Routed experts there are. [count]
    """
    share = experts_used / experts if experts_used and experts else 1.0
    unselected = round(sums.expert_bytes * (1 - share))
    return Weights(
        block_count=block_count,
        tensor_bytes=sums.tensor_bytes,
        input_bytes=sums.embedding_bytes + sums.lookup_bytes,
        output_bytes=(sums.head_bytes or sums.embedding_bytes) + sums.outside_bytes,
        output_host_bytes=sums.head_bytes + sums.outside_bytes,
        blocks_bytes=sums.blocks_bytes,
        blocks_read_bytes=sums.blocks_bytes - sums.unread_bytes - unselected,
        expert_bytes=sums.expert_bytes,
        expert_read_share=share,
        _table=table,
    )
