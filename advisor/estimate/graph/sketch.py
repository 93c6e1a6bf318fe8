"""A graph as its allocator sees it: how large each tensor is, what it reads, and whose weights.

Holds no model and no device. A tensor is a number; a view of one is a number of its own where it is
laid out in another way, and else the tensor itself. Where a tensor is computed follows from whose
weights it reads (`home`): a layer's number, or one of the places below.

Source: llama.cpp `ggml/src/ggml.c` (`ggml_build_forward_expand`, October 2026): a tensor enters the
graph when it is expanded, behind everything it reads that is not there yet.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

ANYWHERE = -1
"""Home of what reads no weights: computed where its neighbours in the graph are."""

INPUT = -2
"""Home of what reads the token table, which is on the host."""

OUTPUT = -3
"""Home of what reads the head."""


class Matrix(NamedTuple):
    """The weights that a product reads."""

    columns: int
    """Elements of a row, as many as of what is multiplied."""

    width: int
    """Elements of the result."""

    rows: int
    """Rows of the batch that is multiplied."""

    used: int = 0
    """Experts that each row is multiplied by, of a stack of matrices; 0 for a single one."""


class Sketch:
    """The tensors of a graph, in lists that a tensor's number is the index of."""

    __slots__ = (
        "_is_drawn",
        "apart",
        "empty",
        "home",
        "in_one_row",
        "is_kept",
        "leaves",
        "matrices",
        "order",
        "reads",
        "reuses",
        "root",
        "rows_each",
        "size",
        "stored",
        "weights",
        "writes",
    )

    def __init__(self) -> None:
        self.size: list[int] = []
        """Bytes; of a view, those of its copy. 0 for what only writes into a cache."""

        self.reads: list[tuple[int, ...]] = []
        self.root: list[int] = []
        """The tensor that a view looks at; itself for all others."""

        self.home: list[int] = []
        self.reuses: list[bool] = []
        """True for what ggml computes in place of what it reads, if nothing else reads that."""

        self.is_kept: set[int] = set()
        """What is handed over, and so stays to the end."""

        self.stored: dict[int, int] = {}
        """What is in a cache, with the layer whose cache it is; nobody finds room for it."""

        self.writes: set[int] = set()
        """What changes the tensor that it is a view of, when it is computed."""

        self.apart: set[int] = set()
        """What begins a split of its own, for it reads weights that were copied before."""

        self.matrices: dict[int, Matrix] = {}
        """Of products, what they multiply by."""

        self.weights: dict[int, str] = {}
        """What reads weights that are no matrix, and not as long as its rows: their names."""

        self.in_one_row: set[int] = set()
        """What reads weights and is one row to ggml, however many tokens it holds."""

        self.rows_each: dict[int, int] = {}
        """Of what has several rows for each token and reads a row of weights for each of them, how
        many."""

        self.empty: set[int] = set()
        """What has no elements, and yet a place."""

        self.leaves: list[int] = []
        """Inputs, in the order in which they enter."""

        self.order: list[int] = []
        self._is_drawn: list[bool] = []

    def copied(self) -> Sketch:
        """The same tensors in lists of their own."""
        sketch = Sketch()
        for name in self.__slots__:
            setattr(sketch, name, copy(getattr(self, name)))
        return sketch

    def node(
        self, size: int, reads: tuple[int, ...], home: int = ANYWHERE, *, reuses: bool = False
    ) -> int:
        """A tensor of so many bytes, made of others."""
        number = len(self.size)
        self.size.append(size)
        self.reads.append(reads)
        self.root.append(number)
        self.home.append(home)
        self.reuses.append(reuses)
        self._is_drawn.append(False)
        return number

    def leaf(self, size: int, home: int = INPUT) -> int:
        """An input, which the host makes; or else something empty, where its reader is."""
        return self.node(size, (), home)

    def view(self, of: int, copy_bytes: int | None = None) -> int:
        """A tensor in another shape, or a part of it: nothing is computed in place of it.

        Args:
            of: The tensor.
            copy_bytes: What a copy on another device takes, where that is less than the tensor's.
        """
        number = self.node(self.size[of] if copy_bytes is None else copy_bytes, (of,))
        self.root[number] = self.root[of]
        return number

    def written(self, into: int, *reads: int) -> int:
        """A tensor after others, which are read before it, were written into it."""
        return self._changed(into, (*reads, into))

    def added_to(self, tensor: int, other: int) -> int:
        """A tensor after another was added to it where it is."""
        return self._changed(tensor, (tensor, other))

    def _changed(self, tensor: int, reads: tuple[int, ...]) -> int:
        number = self.node(self.size[tensor], reads)
        self.root[number] = self.root[tensor]
        self.writes.add(number)
        return number

    def nothing(self, reads: tuple[int, ...]) -> int:
        """A tensor without elements."""
        number = self.node(0, reads)
        self.empty.add(number)
        return number

    def cached(self, layer: int, copy_bytes: int) -> int:
        """A layer's keys or values as attention looks at them."""
        number = self.node(copy_bytes, ())
        self.stored[number] = layer
        self._is_drawn[number] = True
        return number

    def keep(self, tensor: int) -> None:
        """Hand a tensor over, so that nothing takes its place."""
        self.is_kept.add(self.root[tensor])

    def draw(self, tensor: int) -> None:
        """Enter a tensor into the graph, behind what it reads."""
        if self._is_drawn[tensor]:
            return
        self._is_drawn[tensor] = True
        reads = self.reads[tensor]
        for read in reads:
            if not self._is_drawn[read]:
                self.draw(read)
        if self.root[tensor] != tensor and tensor not in self.writes:
            return
        if reads:
            self.order.append(tensor)
        else:
            self.leaves.append(tensor)
