"""How many layers each GPU gets: searches over the one model of memory, no formula of its own.

Holds the searches over placements; never a verdict, which `room` gives, nor which of several
answers is preferred, which is `fit`'s.

llama.cpp by itself splits layers by the memory that is free. Where another split holds more, that
one is found: GPUs take layers in a row, and what one needs never falls with its layers, so that
filling one after the other leaves out as little as any split does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from advisor.estimate.memory import gpu_need
from advisor.estimate.placement import place, placed
from advisor.estimate.room import UNLIMITED, holds_surely
from advisor.estimate.solver import (
    largest_near,
    largest_that,
    largest_within,
    smallest_near,
)

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.memory import Need
    from advisor.estimate.placement import Placement
    from advisor.target import Gpu

Over = Callable[["Need", "Gpu"], float]
"""By how much a GPU lacks memory for what it needs; not above zero where it has it. [bytes]"""


_Lacks = Callable[["Placement", int, Over], float]

MOST_SPARE_MIB = 1024
"""More left free on the fullest GPU is worth nothing."""


def split_weight(gpu: Gpu) -> float:
    """llama.cpp splits by the memory that is free when it starts."""
    known = gpu.available_bytes or gpu.capacity_bytes
    return max(known.value, 1.0) if known else 1.0


def over_margin(margin_bytes: int) -> Over:
    """Over what leaves so much free, and the upper end of the need besides."""

    def over(need: Need, gpu: Gpu) -> float:
        if gpu.available_bytes is None:
            return UNLIMITED
        needed = max(need.total_bytes + margin_bytes, need.high_bytes)
        return needed - int(gpu.available_bytes.value)

    return over


def over_sure(need: Need, gpu: Gpu) -> float:
    """Over what fits for sure, with some to spare."""
    lacking = over_now(need, gpu)
    if lacking > 0 or gpu.available_bytes is None:
        return lacking
    available = int(gpu.available_bytes.value)
    is_sure = holds_surely(need.total_bytes, need.high_bytes, available)
    return lacking if is_sure else max(need.high_bytes - available, 1)


def over_now(need: Need, gpu: Gpu) -> float:
    """Over what there is now."""
    known = gpu.available_bytes or gpu.capacity_bytes
    return UNLIMITED if known is None else need.total_bytes - int(known.value)


def over_idle(need: Need, gpu: Gpu) -> float:
    """Over what there is with nothing else running."""
    known = gpu.capacity_bytes
    return UNLIMITED if known is None else need.total_bytes - int(known.value)


def may_hold_whole(costs: Costs, gpus: Sequence[Gpu]) -> bool:
    """False where weights and cache alone, which no split changes, are more than there is."""
    weights = costs.weights
    exact = weights.blocks_bytes + weights.output_bytes + costs.context.cache_bytes
    known = [gpu.capacity_bytes or gpu.available_bytes for gpu in gpus]
    return None in known or exact <= sum(one.value for one in known if one is not None)


class Sharing:
    """One model over a row of GPUs."""

    def __init__(
        self, costs: Costs, gpus: Sequence[Gpu], split: tuple[float, ...] | None = None
    ) -> None:
        """Take what does not change from placement to placement.

        Args:
            costs: The model's.
            gpus: In the order of use.
            split: Shares that were asked for; ``None`` to find the best.
        """
        self.costs = costs
        self.gpus = gpus
        self.split = split
        self.layers = costs.weights.layers
        self.blocks = costs.weights.block_count
        self.has_experts = costs.weights.expert_bytes > 0
        self._weights = tuple(split_weight(gpu) for gpu in gpus)

    @property
    def _is_free(self) -> bool:
        """True where a split may be chosen."""
        return self.split is None and len(self.gpus) > 1

    def usual(self, gpu_layers: int, n_cpu_moe: int = 0) -> Placement:
        """As llama.cpp splits so many layers by itself, or as was asked."""
        return place(
            block_count=self.blocks,
            unused_blocks=self.costs.weights.unused_blocks,
            gpu_layers=gpu_layers,
            weights=self._weights,
            split=self.split,
            n_cpu_moe=n_cpu_moe if self.has_experts else 0,
        )

    def _as_counted(self, counts: Sequence[int], n_cpu_moe: int = 0) -> Placement:
        """So many layers for each GPU, which `--tensor-split` says."""
        return place(
            block_count=self.blocks,
            unused_blocks=self.costs.weights.unused_blocks,
            gpu_layers=sum(counts),
            weights=self._weights,
            split=[float(count) for count in counts],
            n_cpu_moe=n_cpu_moe,
        )

    def whole(self, over: Over) -> Placement | None:
        """Every layer on GPUs, the fastest with the most; ``None`` where they do not hold them.

        Args:
            over: What a GPU lacks.
        """
        if not self._is_free or not may_hold_whole(self.costs, self.gpus):
            return None
        counts, lacking = self._front_to_back(0, over)
        return None if lacking > 0 else self._as_counted(counts)

    def whole_with_spare(self, over: Over) -> Placement | None:
        """Every layer on GPUs, so that the fullest has as much left as may be.

        Args:
            over: What a GPU lacks.

        Returns:
            ``None`` where they do not hold them.
        """
        if not self._is_free or not may_hold_whole(self.costs, self.gpus):
            return None

        def spared(mib: int) -> Over:
            return lambda need, gpu: over(need, gpu) + (mib << 20)

        most = largest_within(lambda mib: self._front_to_back(0, spared(mib))[1], 0, MOST_SPARE_MIB)
        return None if most is None else self._as_counted(self._front_to_back(0, spared(most))[0])

    def fewest_bare(self, over: Over) -> Placement | None:
        """Every layer on GPUs, the experts of as few as need be on the host.

        Returns:
            ``None`` where not even all experts on the host are enough.
        """
        if self._is_free:
            fewest = smallest_near(
                lambda count: self._front_to_back(count, over)[1],
                lambda count: self._front_to_back(count, over, is_rough=True)[1],
                1,
                self.blocks,
            )
        else:
            fewest = smallest_near(
                lambda count: self._lacking(self.layers, count, over, self._lacks),
                lambda count: self._lacking(self.layers, count, over, self._nearly_lacks),
                1,
                self.blocks,
            )
        if fewest is None:
            return None
        if self._is_free and self._lacking(self.layers, fewest, over, self._lacks) > 0:
            return self._as_counted(self._front_to_back(fewest, over)[0], fewest)
        return self.usual(self.layers, fewest)

    def all_bare(self, n_cpu_moe: int, over: Over) -> Placement | None:
        """Every layer on GPUs, so many without experts, split in another way than usual."""
        if not self._is_free:
            return None
        counts, lacking = self._front_to_back(n_cpu_moe, over)
        return None if lacking > 0 else self._as_counted(counts, n_cpu_moe)

    def most_layers(self, n_cpu_moe: int, over: Over) -> Placement:
        """As many layers as the GPUs hold, but not all, the first ones without their experts."""
        if self._is_free:
            counts = self._back_to_front(n_cpu_moe, over)
            most = sum(counts)
            if most and self._lacking(most, n_cpu_moe, over, self._lacks) > 0:
                return self._as_counted(counts, n_cpu_moe)
            return self.usual(most, n_cpu_moe)
        found = largest_near(
            lambda count: self._lacking(count, n_cpu_moe, over, self._lacks),
            lambda count: self._lacking(count, n_cpu_moe, over, self._nearly_lacks),
            0,
            self.layers - 1,
        )
        return self.usual(found or 0, n_cpu_moe)

    def _lacking(self, gpu_layers: int, n_cpu_moe: int, over: Over, of: _Lacks) -> float:
        """What the fullest GPU lacks for so many layers, split as usual."""
        placement = self.usual(gpu_layers, n_cpu_moe)
        return max(of(placement, number, over) for number in range(len(self.gpus)))

    def _lacks(self, placement: Placement, number: int, over: Over) -> float:
        """What one GPU lacks; one without layers needs nothing, and has all that it has."""
        gpu = self.gpus[number]
        if not placement.gpus[number].is_used:
            return self._spare(number)
        need = self._about[number] = gpu_need(self.costs, placement, number, gpu)
        return over(need, gpu)

    def _nearly_lacks(self, placement: Placement, number: int, over: Over) -> float:
        """About the same at a small part of the cost: with the scratch that it had last."""
        share = placement.gpus[number]
        if not share.is_used:
            return self._spare(number)
        return over(self._about[number].with_share(self.costs, share), self.gpus[number])

    def _spare(self, number: int) -> float:
        known = self.gpus[number].available_bytes
        return UNLIMITED if known is None else -known.value

    @cached_property
    def _about(self) -> list[Need]:
        """What each GPU needs: as asked last, and at first with all layers on them."""
        whole = self.usual(self.layers)
        return [gpu_need(self.costs, whole, number, gpu) for number, gpu in enumerate(self.gpus)]

    def _spread(self, counts: Sequence[int], n_cpu_moe: int) -> Placement:
        """The same as `_as_counted`, without the way through shares."""
        edges = accumulate(counts, initial=self.layers - sum(counts))
        spans = list(pairwise(edges))
        bare = [(first, max(first, min(last, n_cpu_moe))) for first, last in spans]
        return placed(
            block_count=self.blocks,
            unused_blocks=self.costs.weights.unused_blocks,
            spans=spans,
            bare=bare if n_cpu_moe else None,
            n_cpu_moe=n_cpu_moe,
        )

    def _front_to_back(
        self, n_cpu_moe: int, over: Over, *, is_rough: bool = False
    ) -> tuple[list[int], float]:
        """All layers: each GPU takes as many as it holds, and the last one what is left.

        Args:
            n_cpu_moe: First blocks without their experts.
            over: What a GPU lacks.
            is_rough: True to be content with about what each needs.

        Returns:
            The layers of each, and what the last one lacks.
        """
        counts, last = [0] * len(self.gpus), len(self.gpus) - 1
        for number in range(last):
            rest = self.layers - sum(counts)

            def lacks(of: _Lacks, count: int, number: int = number, rest: int = rest) -> float:
                tried = [*counts[:number], count, *counts[number + 1 : last], rest - count]
                return of(self._spread(tried, n_cpu_moe), number, over)

            counts[number] = (self._nearly_most if is_rough else self._most)(lacks, rest)
        counts[last] = self.layers - sum(counts)
        of = self._nearly_lacks if is_rough else self._lacks
        return counts, of(self._spread(counts, n_cpu_moe), last, over)

    def _back_to_front(self, n_cpu_moe: int, over: Over) -> list[int]:
        """The last GPU takes as many layers as it holds, then the one before; the host has one."""
        counts = [0] * len(self.gpus)
        for number in reversed(range(len(self.gpus))):
            rest = self.layers - 1 - sum(counts)

            def lacks(of: _Lacks, count: int, number: int = number) -> float:
                tried = [*counts[:number], count, *counts[number + 1 :]]
                return of(self._spread(tried, n_cpu_moe), number, over)

            counts[number] = self._most(lacks, rest)
        return counts

    def _most(self, lacks: Callable[[_Lacks, int], float], rest: int) -> int:
        """The most of the rest of the layers that a GPU holds."""
        exactly, nearly = partial(lacks, self._lacks), partial(lacks, self._nearly_lacks)
        return largest_near(exactly, nearly, 0, rest) or 0

    def _nearly_most(self, lacks: Callable[[_Lacks, int], float], rest: int) -> int:
        """About as many."""
        return largest_that(lambda count: lacks(self._nearly_lacks, count) <= 0, 0, rest) or 0
