"""One model's graph being drawn: its widths, the setup, the inputs, and the usual operations.

Holds what every architecture's graph is made of; never an architecture. Sizes are of F32 tensors
with a row for every token of a micro-batch, unless they are said otherwise.

Source: llama.cpp `src/llama-graph.cpp` (October 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING

from advisor.estimate.graph.sketch import ANYWHERE, INPUT, OUTPUT, Matrix, Sketch
from advisor.estimate.kv_cache import cells
from advisor.workload import Era
from catalog.cache import Window

if TYPE_CHECKING:
    from advisor.estimate.setup import Setup
    from catalog.cache import LayerCache
    from catalog.model import Hyperparameters

F32_BYTES = 4
F16_BYTES = 2
POSITION_BYTES = 4
INDEX_BYTES = 8
_PLAIN = frozenset({"f32", "f16", "bf16"})
ROTATED_LENGTH = 64
"""A quantized cache is rotated by blocks of this many elements of a head, if they divide it."""


MANY_POSITIONS = frozenset({"qwen2vl", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen4exp"})
"""Architectures whose tokens have four positions each."""


def borrowed(hyper: Hyperparameters) -> dict[int, int]:
    """Layers that look at another's cache, each with that other layer.

    They are the last ones, and look at the last layer before them that has the same window.
    """
    shared = hyper.shared_kv_layers or 0
    pattern = hyper.sliding_window_pattern
    if not isinstance(pattern, tuple):
        every = pattern or 1
        pattern = tuple(layer % every < every - 1 for layer in range(hyper.block_count))
    own = hyper.block_count - shared
    lender = {pattern[layer]: layer for layer in range(own)}
    return {layer: lender[pattern[layer]] for layer in range(own, hyper.block_count)}


def turned_length(length: int, type_name: str, *, smallest: bool = False) -> int | None:
    """Elements that heads of this length are rotated by for a quantized cache; `None` for none."""
    if type_name in _PLAIN or length % ROTATED_LENGTH:
        return None
    turn = ROTATED_LENGTH
    while not smallest and length % (2 * turn) == 0:
        turn *= 2
    return turn


NORMS_APART = frozenset({"gemma3n", "granitehybrid", "lfm2", "nemotron_h"})
"""Architectures whose graph may go from a GPU back to the host, where a norm is still the GPU's,
and only its weights are the host's."""


