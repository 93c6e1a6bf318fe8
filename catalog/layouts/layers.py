"""Which layers of a model have what: all of them, the dense ones, those that attend, and so on.

Holds the choice of layers and how a figure varies between them; no tensor and no cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from catalog.errors import UnknownArchitectureError

if TYPE_CHECKING:
    from catalog.model import Hyperparameters

Layers: TypeAlias = tuple[int, ...]
"""Layer numbers, ascending."""


@cache
def first(count: int) -> Layers:
    """Layers 0 up to `count`, without it."""
    return tuple(range(count))


def every(hp: Hyperparameters) -> Layers:
    """All layers of the model, without prediction blocks."""
    return first(hp.block_count)


def dense_layers(hp: Hyperparameters) -> Layers:
    """The leading layers without experts."""
    return first(hp.leading_dense_block_count or 0)


def sparse_layers(hp: Hyperparameters) -> Layers:
    """The layers with experts: all after the leading dense ones."""
    return every(hp)[hp.leading_dense_block_count or 0 :]


def stated(hp: Hyperparameters, name: str) -> int:
    """A hyperparameter that the architecture cannot do without.

    Raises:
        UnknownArchitectureError: The model does not state it.
    """
    value = getattr(hp, name)
    if not isinstance(value, int):
        msg = f"`{name}` is not stated, and this architecture cannot do without it"
        raise UnknownArchitectureError(msg)
    return value


def lengths(hp: Hyperparameters) -> int | tuple[int, ...]:
    """Lengths of the feed-forward, of the model or of each layer.

    Raises:
        UnknownArchitectureError: The model does not state them.
    """
    if isinstance(hp.feed_forward_length, tuple):
        return hp.feed_forward_length
    return stated(hp, "feed_forward_length")


def in_layer(value: int | tuple[int, ...], layer: int) -> int:
    """A figure that is one for the model or one per layer."""
    return value[layer] if isinstance(value, tuple) else value


def same(value: int | tuple[int, ...]) -> int:
    """A figure that all layers share.

    Raises:
        UnknownArchitectureError: The layers differ, which no known model of the kind does.
    """
    if isinstance(value, int):
        return value
    if len(set(value)) != 1:
        msg = "a shape differs between layers where it is known to be the same in all"
        raise UnknownArchitectureError(msg)
    return value[0]


def by_value(value: int | tuple[int, ...], layers: Layers) -> Iterable[tuple[int, Layers]]:
    """Which of these layers have which value."""
    if isinstance(value, int):
        return ((value, layers),) if layers else ()
    found: dict[int, list[int]] = {}
    for layer in layers:
        found.setdefault(value[layer], []).append(layer)
    return [(one, tuple(some)) for one, some in found.items()]


def by_heads(hp: Hyperparameters, layers: Layers) -> Iterator[tuple[int, int, Layers]]:
    """Which of these layers have how many query heads and key/value heads."""
    for heads, some in by_value(hp.head_count, layers):
        for kv_heads, fewer in by_value(hp.head_count_kv, some):
            yield heads, kv_heads, fewer


def attending_layers(hp: Hyperparameters) -> Layers:
    """Layers with attention: every n-th where an interval is stated, else those with KV heads."""
    interval = hp.full_attention_interval
    if interval:
        return tuple(layer for layer in every(hp) if (layer + 1) % interval == 0)
    return tuple(layer for layer in every(hp) if in_layer(hp.head_count_kv, layer))


def recurrent_layers(hp: Hyperparameters) -> Layers:
    """Layers with a state: neither attention nor, where layers have one part only, feed-forward."""
    attending = set(attending_layers(hp))
    if isinstance(hp.feed_forward_length, tuple):
        attending |= set(feeding_layers(hp))
    return tuple(layer for layer in every(hp) if layer not in attending)


def feeding_layers(hp: Hyperparameters) -> Layers:
    """Layers whose feed-forward has a length."""
    length = lengths(hp)
    return tuple(layer for layer in every(hp) if in_layer(length, layer))
