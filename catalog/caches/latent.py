"""Caches of compressed keys: latent attention, indexers, and DeepSeek V4's streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.cache import LayerCache, Window
from catalog.caches.windows import full
from catalog.layouts.connected import INDEXED_RATIO, compressing_layers
from catalog.layouts.layers import every, same, sparse_layers, stated

if TYPE_CHECKING:
    from catalog.caches.windows import Caches
    from catalog.model import Hyperparameters


def latent(hp: Hyperparameters) -> Caches:
    """One compressed vector per token, key and value at once.

    Files older than April 2025 state no lengths of expanded heads, because they keep those.
    """
    if hp.key_length_mla is None:
        yield from full(hp)
    else:
        yield LayerCache(layers=every(hp), key_width=hp.key_length)


def indexed_latent(hp: Hyperparameters) -> Caches:
    """Compressed vectors, and an indexer's key in the layers that have an indexer."""
    full = every(hp) if hp.indexer_full_layers is None else hp.indexer_full_layers
    index = stated(hp, "indexer_key_length")
    yield LayerCache(layers=full, key_width=hp.key_length, indexer_width=index)
    if rest := tuple(layer for layer in every(hp) if layer not in full):
        yield LayerCache(layers=rest, key_width=hp.key_length)


def minimax_m3(hp: Hyperparameters) -> Caches:
    """The sparse layers keep an indexer's key; llama.cpp allocates a value beside it."""
    kv_heads, index = same(hp.head_count_kv), stated(hp, "indexer_key_length")
    keys, values = kv_heads * hp.key_length, kv_heads * hp.value_length
    sparse = sparse_layers(hp)
    if dense := tuple(layer for layer in every(hp) if layer not in sparse):
        yield LayerCache(layers=dense, key_width=keys, value_width=values)
    yield LayerCache(
        layers=sparse,
        key_width=keys,
        value_width=values,
        indexer_width=index,
        indexer_value_width=hp.value_length,
    )


def deepseek4(hp: Hyperparameters) -> Caches:
    """A short window in every layer, and a compressed stream where a ratio is stated.

    A layer that compresses keeps the tokens of an unfinished cell, as values and as scores; one
    that compresses by four keeps two windows of them, for itself and for its indexer.
    """
    yield LayerCache(
        layers=every(hp),
        key_width=hp.key_length,
        window=Window.SLIDING,
        window_tokens=hp.sliding_window,
        is_per_sequence=True,
    )
    for ratio, layers in compressing_layers(hp):
        is_indexed = ratio == INDEXED_RATIO
        index = stated(hp, "indexer_key_length") if is_indexed else 0
        windows = 2 if is_indexed else 1
        yield LayerCache(
            layers=layers,
            key_width=hp.key_length,
            indexer_width=index,
            tokens_per_cell=ratio,
            is_per_sequence=True,
            state_elements=2 * (windows * ratio) * windows * (hp.key_length + index),
        )
