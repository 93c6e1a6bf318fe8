"""The scratch that each device reserves for a model's graph, wherever its layers are.

Picks the drawing of an architecture, draws it, and has it shared out; holds no size of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import Draft
from advisor.estimate.graph.folding import folded
from advisor.estimate.graph.model_graph import FILE_OF
from advisor.estimate.graph.schedule import buffers
from advisor.estimate.graph.sketch import INPUT, OUTPUT

if TYPE_CHECKING:
    from advisor.estimate.graph.model_graph import ModelGraph
    from advisor.estimate.placement import Placement
    from advisor.estimate.setup import Setup
    from catalog.cache import LayerCache

Draw = Callable[[Draft, Sequence[int]], None]

PIPELINE_COPIES = 4
"""Inputs that llama.cpp's scheduler keeps for batches on their way through several GPUs.

Source: `GGML_SCHED_MAX_COPIES`, llama.cpp (October 2026).
"""

DRAWINGS_KEPT = 4
"""Graphs that are kept for the next placement: two ways of cutting, with or without help."""


@cache
def drawing(architecture: str) -> Draw:
    """What draws an architecture's graph. Only the files that are needed are loaded."""
    file = import_module(f"advisor.estimate.graph.{FILE_OF[architecture]}")
    draw: Draw = file.draw
    return draw


@dataclass(kw_only=True, eq=False)
class Scratch:
    """The scratch of one model in one setup, for every placement that is asked for."""

    graph: ModelGraph
    caches: Sequence[LayerCache]
    setup: Setup

    def bytes_of(self, placement: Placement) -> tuple[int, ...]:
        """Bytes of each GPU, in their order, and then of the host."""
        used = [place for place, share in enumerate(placement.gpus) if share.is_used]
        owners = owners_of(placement, used)
        found = self._shared_out(owners, len(used), is_pipeline=placement.is_pipeline)
        sizes = dict(zip(used, found, strict=False))
        return (*(sizes.get(place, 0) for place in range(len(placement.gpus))), found[-1])

    @cached_property
    def _has_states(self) -> bool:
        """True where layers keep states, which a cut copies: a few do not stand for all then."""
        return any(cache.state_elements for cache in self.caches)

    @cached_property
    def _known(self) -> dict[tuple[tuple[tuple[int, int], ...], int, int, bool], list[int]]:
        return {}

    def _shared_out(self, owners: Sequence[int], gpus: int, *, is_pipeline: bool) -> list[int]:
        """The same of devices by number, each worked out once."""
        kinds = self.graph.kinds(self.caches)
        layers: Sequence[int] = range(len(kinds))
        if not (self.graph.drifts or (self._has_states and is_cut(owners, gpus))):
            layers = folded(kinds, owners[:-1])
        drawn = range(len(kinds)) if self.graph.counts_repeats else layers
        marks = tuple((kinds[layer], owners[layer]) for layer in drawn)
        key = (marks, owners[-1], gpus, is_pipeline)
        if key not in self._known:
            # a GPU makes the first norm of the next one's layers
            draft = self.drawn(layers, norms_apart=gpus > 1, is_cut=is_cut(owners, gpus))
            homes = {INPUT: gpus, OUTPUT: owners[-1]}
            self._known[key] = buffers(
                draft.sketch,
                lambda home: homes[home] if home < 0 else owners[home],
                gpus + 1,
                copies=PIPELINE_COPIES if is_pipeline else 1,
            )
        return self._known[key]

    @lru_cache(maxsize=DRAWINGS_KEPT)  # noqa: B019  (that few are kept of all models together)
    def drawn(self, layers: Sequence[int], *, norms_apart: bool, is_cut: bool) -> Draft:
        """The graph of some layers, which is not to be changed: the next placement has it again.

        Where every layer is drawn, all placements of a search are of one graph.

        Args:
            layers: Those that stand for all.
            norms_apart: True where a norm and its weights may be on two devices.
            is_cut: See `is_cut`.
        """
        draft = Draft(self.graph.architecture, self.graph.hyper, self.caches, self.setup)
        draft.norms_apart |= norms_apart
        draft.is_cut = is_cut
        drawing(self.graph.architecture)(draft, layers)
        return draft


def is_cut(owners: Sequence[int], host: int) -> bool:
    """True where the host has some layers, and a GPU others or the output."""
    return host in owners[:-1] and any(owner != host for owner in owners)


def owners_of(placement: Placement, used: Sequence[int]) -> list[int]:
    """The device of each layer, and of the output; the host comes after the GPUs in use."""
    owners = [len(used)] * (placement.blocks + 1)
    for number, place in enumerate(used):
        share = placement.gpus[place]
        owners[share.first : share.last] = [number] * share.blocks
        if share.has_output:
            owners[-1] = number
    return owners