class Draft:
    """A graph being drawn. Tensors are numbers of `sketch`."""

    def __init__(
        self,
        architecture: str,
        hyper: Hyperparameters,
        caches: Sequence[LayerCache],
        setup: Setup,
    ) -> None:
        self.architecture = architecture
        self.hyper = hyper
        self.setup = setup
        self.sketch = Sketch()
        sequences = setup.sequences
        if architecture in MANY_POSITIONS:
            self.positions_each = 4
        self.norms_apart = architecture in NORMS_APART
        self.tokens = -(-setup.ubatch_tokens // sequences) * sequences
        self.outputs = setup.output_rows
        if self.outputs == setup.ubatch_tokens:
            self.outputs = min(self.tokens, self.outputs)
        self.rows = self.tokens
        """Rows of what is drawn now: tokens, and at the end those that have an output."""

        self.predicts_further = setup.era is Era.CURRENT
        """False for builds that hand no rows over to predict further tokens."""

        self.is_cut = False
        """True where the host has some of the layers, and a GPU others or the output."""

        self.last_layer = -1
        """The layer after which only rows with an output are left."""

        self._first_picked: int | None = None

        self.embedding = hyper.embedding_length
        self.caches = caches
        self.cache_of = {
            layer: cache for cache in caches if cache.key_width for layer in cache.layers
        }

    def copied_whole(self) -> Draft:
        """The same graph, which may be changed."""
        draft = copy(self)
        draft.sketch = self.sketch.copied()
        return draft

    # Operations -------------------------------------------------------------------------

    def product(self, x: int, width: int, home: int) -> int:
        """A matrix of weights times what there is."""
        sketch, row = self.sketch, F32_BYTES * self.rows
        made = sketch.node(row * width, (x,), home)
        sketch.matrices[made] = Matrix(sketch.size[x] // row, width, self.rows)
        return made

    def products(self, x: int, width: int, home: int, *, chosen: int, used: int) -> int:
        """The matrices of the experts that each row uses, out of a stack, times `x`.

        Args:
            x: A row for every token, or one for every expert that it uses.
            width: Of one expert's result.
            home: Whose experts they are.
            chosen: Which are used.
            used: How many. [count]
        """
        sketch, row = self.sketch, F32_BYTES * self.rows
        made = sketch.node(row * used * width, (x, chosen), home)
        sketch.matrices[made] = Matrix(sketch.size[x] // row, width, self.rows, used)
        return made

    def made(self, width: int, *reads: int) -> int:
        """A tensor of so many elements a row that reads no weights."""
        return self.sketch.node(F32_BYTES * self.rows * width, reads)

    def norm(self, x: int, home: int = ANYWHERE) -> int:
        """RMS norm, with its weights."""
        sketch = self.sketch
        if self.norms_apart:
            x = sketch.node(sketch.size[x], (x,), reuses=True)
        return sketch.node(sketch.size[x], (x,), home, reuses=True)

    def layer_norm(self, x: int, home: int = ANYWHERE) -> int:
        """Norm around the mean, which cannot be made in place, and its weights."""
        return self.same(self.copied(x), home=home)

    def same(self, x: int, *reads: int, home: int = ANYWHERE) -> int:
        """Something as large as `x`, in its place if it can be."""
        return self.sketch.node(self.sketch.size[x], (x, *reads), home, reuses=True)

    def sum(self, a: int, b: int) -> int:
        """The sum of two."""
        return self.sketch.node(self.sketch.size[a], (a, b), reuses=True)

    def copied(self, x: int, size: int | None = None) -> int:
        """`x` laid out anew."""
        return self.sketch.node(self.sketch.size[x] if size is None else size, (x,))

    def turned(self, x: int) -> int:
        """`x` rotated by its positions."""
        return self.same(x, self.positions)

    # Inputs -----------------------------------------------------------------------------

    def embed(self) -> int:
        """Rows of the token table, beside an input that takes their place for images."""
        sketch = self.sketch
        size = F32_BYTES * self.tokens * self.embedding
        found = sketch.node(size, (sketch.leaf(POSITION_BYTES * self.tokens),), INPUT)
        sketch.draw(found)
        if self.setup.era is Era.CURRENT:
            sketch.draw(sketch.leaf(size))
        return found

    @cached_property
    def positions(self) -> int:
        """Each token's place."""
        return self.sketch.leaf(POSITION_BYTES * self.tokens * self.positions_each)

    positions_each = 1

    @cached_property
    def _states(self) -> int:
        return self.sketch.leaf(POSITION_BYTES * self.setup.sequences)

    @cached_property
    def state_rows(self) -> int:
        """Which state each sequence has."""
        return self.sketch.view(self._states)

    @cached_property
    def other_state_rows(self) -> int:
        """States of no sequence of the micro-batch: there are none."""
        return self.sketch.view(self._states, 0)

    @cached_property
    def _lenders(self) -> dict[int, int]:
        return borrowed(self.hyper)

    def lender(self, layer: int) -> int:
        """The layer whose cache a layer looks at: its own, for most."""
        return self._lenders.get(layer, layer)

    def is_windowed(self, layer: int) -> bool:
        """True for a layer that looks back less far."""
        pattern = self.hyper.sliding_window_pattern or 1
        if isinstance(pattern, tuple):
            return pattern[layer]
        return layer % pattern < pattern - 1

    @cached_property
    def scales(self) -> int:
        """A factor for each token's queries."""
        return self.sketch.leaf(F32_BYTES * self.tokens)

    @cached_property
    def outputs_wanted(self) -> int:
        """Which rows have an output."""
        return self.sketch.leaf(POSITION_BYTES * self.outputs)

    @cached_property
    def masks(self) -> dict[tuple[Window, int | None], int]:
        """Those that are drawn, by the kind of cache."""
        return {}

    @cached_property
    def _indices(self) -> dict[tuple[Window, int | None, bool], int]:
        return {}

    def mask(self, layer: int) -> int:
        """The mask of a layer's kind of cache."""
        cache = self.cache_of[layer]
        key = (cache.window, cache.window_tokens)
        if key not in self.masks:
            count = self.tokens * cells(cache, self.setup)
            self.masks[key] = self.new_mask(count)
        return self.masks[key]

    def new_mask(self, elements: int) -> int:
        """A mask of so many elements.

        Builds before June 2026 hand it over in F32, and make it F16 for flash attention.
        """
        sketch, flash = self.sketch, self.setup.flash_attention
        if flash and self.setup.era is Era.CURRENT:
            return sketch.leaf(F16_BYTES * elements)
        mask = sketch.leaf(F32_BYTES * elements)
        return sketch.node(F16_BYTES * elements, (mask,)) if flash else mask

    def indices(self, layer: int, *, of_values: bool) -> int:
        """Where a layer's keys or values go; without flash attention one for each element."""
        cache = self.cache_of[layer]
        key = (cache.window, cache.window_tokens, of_values)
        if key not in self._indices:
            each = 1
            if of_values and not self.setup.flash_attention:
                each = max(other.value_width for other in self.caches)
            self._indices[key] = self.sketch.leaf(INDEX_BYTES * self.tokens * each)
        return self._indices[key]

    @cached_property
    def _turns(self) -> dict[tuple[int, bool, int | None], int]:
        return {}

    def rotation(
        self, layer: int, length: int, type_name: str, *, smallest: bool = False
    ) -> int | None:
        """What heads of this length are rotated with for a quantized cache; ``None`` for none.

        Args:
            layer: The one whose cache it is; those with a window have a rotation of their own.
            length: Of a head.
            type_name: The cache's.
            smallest: True for values, whose rotation is never longer than it must be.
        """
        turn = turned_length(length, type_name, smallest=smallest)
        if turn is None:
            return None
        key = (turn, smallest, self.cache_of[layer].window_tokens)
        if key not in self._turns:
            self._turns[key] = self.sketch.leaf(F32_BYTES * turn * turn)
        return self._turns[key]

    def copied_through(self, x: int, turn: int) -> int:
        """`x` rotated for a quantized cache."""
        sketch = self.sketch
        return sketch.view(sketch.node(sketch.size[x], (turn, sketch.view(x))))

    def copied_by(self, turn: int, x: int) -> int:
        """`x` times a small matrix that is an input."""
        return self.sketch.node(self.sketch.size[x], (turn, x))

    @cached_property
    def _indexer_turn(self) -> dict[int, int]:
        return {}

    def indexer_turn(self, length: int) -> int:
        """What an indexer's queries and keys are rotated with."""
        if length not in self._indexer_turn:
            self._indexer_turn[length] = self.sketch.leaf(F32_BYTES * length * length)
        return self._indexer_turn[length]

    @cached_property
    def indexer_indices(self) -> int:
        """Where an indexer's keys go."""
        return self.sketch.leaf(INDEX_BYTES * self.tokens)

    @cached_property
    def indexer_mask(self) -> int:
        """Its mask, always in F16."""
        return self.sketch.leaf(F16_BYTES * self.tokens * self.setup.stream_cells)

    @cached_property
    def has_windows(self) -> bool:
        """True where layers with a window have a cache of their own."""
        return any(cache.window is not Window.FULL for cache in self.caches)

    @cached_property
    def widest_value(self) -> int:
        """Elements of V in a cell of the layer that has most."""
        return max(cache.value_width for cache in self.caches)

    @property
    def streams(self) -> int:
        """Separate caches."""
        return self.setup.streams

    # The end ----------------------------------------------------------------------------

    def pick(self, x: int) -> int:
        """The rows of `x` that have an output."""
        size = self.sketch.size[x] // self.tokens * self.outputs
        found = self.sketch.node(size, (x, self.outputs_wanted))
        self._first_picked = self._first_picked or found
        return found

    def cropped(self, layer: int, *tensors: int) -> tuple[int, ...]:
        """Of the last layer the rows that have an output, from now on; of others all of them."""
        if layer != self.last_layer:
            return tensors
        found = tuple(map(self.pick, tensors))
        self.rows = self.outputs
        return found

    def handed_over(self, x: int) -> int:
        """The rows of `x` that have an output, where all are kept to predict further tokens."""
        self.sketch.keep(x)
        found = self.pick(x)
        self.rows = self.outputs
        return found

    def rows_of(self, tensor: int) -> int:
        """Rows of a tensor that is no product: tokens, and after rows were picked those.

        Some have several of them for each token; see `Sketch.rows_each`.
        """
        if tensor in self.sketch.in_one_row:
            return 1
        is_picked = self._first_picked is not None and tensor > self._first_picked
        rows = self.outputs if is_picked else self.tokens
        return rows * self.sketch.rows_each.get(tensor, 1)

    def finish(self, x: int, home: int = OUTPUT) -> None:
        """The last result, which is handed over, and the logits."""
        sketch = self.sketch
        sketch.keep(x)
        logits = self.product(x, self.hyper.vocab_size, home)
        sketch.keep(logits)
        sketch.draw(logits)
