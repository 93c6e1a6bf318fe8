"""A model's layers without the repeats, which need no more scratch than what they repeat.

Holds what makes one layer's graph like another's, and which of a run of equal layers stand for all;
never a size. The allocator is back where it was after a few equal layers, so that the rest of them
change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.cache import LayerCache
    from catalog.model import Hyperparameters

PERIODS = (2, 3, 4, 5, 6, 7, 8, 12)
"""Layers of different kinds follow each other in periods of so many. Equal layers count as pairs:
where a layer's result lies alternates between two places."""

KEPT_PERIODS = 2
"""So many periods stand for all that follow."""

LAYER_MARKS: Mapping[str, Callable[[int], Hashable]] = {
    "gemma-embedding": lambda layer: layer % 6 == 5,
    "llama4": lambda layer: layer % 4 == 3,
    "smollm3": lambda layer: layer % 4 == 3,
}
"""What else a layer's graph depends on: the window of an encoder, which has no cache to tell it by,
and positions, which some leave out in every fourth layer."""


def of_layer(value: int | Sequence[int] | None, layer: int) -> int:
    """A layer's value of a key that may be kept per layer; zero without the key."""
    if value is None:
        return 0
    return value if isinstance(value, int) else value[layer]


def layer_kinds(
    architecture: str, hyper: Hyperparameters, caches: Sequence[LayerCache]
) -> tuple[int, ...]:
    """A number for what each layer's graph depends on; equal for equal layers."""
    mark = LAYER_MARKS.get(architecture)
    group = {layer: place for place, cache in enumerate(caches) for layer in cache.layers}
    known: dict[Hashable, int] = {}
    return tuple(
        known.setdefault(
            (
                group.get(layer),
                of_layer(hyper.head_count, layer),
                of_layer(hyper.head_count_kv, layer),
                of_layer(hyper.feed_forward_length, layer),
                layer < (hyper.leading_dense_block_count or 0),
                layer % (hyper.interleave_moe_layer_step or 1),
                layer < (hyper.hash_layer_count or 0),
                mark(layer) if mark else None,
            ),
            len(known),
        )
        for layer in range(hyper.block_count)
    )


def folded(kinds: Sequence[int], owners: Sequence[int]) -> tuple[int, ...]:
    """The layers that stand for all, in their order.

    Args:
        kinds: What each layer's graph depends on.
        owners: The device of each; one's layers never stand for another's.
    """
    most = max(owners, default=0) + 1
    marks = [kind * most + owner for kind, owner in zip(kinds, owners, strict=True)]
    layers = list(range(len(marks)))
    for period in PERIODS:
        if len(layers) <= KEPT_PERIODS * period:
            break
        layers = _without_repeats(marks, layers, period)
    return tuple(layers)


def _without_repeats(marks: Sequence[int], layers: list[int], period: int) -> list[int]:
    """The layers without all but the first few of periods that follow each other."""
    found: list[int] = []
    run = 0
    for layer in layers:
        is_like = len(found) >= period and marks[found[-period]] == marks[layer]
        run = run + 1 if is_like else 0
        found.append(layer)
        if run == KEPT_PERIODS * period:
            del found[-period:]
            run -= period
    return found
