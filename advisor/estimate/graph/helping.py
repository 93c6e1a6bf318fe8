"""The first GPU's scratch where it computes large batches of what the host has, as GPUs do.

Draws the same graph as `scratch` does, with the host's weights lent to that GPU; holds no size of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from advisor.estimate.graph.beside import Beside
from advisor.estimate.graph.folding import folded
from advisor.estimate.graph.lending import Extras, read_factors, taken_over, weights_bytes
from advisor.estimate.graph.naming import groups_at, names_of
from advisor.estimate.graph.schedule import Plan
from advisor.estimate.graph.scratch import Scratch, is_cut, owners_of
from advisor.estimate.graph.sketch import INPUT, OUTPUT

if TYPE_CHECKING:
    from advisor.estimate.graph.draft import Draft
    from advisor.estimate.placement import Placement
    from catalog.tensors import TensorTable


MOST_KEPT = 64
"""Graphs that are kept of one setup. Of a large model each has thousands of tensors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Help:
    """One placement's graph, whatever quant the weights have."""

    draft: Draft
    plan: Plan
    names: Mapping[int, str]
    """The weights that tensors read which are taken over, where they are known."""

    def gpu_bytes(self, table: TensorTable) -> int:
        """Bytes of the first GPU in use, with copies of the host's weights.

        Args:
            table: The model's tensors with their types.
        """
        draft, home, names = self.draft, self.draft.sketch.home, self.names
        lent = self.plan.lent_copies
        groups = {one: groups_at(table, one) for one in {home[tensor] for tensor in lent}}
        sizes = {
            tensor: weights_bytes(draft, tensor, names.get(tensor), groups[home[tensor]])
            for tensor in lent
        }
        return self.plan.buffers(lent_bytes=sizes)[0]


@dataclass(kw_only=True, eq=False)
class Helping:
    """The graphs of one model in one setup, for every placement that is asked for."""

    scratch: Scratch
    extras: Extras

    def of(self, placement: Placement) -> Help:
        """The graph of a placement; the same for placements that differ in repeats alone."""
        used = [place for place, share in enumerate(placement.gpus) if share.is_used]
        owners = owners_of(placement, used)
        bare = {layer for first, last in placement.host.experts for layer in range(first, last)}
        kinds = [
            2 * kind + (layer in bare)
            for layer, kind in enumerate(self.scratch.graph.kinds(self.scratch.caches))
        ]
        layers = folded(kinds, owners[:-1])
        drawn = range(len(kinds)) if self.scratch.graph.counts_repeats else layers
        marks = tuple((kinds[layer], owners[layer]) for layer in drawn)
        key = (marks, owners[-1])
        found = self._known.get(key)
        if found is None:
            if len(self._known) == MOST_KEPT:
                del self._known[next(iter(self._known))]
            found = self._known[key] = self._drawn(layers, owners, bare, len(used))
        return found

    @cached_property
    def _known(self) -> dict[tuple[tuple[tuple[int, int], ...], int], Help]:
        return {}

    def _drawn(self, layers: Sequence[int], owners: list[int], bare: set[int], host: int) -> Help:
        # of norms only the weights are lent
        drawn = self.scratch.drawn(layers, norms_apart=True, is_cut=is_cut(owners, host))
        draft = drawn.copied_whole()
        homes = {INPUT: host, OUTPUT: owners[-1]}

        def device_of(home: int) -> int:
            return homes[home] if home < 0 else owners[home]

        def is_on_host(home: int, is_stack: bool) -> bool:  # noqa: FBT001
            return device_of(home) == host or (is_stack and home in bare)

        lent = set(taken_over(draft, is_on_host))
        names = names_of(draft, self.extras.table, lent.intersection(draft.sketch.matrices))
        on_host = {layer for layer in layers if owners[layer] == host}
        of_host = {one for one in lent if draft.sketch.home[one] in on_host}
        Beside(
            draft=draft,
            lent=lent,
            names=names,
            vectors=self.extras.vectors,
            host_layers=on_host,
        ).complete()
        names.update(draft.sketch.weights)
        if self.extras.has_factors:
            read_factors(draft, of_host)
        plan = Plan(draft.sketch, device_of, host, lent)
        return Help(draft=draft, plan=plan, names=names)
