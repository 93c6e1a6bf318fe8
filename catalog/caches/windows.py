"""Caches of ordinary attention: keys and values of every token, or of a window of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from catalog.cache import LayerCache, Window
from catalog.layouts.gemma import GEMMA3N_OWNING_LAYERS
from catalog.layouts.layers import Layers, by_value, every, in_layer, stated

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

Caches: TypeAlias = Iterator[LayerCache]


def cells(
    hp: Hyperparameters,
    layers: Layers,
    *,
    window: Window = Window.FULL,
    window_tokens: int | None = None,
) -> Caches:
    """Keys and values of these layers; those without KV heads keep none.

    Sliding layers may have heads of another length.
    """
    key, value = hp.key_length, hp.value_length
    if window is not Window.FULL:
        key, value = hp.key_length_swa or key, hp.value_length_swa or value
    for kv_heads, some in by_value(hp.head_count_kv, layers):
        if kv_heads:
            yield LayerCache(
                layers=some,
                key_width=kv_heads * key,
                value_width=kv_heads * value,
                window=window,
                window_tokens=window_tokens,
            )


def full(hp: Hyperparameters) -> Caches:
    """Every layer keeps the whole context."""
    return cells(hp, every(hp))


def deci(hp: Hyperparameters) -> Caches:
    """Layers without attention keep nothing, but are padded like the others."""
    yield from full(hp)
    if bare := tuple(layer for layer in every(hp) if not in_layer(hp.head_count_kv, layer)):
        yield LayerCache(layers=bare)


def none(_hp: Hyperparameters) -> Caches:
    """An encoder, which sees its text once; llama.cpp gives it no cache."""
    return iter(())


def sliding_layers(hp: Hyperparameters, period: int, *, dense_first: bool = False) -> Layers:
    """Which layers slide: as the header lists them, else all but every `period`-th.

    Args:
        hp: The shape; its pattern is a list, a period, or missing.
        period: The architecture's own, for a header without one.
        dense_first: True when the first layer of a period is the full one, not the last.
    """
    pattern = hp.sliding_window_pattern
    if isinstance(pattern, tuple):
        return tuple(layer for layer in every(hp) if pattern[layer])
    period = pattern or period
    unmoved = 0 if dense_first or hp.sliding_window_pattern_dense_first else period - 1
    return tuple(layer for layer in every(hp) if layer % period != unmoved)


def windowed(
    period: int,
    *,
    dense_first: bool = False,
    window: Window = Window.SLIDING,
    fixed_tokens: int | None = None,
) -> Callable[[Hyperparameters], Caches]:
    """An architecture of full and sliding layers; all are full where no window is stated."""

    def describe(hp: Hyperparameters) -> Caches:
        tokens = fixed_tokens or hp.sliding_window
        if not tokens or hp.sliding_window == 0:
            return full(hp)
        sliding = sliding_layers(hp, period, dense_first=dense_first)
        return _split(hp, every(hp), sliding, window, tokens)

    return describe


def _split(
    hp: Hyperparameters, layers: Layers, sliding: Layers, window: Window, tokens: int | None
) -> Caches:
    slides = frozenset(sliding)
    yield from cells(hp, tuple(layer for layer in layers if layer not in slides))
    some = tuple(layer for layer in layers if layer in slides)
    yield from cells(hp, some, window=window, window_tokens=tokens)


def exaone4(hp: Hyperparameters) -> Caches:
    """Only the model of 64 layers slides."""
    return windowed(4)(hp) if hp.block_count == 64 else full(hp)


def gemma3n(hp: Hyperparameters) -> Caches:
    """The last layers read the cache of an earlier one."""
    owning = every(hp)[:GEMMA3N_OWNING_LAYERS]
    tokens = stated(hp, "sliding_window")
    return _split(hp, owning, sliding_layers(hp, 5), Window.SLIDING, tokens)


def gemma4(hp: Hyperparameters) -> Caches:
    """Sliding layers have shorter heads; the last layers may read the cache of an earlier one."""
    owning = every(hp)[: hp.block_count - (hp.shared_kv_layers or 0)]
    return _split(hp, owning, sliding_layers(hp, 1), Window.SLIDING, hp.sliding_window)
