"""What a GGUF file spends on listing its tensors and on placing them.

Holds the sizes that the format itself fixes; never what is in a vocabulary (`catalog.container`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.tensors import TensorTable

ALIGNMENT_BYTES = 32
"""Where the tensors of a GGUF file begin, unless its header says otherwise; none is known to."""


def tensor_list_bytes(table: TensorTable) -> int:
    """What the header's list of tensors takes.

    Each entry is the name (a length of 8 bytes, then its letters), the number of dimensions
    (4 bytes), each dimension (8), the type (4) and the place in the file (8).

    Source: ggml's docs/gguf.md, `gguf_tensor_info_t`.
    """
    return sum(
        (24 + len(group.name) + 8 * len(group.shape)) * group.count
        + sum(len(f"blk.{layer}.") for layer in group.layers or ())
        for group in table.groups
    )


def padding_bytes(table: TensorTable) -> int:
    """What aligning each tensor takes."""
    return sum(-group.bytes_each % ALIGNMENT_BYTES * group.count for group in table.groups)
