"""What graphs of hybrids share, most of whose layers keep a state instead of a cache.

Source: llama.cpp `src/llama-graph.cpp` (`build_rs`, October 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from advisor.estimate.graph.blocks import Heads, Projected, attention, feed_forward
from advisor.estimate.graph.draft import F32_BYTES, Draft
from advisor.estimate.graph.experts import experts, mixture_of, shared_width
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.sketch import OUTPUT

CONVOLUTION = "ssm_conv1d.weight"
"""What rolls over a state."""

Layer = Callable[[Draft, int, int], int]
"""Draws one layer: the graph, its number, and the residual row before it."""


def draw_layers(d: Draft, layers: Sequence[int], one: Layer, *, keeps_rows: bool = False) -> None:
    """Draw a graph, layer after layer.

    Args:
        d: The graph.
        layers: Their numbers.
        one: Draws a layer.
        keeps_rows: True where the last row of every token is handed over, for a block that
            predicts further tokens.
    """
    x = d.embed()
    keeps_rows = keeps_rows and d.predicts_further
    if not keeps_rows:
        d.last_layer = layers[-1]
    for layer in layers:
        x = one(d, layer, x)
    x = d.norm(x, OUTPUT)
    d.finish(d.handed_over(x) if keeps_rows else x)


def attends(d: Draft, layer: int) -> bool:
    """True for a layer with keys and values."""
    return layer in d.cache_of


def states_of(d: Draft, layer: int, elements: int) -> tuple[int, int]:
    """A layer's states as they are kept, and copied for the sequences of a micro-batch."""
    sketch = d.sketch
    size = F32_BYTES * elements * d.setup.sequences
    kept = sketch.cached(layer, size)
    sketch.draw(sketch.node(0, (kept,), layer))
    rows = sketch.node(size, (kept, d.state_rows))
    sketch.draw(rows)
    others = sketch.nothing((kept, d.other_state_rows))
    sketch.draw(sketch.node(0, (others, kept), layer))
    return kept, rows


def store(d: Draft, layer: int, kept: int, made: int) -> None:
    """Write what was made into a layer's states."""
    sketch = d.sketch
    sketch.draw(sketch.node(0, (sketch.view(made), kept), layer))


def attend(d: Draft, layer: int, y: int, *, turned: bool = True) -> int:
    """A layer's attention, with its output projection.

    Args:
        d: The graph.
        layer: Whose attention it is.
        y: What it reads.
        turned: True where queries and keys are rotated by their positions.
    """
    hyper, view = d.hyper, d.sketch.view
    heads, kv_heads = of_layer(hyper.head_count, layer), of_layer(hyper.head_count_kv, layer)
    q = view(d.product(y, heads * hyper.key_length, layer))
    k = view(d.product(y, kv_heads * hyper.key_length, layer))
    v = view(d.product(y, kv_heads * hyper.value_length, layer))
    if turned:
        q, k = d.turned(q), d.turned(k)
    own = Heads(heads, hyper.key_length, hyper.value_length)
    return d.product(attention(d, layer, own, Projected(q, k, v)), d.embedding, layer)


def feed(d: Draft, layer: int, y: int, *, gating: str = "softmax", is_biased: bool = False) -> int:
    """A layer's feed-forward part: dense, or a mixture beside what every token uses.

    Args:
        d: The graph.
        layer: Whose it is.
        y: What it reads.
        gating: How experts are weighted.
        is_biased: True where a bias decides which are picked.
    """
    hyper = d.hyper
    if not hyper.expert_used_count or layer < (hyper.leading_dense_block_count or 0):
        return feed_forward(d, y, of_layer(hyper.feed_forward_length, layer), layer)
    is_biased = is_biased and hyper.router_has_bias
    found = experts(d, y, layer, replace(mixture_of(d), gating=gating, is_biased=is_biased))
    shared = shared_width(d)
    if not shared:
        return found
    beside = feed_forward(d, y, shared, layer)
    if d.architecture.startswith("qwen"):
        beside = d.same(beside, d.same(d.product(y, 1, layer)))
    return d.sum(found, beside)
