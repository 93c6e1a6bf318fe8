"""Caches of models that keep a state in some layers or in all, whatever the context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.cache import LayerCache, Window
from catalog.caches.windows import Caches, cells
from catalog.layouts.layers import attending_layers, every, recurrent_layers, same, stated

if TYPE_CHECKING:
    from catalog.model import Hyperparameters


def ssm_state(hp: Hyperparameters) -> int:
    """A convolution's last inputs and the state itself (Mamba-2, gated delta nets)."""
    inner, state = stated(hp, "ssm_inner_size"), stated(hp, "ssm_state_size")
    channels = inner + 2 * stated(hp, "ssm_group_count") * state
    return (stated(hp, "ssm_conv_kernel") - 1) * channels + state * inner


def _kimi_state(hp: Hyperparameters) -> int:
    """The last inputs of three convolutions, and a square matrix per head."""
    head, heads = stated(hp, "kda_head_dim"), same(hp.head_count)
    return 3 * (stated(hp, "ssm_conv_kernel") - 1) * head * heads + head * head * heads


def _with_states(hp: Hyperparameters, state_elements: int) -> Caches:
    yield from cells(hp, attending_layers(hp))
    yield LayerCache(layers=recurrent_layers(hp), state_elements=state_elements)


def hybrid(hp: Hyperparameters) -> Caches:
    """Keys and values in some layers, a state-space or delta-net state in others."""
    return _with_states(hp, ssm_state(hp))


def falcon_h1(hp: Hyperparameters) -> Caches:
    """Every layer has both."""
    kv_heads = same(hp.head_count_kv)
    yield LayerCache(
        layers=every(hp),
        key_width=kv_heads * hp.key_length,
        value_width=kv_heads * hp.value_length,
        state_elements=ssm_state(hp),
    )


def lfm2(hp: Hyperparameters) -> Caches:
    """A short convolution keeps its last inputs; where a window is stated, all attention slides."""
    yield from (
        cells(hp, attending_layers(hp), window=Window.SLIDING, window_tokens=hp.sliding_window)
        if hp.sliding_window
        else cells(hp, attending_layers(hp))
    )
    taps = stated(hp, "shortconv_l_cache")
    yield LayerCache(layers=recurrent_layers(hp), state_elements=hp.embedding_length * (taps - 1))


def kimi_linear(hp: Hyperparameters) -> Caches:
    """A compressed vector per token in some layers, Kimi's delta attention in others."""
    yield LayerCache(layers=attending_layers(hp), key_width=hp.key_length)
    yield LayerCache(layers=recurrent_layers(hp), state_elements=_kimi_state(hp))


def glm5_next(hp: Hyperparameters) -> Caches:
    """The indexer keeps a key, a gate and a pooled key per token."""
    index, attending = 3 * stated(hp, "indexer_key_length"), attending_layers(hp)
    own = attending if hp.indexer_full_layers is None else hp.indexer_full_layers
    indexed = tuple(layer for layer in attending if layer in own)
    yield LayerCache(layers=indexed, key_width=hp.key_length, indexer_width=index)
    if rest := tuple(layer for layer in attending if layer not in own):
        yield LayerCache(layers=rest, key_width=hp.key_length)
    yield LayerCache(layers=recurrent_layers(hp), state_elements=_kimi_state(hp))


def qwen4exp(hp: Hyperparameters) -> Caches:
    """An indexer's key beside keys and values; n-gram layers keep their convolution's inputs."""
    kv_heads = same(hp.head_count_kv)
    yield LayerCache(
        layers=attending_layers(hp),
        key_width=kv_heads * hp.key_length,
        value_width=kv_heads * hp.value_length,
        indexer_width=stated(hp, "indexer_key_length"),
    )
    state, grams = ssm_state(hp), hp.ple_layers or ()
    rest = tuple(layer for layer in recurrent_layers(hp) if layer not in grams)
    yield LayerCache(layers=rest, state_elements=state)
    if grams:
        taps = (stated(hp, "ple_conv_kernel") - 1) * stated(hp, "ple_ngram_size")
        inputs = taps * stated(hp, "hc_mult") * hp.embedding_length
        yield LayerCache(layers=grams, state_elements=state + inputs)
