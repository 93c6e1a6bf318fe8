"""Norms and biases that a drawing leaves out, since they change nothing where weights stay put.

Where a GPU computes for the host, each of them is a copy of its own, which ends what was copied
before. Puts them into a drawn graph, behind the products of the host's layers; draws no product.

Source: llama.cpp `src/llama-graph.cpp` (`build_qkv`, `build_norm`, `build_ffn`), October 2026.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import F32_BYTES

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft
    from catalog.tensors import TensorGroup

SINKS = "attn_sinks.weight"
LAST_NORM = "post_ffw_norm.weight"
SANDWICHES = {"attn_output.weight": "post_attention_norm.weight", "ffn_down.weight": LAST_NORM}
"""Where there is a norm behind the feed-forward part there is one behind attention too; else the
latter's name is that of the norm before the feed-forward part."""

FUSED_HEADS = "attn_qkv.weight"

HEADS = {"attn_q.weight": "attn_q_norm.weight", "attn_k.weight": "attn_k_norm.weight"}

NORM_BIASES = ("attn_norm.bias", "attn_output_norm.bias")
"""Of norms around the mean; where one has a bias, all have."""

DRAWN = {
    "afmoe": frozenset({LAST_NORM}),
    "gemma3n": frozenset(SANDWICHES.values()),
    "gemma4": frozenset(SANDWICHES.values()),
}
"""Of these that some architectures are drawn with."""

NORMED_WHEN_TURNED = frozenset({"hunyuan-dense", "hunyuan-moe"})
"""Architectures that norm queries and keys after their positions turned them."""


