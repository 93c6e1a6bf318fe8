"""Rows of a table of n-grams, and how one layer adds them to its residual rows (Qwen 4).

Source: llama.cpp `src/models/qwen4exp.cpp` (`build_inp_ple`, `build_ple`), October 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import F16_BYTES, F32_BYTES, POSITION_BYTES
from advisor.estimate.graph.recurrent import states_of, store
from advisor.estimate.graph.sketch import INPUT

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft


def ngram_rows(d: Draft) -> int:
    """The rows of each token's n-grams, beside each other as wide as the residual row."""
    sketch = d.sketch
    parts = d.embedding // (d.hyper.ple_embedding_length or d.embedding)
    places = sketch.leaf(POSITION_BYTES * d.tokens * parts)
    found = sketch.node(F32_BYTES * d.tokens * d.embedding, (places,), INPUT)
    sketch.draw(found)
    return sketch.view(found)


def with_ngrams(d: Draft, layer: int, x: int, rows: int) -> int:
    """The residual rows with what n-grams say."""
    sketch, width = d.sketch, (d.hyper.hc_mult or 1) * d.embedding
    key = d.norm(sketch.view(d.product(rows, width, layer)), layer)
    value = d.product(rows, d.embedding, layer)
    query = d.norm(sketch.view(x), layer)
    score = d.same(d.made(d.hyper.hc_mult or 1, d.same(key, query)))
    gate = d.same(d.same(d.same(score), d.same(score)))
    gated = d.same(d.made(width, sketch.view(value)), gate)
    convolved = _convolved(d, layer, sketch.view(d.norm(sketch.view(gated), layer)))
    return d.sum(x, d.sum(gated, sketch.view(d.copied(convolved))))


def _convolved(d: Draft, layer: int, x: int) -> int:
    """A convolution over tokens that are as far apart as n-grams are long, tap after tap.

    Its weights are F16 in all files but F32 and BF16 ones, and are made F32.
    """
    hyper, sketch, width = d.hyper, d.sketch, (d.hyper.hc_mult or 1) * d.embedding
    taps = hyper.ple_conv_kernel or 1
    before = (taps - 1) * (hyper.ple_ngram_size or 1)
    history = before * d.setup.sequences
    kept, seen = states_of(d, layer, before * width)
    padded = sketch.node(
        F32_BYTES * width * (d.tokens + history), (sketch.view(seen), sketch.view(x))
    )
    store(d, layer, kept, d.copied(sketch.view(padded), F32_BYTES * width * history))
    found: int | None = None
    for _ in range(taps):
        shifted = d.made(width, sketch.view(padded))
        kernel = sketch.cached(layer, F16_BYTES * width * taps)  # part of weights: pins nothing
        weights = sketch.node(F16_BYTES * width, (kernel,))
        weights = sketch.node(F32_BYTES * width, (sketch.view(weights),))
        term = d.same(shifted, weights)
        found = term if found is None else d.sum(found, term)
    assert found is not None
    return d.same(found)
