"""Graphs of DeepSeek V3.2 and GLM-5, whose latent attention looks at cells that an indexer chose.

Source: llama.cpp `src/models/{deepseek32,glm-dsa}.cpp` and `src/llama-graph.cpp` (October 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import F32_BYTES
from advisor.estimate.graph.latent import latent_looked_at, latent_queries
from advisor.estimate.graph.shared_experts import behind_attention
from advisor.estimate.graph.sketch import ANYWHERE, OUTPUT
from advisor.estimate.kv_cache import row_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    hyper = d.hyper
    x = d.embed()
    d.last_layer = layers[-1]
    chosen = -1
    for layer in layers:
        y = d.norm(x, layer)
        low = d.norm(d.product(y, hyper.q_lora_rank or 0, layer), layer)
        if hyper.indexer_full_layers is None or layer in hyper.indexer_full_layers:
            chosen = _chosen(d, layer, y, low)
        y = _lightning_attended(d, layer, y, low, chosen)
        x = behind_attention(d, layer, y, x)
    d.finish(d.norm(x, OUTPUT))


def _chosen(d: Draft, layer: int, y: int, low: int) -> int:
    """The cells that a layer's indexer chooses for each token."""
    hyper, sketch, setup = d.hyper, d.sketch, d.setup
    heads, length = hyper.indexer_head_count or 0, hyper.indexer_key_length or 0
    turn = d.indexer_turn(length)
    query = d.turned(sketch.view(d.product(low, heads * length, layer)))
    key = d.layer_norm(d.product(y, length, layer), layer)
    key = sketch.node(sketch.size[key], (sketch.view(key), d.positions), reuses=True)
    query = d.copied_by(turn, query)
    key = d.copied_by(turn, key)
    sketch.draw(sketch.node(0, (sketch.view(key), d.indexer_indices), layer))
    weights = d.same(sketch.view(d.product(y, heads, layer)))
    count = setup.stream_cells
    kept = sketch.cached(layer, d.streams * count * row_bytes(setup.kv_type_k, length))
    score = sketch.node(
        F32_BYTES * d.tokens * count, (sketch.view(query), kept, weights, d.indexer_mask)
    )
    picked = min(hyper.indexer_top_k or 0, count)
    return d.copied(sketch.node(F32_BYTES * d.tokens * picked, (score,)))


def _lightning_attended(d: Draft, layer: int, y: int, low: int, chosen: int) -> int:
    sketch = d.sketch
    queries, keys, latent = latent_queries(d, layer, y, low=low)
    for one in (queries, latent, keys):
        sketch.draw(one)
    sketch.draw(sketch.node(0, (keys, d.indices(layer, of_values=False)), layer))
    whole = d.mask(layer)
    mask = d.same(whole)
    zeros = d.same(sketch.leaf(sketch.size[chosen], ANYWHERE))
    opened = sketch.written(sketch.view(mask), zeros, sketch.view(chosen))
    mask = sketch.node(sketch.size[whole], (sketch.view(opened), whole), reuses=True)
    found = latent_looked_at(d, layer, queries, mask)
    return d.product(found, d.embedding, layer)