@dataclass(kw_only=True, eq=False)
class Beside:
    """One graph that weights are lent for, being completed."""

    draft: Draft
    lent: set[int]
    """The tensors that are taken over; what is put in is added."""

    names: dict[int, str]
    """The weights that each reads, where they are known; what is put in is added."""

    vectors: Mapping[str, TensorGroup]
    """The model's biases and the weights of its norms by their names."""

    host_layers: Collection[int]
    """Layers whose caches are on the host."""

    _readers: defaultdict[int, list[int]] = field(init=False)
    """What reads each tensor, views among them."""

    _views: defaultdict[int, list[int]] = field(init=False)
    """The views of each tensor."""

    _added: defaultdict[int, list[int]] = field(init=False)
    """Behind each tensor what was put in there."""

    _before: dict[int, list[int]] = field(init=False, default_factory=dict)
    """And before it."""

    def __post_init__(self) -> None:
        """Note who reads what before anything is put in."""
        sketch = self.draft.sketch
        self._readers, self._views = defaultdict(list), defaultdict(list)
        self._added = defaultdict(list)
        for number, reads in enumerate(sketch.reads):
            for read in reads:
                self._readers[read].append(number)
        for number, root in enumerate(sketch.root):
            if root != number:
                self._views[root].append(number)

    def complete(self) -> None:
        """Put in what the host's layers have."""
        sketch = self.draft.sketch
        for tensor in tuple(sketch.order):
            name = self.names.get(tensor)
            if tensor not in self.lent:
                continue
            if name is None:
                self._norm_bias(tensor)
            else:
                self._behind(tensor, name)
        if SINKS in self.vectors:
            self._sinks()
        self._reorder()

    def _behind(self, product: int, name: str) -> None:
        last = product
        bias = name.replace(".weight", ".bias")
        if bias in self.vectors:
            last = self._put(last, product, bias)
        if name in HEADS:
            self._heads_behind(last, product, HEADS[name])
        elif name == FUSED_HEADS:
            for turned, norm in zip(self._turned(last), HEADS.values(), strict=False):
                self._normed_before(turned, product, norm)
        elif LAST_NORM in self.vectors and name in SANDWICHES:
            norm = SANDWICHES[name]
            if norm not in DRAWN.get(self.draft.architecture, ()):
                self._normed(last, product, norm)

    def _heads_behind(self, last: int, product: int, norm: str) -> None:
        """The norm of queries or keys: of all heads at once, or of each."""
        reads = self.draft.sketch.reads
        is_drawn = any(len(reads[reader]) == 1 for reader in self._readers_of(last))
        if norm not in self.vectors or is_drawn:
            return
        if self.draft.architecture in NORMED_WHEN_TURNED:
            for turned in self._turned(last):
                self._normed(turned, product, norm)
        elif self.vectors[norm].elements_each * self._row_bytes == self.draft.sketch.size[product]:
            self._normed(last, product, norm)
        else:
            self._head_normed(last, product, norm)

    @property
    def _row_bytes(self) -> int:
        return F32_BYTES * self.draft.tokens

    def _norm_bias(self, tensor: int) -> None:
        """The bias of a norm around the mean, behind its weights."""
        sketch = self.draft.sketch
        name = next((one for one in NORM_BIASES if one in self.vectors), None)
        if name is not None and len(sketch.reads[tensor]) == 1:
            self._put(tensor, tensor, name)

    def _normed(self, tensor: int, product: int, name: str) -> None:
        sketch = self.draft.sketch
        normed = sketch.node(sketch.size[tensor], (tensor,), reuses=True)
        self._replace(tensor, normed)
        self._added[tensor].append(normed)
        self._put(normed, product, name)

    def _head_normed(self, tensor: int, product: int, name: str) -> None:
        """A norm of each head, which finds room of its own: what it reads is seen in parts."""
        sketch = self.draft.sketch
        readers = self._readers_of(tensor)
        seen = sketch.view(tensor)
        normed = sketch.node(sketch.size[tensor], (seen,))
        weighed = sketch.node(sketch.size[tensor], (normed,), sketch.home[product], reuses=True)
        self._readers[weighed] = readers
        for reader in readers:
            sketch.reads[reader] = tuple(
                weighed if sketch.root[read] == tensor else read for read in sketch.reads[reader]
            )
        self._added[tensor].extend((normed, weighed))
        self._lend(weighed, name)

    def _normed_before(self, turned: int, product: int, name: str) -> None:
        """A norm of each head before its position turns it."""
        sketch = self.draft.sketch
        if name not in self.vectors:
            return
        seen, *others = sketch.reads[turned]
        normed = sketch.node(sketch.size[turned], (seen,))
        weighed = sketch.node(sketch.size[turned], (normed,), sketch.home[product], reuses=True)
        sketch.reads[turned] = (weighed, *others)
        self._before[turned] = [normed, weighed]
        self._lend(weighed, name)

    def _put(self, tensor: int, product: int, name: str) -> int:
        """What weights or a bias make of a tensor, where it is."""
        sketch = self.draft.sketch
        made = sketch.node(sketch.size[tensor], (tensor,), sketch.home[product], reuses=True)
        self._replace(tensor, made)
        self._added[tensor].append(made)
        self._lend(made, name)
        return made

    def _lend(self, tensor: int, name: str) -> None:
        self.lent.add(tensor)
        self.names[tensor] = name

    def _replace(self, tensor: int, by: int) -> None:
        """Have all that read a tensor read another."""
        sketch, readers, views = self.draft.sketch, self._readers, self._views
        for reader in readers[tensor]:
            sketch.reads[reader] = tuple(
                by if read == tensor else read for read in sketch.reads[reader]
            )
        for view in views[tensor]:
            sketch.root[view] = by
        readers[by], readers[tensor] = readers[tensor], [by]
        views[by], views[tensor] = views[tensor], []
        if tensor in sketch.is_kept:
            sketch.is_kept.add(by)

    def _readers_of(self, tensor: int) -> list[int]:
        """What reads a tensor or a view of it, and is none itself."""
        sketch, views = self.draft.sketch, self._views[tensor]
        near = (reader for one in (tensor, *views) for reader in self._readers[one])
        return sorted({one for one in near if sketch.root[one] == one})

    def _turned(self, tensor: int) -> list[int]:
        """What a tensor is once it is turned by the positions."""
        draft = self.draft
        return [
            one for one in self._readers_of(tensor) if draft.positions in draft.sketch.reads[one]
        ]

    def _sinks(self) -> None:
        """Attention over a cache of the host's reads sinks of the host's too."""
        sketch, layers = self.draft.sketch, self.vectors[SINKS].layers or ()
        masks = {sketch.root[mask] for mask in self.draft.masks.values()}
        for tensor in sketch.order:
            reads = sketch.reads[tensor]
            if masks.isdisjoint(reads):
                continue
            near = (*reads, *(two for one in reads for two in sketch.reads[one]))
            layer = next((sketch.stored[one] for one in near if one in sketch.stored), None)
            if layer in self.host_layers and layer in layers:
                self._lend(tensor, SINKS)

    def _reorder(self) -> None:
        sketch, order = self.draft.sketch, list[int]()

        def enter(tensor: int) -> None:
            order.extend(self._before.get(tensor, ()))
            order.append(tensor)
            for one in self._added[tensor]:
                enter(one)

        for tensor in sketch.order:
            enter(tensor)
        sketch.order = order
