"""Multi-head latent attention, and the graphs that have it in every layer.

Source: llama.cpp `src/models/deepseek2.cpp` and `src/llama-graph.cpp` (October 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import F16_BYTES, F32_BYTES
from advisor.estimate.graph.folding import of_layer
from advisor.estimate.graph.shared_experts import behind_attention
from advisor.estimate.graph.sketch import OUTPUT
from advisor.estimate.kv_cache import cells, row_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from advisor.estimate.graph.draft import Draft


def draw(d: Draft, layers: Sequence[int]) -> None:
    """Draw the graph of some layers."""
    x = d.embed()
    d.last_layer = layers[-1]
    for layer in layers:
        y = latent_attention(d, layer, d.norm(x, layer))
        x = behind_attention(d, layer, y, x)
    d.finish(d.norm(x, OUTPUT))


def latent_queries(
    d: Draft, layer: int, y: int, *, is_turned: bool = True, low: int | None = None
) -> tuple[int, int, int]:
    """Queries in the latent's space, the latent to be stored, and its value part."""
    hyper, sketch = d.hyper, d.sketch
    heads, rank = of_layer(hyper.head_count, layer), hyper.kv_lora_rank or 0
    length, turned = hyper.key_length_mla or hyper.key_length, hyper.rope_dimension_count
    if low is not None:
        y_q = low
    elif hyper.q_lora_rank:
        y_q = d.norm(d.product(y, hyper.q_lora_rank, layer), layer)
    else:
        y_q = y
    q = sketch.view(d.product(y_q, heads * length, layer))
    both = d.product(y, rank + turned, layer)
    k_turned = sketch.view(both)
    q_turned = sketch.view(q)
    if is_turned:
        k_turned = sketch.node(F32_BYTES * d.tokens * turned, (k_turned, d.positions), reuses=True)
        q_turned = sketch.node(
            F32_BYTES * d.tokens * heads * turned, (q_turned, d.positions), reuses=True
        )
    latent = sketch.node(F32_BYTES * d.tokens * rank, (sketch.view(both),), layer)
    absorbed = d.product(sketch.view(sketch.view(q)), heads * rank, layer)
    queries = d.made(heads * (rank + turned), sketch.view(absorbed), q_turned)
    latent = sketch.view(latent)
    keys = d.made(rank + turned, latent, k_turned)
    return queries, keys, latent


def latent_attention(d: Draft, layer: int, y: int, *, is_turned: bool = True) -> int:
    """Attention in the latent's space, and back."""
    sketch = d.sketch
    queries, keys, latent = latent_queries(d, layer, y, is_turned=is_turned)
    for one in (queries, latent, keys):
        sketch.draw(one)
    sketch.draw(sketch.node(0, (keys, d.indices(layer, of_values=False)), layer))
    found = latent_looked_at(d, layer, queries, d.mask(layer))
    return d.product(found, d.embedding, layer)


def latent_looked_at(d: Draft, layer: int, queries: int, mask: int) -> int:
    """What latent attention hands on: its values in every head's own space."""
    hyper, sketch, setup = d.hyper, d.sketch, d.setup
    heads, rank = of_layer(hyper.head_count, layer), hyper.kv_lora_rank or 0
    value_length = hyper.value_length_mla or hyper.value_length
    cache = d.cache_of[layer]
    count = cells(cache, setup)
    size = d.streams * count * row_bytes(setup.kv_type_k, cache.key_width)
    kept, values = sketch.cached(layer, size), sketch.cached(layer, size)
    out = F32_BYTES * d.tokens * heads * rank
    if setup.flash_attention:
        if setup.kv_type_k == "f32":
            kept = sketch.node(size // 2, (kept,))
            values = sketch.node(F16_BYTES * d.streams * count * rank, (values,))
        found = sketch.node(out, (queries, kept, values, mask))
        found = d.product(sketch.view(found), heads * value_length, layer)
        found = sketch.view(d.copied(sketch.view(found)))
    else:
        scores = sketch.node(F32_BYTES * d.tokens * heads * count, (kept, queries))
        scores = d.same(scores, mask)
        turned = sketch.node(d.streams * count * row_bytes(setup.kv_type_k, rank), (values,))
        found = sketch.node(out, (turned, scores))
        found = d.product(found, heads * value_length, layer)
        found = d.copied(sketch.view(found))
    sketch.draw(found)
    return found
