"""The first GPU's scratch where it computes large batches of what the host has, as GPUs do.

Draws the layers that it helps with, as `scratch` does, with their weights lent to that GPU; holds
no size of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from advisor.estimate.graph.draft import Draft
from advisor.estimate.graph.folding import folded, layer_kinds
from advisor.estimate.graph.lending import (
    Extras,
    matrices_of,
    norm_heads,
    read_factors,
    taken_over,
    weights_bytes,
)
from advisor.estimate.graph.schedule import Plan
from advisor.estimate.graph.scratch import Scratch, drawing, owners_of
from advisor.estimate.graph.sketch import INPUT, OUTPUT

if TYPE_CHECKING:
    from advisor.estimate.placement import Placement
    from catalog.tensors import TensorTable


@dataclass(frozen=True, kw_only=True, eq=False)
class Help:
    """One placement's graph, whatever quant the weights have."""

    draft: Draft
    plan: Plan

    def gpu_bytes(self, table: TensorTable) -> int:
        """Bytes of the first GPU in use, with copies of the host's weights.

        Args:
            table: The model's tensors with their types.
        """
        draft, home = self.draft, self.draft.sketch.home
        lent = self.plan.lent_copies
        matrices = {one: matrices_of(table, one) for one in {home[tensor] for tensor in lent}}
        sizes = {tensor: weights_bytes(draft, tensor, matrices[home[tensor]]) for tensor in lent}
        return self.plan.buffers(lent_bytes=sizes)[0]


@dataclass(kw_only=True, eq=False)
class Helping:
    """The graphs of one model in one setup, for every placement that is asked for."""

    scratch: Scratch
    extras: Extras

    def of(self, placement: Placement) -> Help:
        """The graph of a placement; the same for placements that differ in repeats alone.

        What its other layers need by themselves is for `scratch` to say, and may be more.
        """
        used = [place for place, share in enumerate(placement.gpus) if share.is_used]
        owners = owners_of(placement, used)
        bare = {layer for first, last in placement.host.experts for layer in range(first, last)}
        layers = self._layers(owners, bare, len(used))
        marks = tuple((self._kinds[layer], layer in bare, owners[layer]) for layer in layers)
        key = (marks, owners[-1])
        if key not in self._known:
            self._known[key] = self._drawn(layers, owners, bare, len(used))
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[tuple[tuple[int, bool, int], ...], int], Help]:
        return {}

    def _layers(self, owners: list[int], bare: set[int], host: int) -> list[int]:
        """The layers that it helps with, without repeats; and of the rest the last of each kind.

        Those read inputs that lie there until then, and the last of all ends the graph.
        """
        layers = range(len(owners) - 1)
        helped = [layer for layer in layers if owners[layer] == host or layer in bare]
        kinds = [2 * self._kinds[layer] + (layer in bare) for layer in helped]
        kept = folded(kinds, [owners[layer] for layer in helped])
        last_of = {self._kinds[layer]: layer for layer in layers}
        return sorted({*(helped[place] for place in kept), *last_of.values()})

    @cached_property
    def _kinds(self) -> tuple[int, ...]:
        """What each layer's graph depends on.

        A copy goes before the next one comes, so that equal layers are alike even where `scratch`
        draws each of them.
        """
        graph = self.scratch.graph
        return layer_kinds(graph.architecture, graph.hyper, self.scratch.caches)

    def _drawn(self, layers: list[int], owners: list[int], bare: set[int], host: int) -> Help:
        graph = self.scratch.graph
        draft = Draft(graph.architecture, graph.hyper, self.scratch.caches, self.scratch.setup)
        draft.norms_apart = True  # only their weights are lent
        draft.is_cut = 0 < owners[:-1].count(host) < len(owners) - 1
        drawing(graph.architecture)(draft, layers)
        homes = {INPUT: host, OUTPUT: owners[-1]}

        def device_of(home: int) -> int:
            return homes[home] if home < 0 else owners[home]

        def is_on_host(home: int, is_stack: bool) -> bool:  # noqa: FBT001
            return device_of(home) == host or (is_stack and home in bare)

        lent = set(taken_over(draft, is_on_host))
        if self.extras.has_head_norms:
            lent |= norm_heads(draft, lent)
        if self.extras.has_factors:
            read_factors(draft, lent)
        return Help(draft=draft, plan=Plan(draft.sketch, device_of, host, lent))
