"""The tensors of one model: what each is for, its shape, its type, and which layers have it.

Held as *groups* of equal tensors (a dozen or two per model), never as a list of hundreds, so that
summing a table costs microseconds. A table comes from a model's hyperparameters and a quant's
recipe, or from a GGUF header; nothing downstream knows which.

Shapes are in ggml's order: the length of a row first. Bytes are whole: a row is a whole number of
blocks, and a block has a whole number of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catalog.quant import GgmlType


class Role(StrEnum):
    """What a tensor is for, which decides where it is placed and how often it is read."""

    TOKEN_EMBEDDING = "token-embedding"  # noqa: S105  (no password)
    """The input table: one row is read per token; it stays on the host."""

    OUTPUT = "output"
    """The head, and the final norm: counted as one layer by llama.cpp."""

    ATTENTION = "attention"
    FEED_FORWARD = "feed-forward"
    ROUTED_EXPERT = "routed-expert"
    """Stacked experts, of which each token reads only some."""

    SHARED_EXPERT = "shared-expert"
    ROUTER = "router"
    NORM = "norm"
    RECURRENT = "recurrent"
    """State-space, linear-attention and short-convolution weights."""

    LOOKUP_TABLE = "lookup-table"
    """Per-layer embeddings: a few rows are read per token; it stays on the host."""

    ROPE_FACTORS = "rope-factors"
    """Tables of rotary factors: in the file, and no weights in their maker's count."""

    VISION = "vision"
    MTP = "mtp"
    """A next-token-prediction block, which ordinary decoding does not read."""

    UNUSED = "unused"
    """In the file and in memory, never read (the K and V of layers that share another's cache)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorGroup:
    """Equal tensors of several layers, or one tensor that belongs to none."""

    name: str
    """llama.cpp's name without `blk.N.`, such as `attn_q.weight` or `token_embd.weight`."""

    role: Role

    shape: tuple[int, ...]
    """Elements, row length first."""

    layers: tuple[int, ...] | None
    """The layers that have it, ascending; ``None`` for a tensor outside the layers."""

    type: GgmlType | None = None
    """How its elements are stored; ``None`` until a recipe or a header says so."""

    count: int = field(init=False)
    """How many tensors the group holds."""

    _bytes_each: int | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sum once what is asked for often: a scan weighs the same groups in many tables."""
        store = object.__setattr__
        store(self, "count", 1 if self.layers is None else len(self.layers))
        known = None if self.type is None else self.type.bytes_for(prod(self.shape))
        store(self, "_bytes_each", known)

    @property
    def elements_each(self) -> int:
        """Elements of one tensor."""
        return prod(self.shape)

    @property
    def elements(self) -> int:
        """Elements of all its tensors."""
        return self.elements_each * self.count

    @property
    def bytes_each(self) -> int:
        """Bytes of one tensor.

        Raises:
            ValueError: The group has no type yet.
        """
        if self._bytes_each is None:
            msg = f"the type of `{self.name}` is not known yet"
            raise ValueError(msg)
        return self._bytes_each

    @property
    def bytes(self) -> int:
        """Bytes of all its tensors.

        Raises:
            ValueError: The group has no type yet.
        """
        return self.bytes_each * self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorTable:
    """All tensors of one model in one quant."""

    groups: tuple[TensorGroup, ...]

    @property
    def elements(self) -> int:
        """Weights of the whole table."""
        return sum(group.elements for group in self.groups)

    @property
    def bytes(self) -> int:
        """Bytes of all tensors, without header and padding."""
        return sum(group.bytes for group in self.groups)

    def bytes_of(self, roles: Iterable[Role]) -> int:
        """Bytes of the tensors with one of these roles."""
        wanted = frozenset(roles)
        return sum(group.bytes for group in self.groups if group.role in wanted)
