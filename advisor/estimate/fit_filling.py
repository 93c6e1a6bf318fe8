"""Steps 3 and 4 of llama.cpp's `--fit`: layers over the GPUs, and of a mixture which whole.

First, back to front, each GPU gets as many layers as it holds (of a mixture without their
experts), then, front to back, the experts of as many of those as fit. Holds those two steps;
what comes before them is `fit_flags`, what layers take `fit_layers`.

Source: llama.cpp `common/fit.cpp` (October 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from advisor.estimate.fit_layers import Fraction, Layers
from advisor.estimate.memory import gpu_allocation
from advisor.estimate.placement import place
from advisor.estimate.sharing import split_weight
from advisor.estimate.solver import largest_that

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.memory import Allocation
    from advisor.target import Gpu


class Filling:
    """Layers over the GPUs at the context that was settled on."""

    def __init__(
        self,
        costs: Costs,
        gpus: Sequence[Gpu],
        targets: Sequence[int],
        *,
        end: Callable[[Allocation], int],
        held: Callable[[tuple[Layers, ...]], tuple[list[Allocation], list[int]]],
    ) -> None:
        """Take what does not change while layers move.

        Args:
            costs: The model's, at the context that was settled on.
            gpus: In llama.cpp's order.
            targets: What each may take. [bytes]
            end: The end of a need's interval that counts.
            held: What each holds for so many layers; see `fit_layers.allocations_of`.
        """
        self.costs = costs
        self.gpus = gpus
        self.targets = targets
        self.end = end
        self.held = held
        self.is_mixture = costs.weights.expert_bytes > 0

    def used(self, layers: Sequence[Layers]) -> list[int]:
        """Each GPU's use with so many layers on each."""
        found, more = self.held(tuple(layers))
        return [self.end(one) + part for one, part in zip(found, more, strict=True)]

    def fill(self) -> list[Layers]:
        """Layers for each GPU."""
        layers = self._back_to_front()
        if not self.is_mixture or self._surplus_without_experts() <= 0:
            return layers
        return self._front_to_back(layers)

    def _surplus_without_experts(self) -> int:
        """What all GPUs would have left with every expert on the host."""
        weights = self.costs.weights
        bare = place(
            block_count=weights.block_count,
            unused_blocks=weights.unused_blocks,
            gpu_layers=weights.layers,
            weights=[split_weight(gpu) for gpu in self.gpus],
            n_cpu_moe=weights.block_count,
        )
        return sum(
            most - self.end(gpu_allocation(self.costs, bare, number, gpu))
            for number, (gpu, most) in enumerate(zip(self.gpus, self.targets, strict=True))
        )

    def _back_to_front(self) -> list[Layers]:
        """The last GPU gets as many layers as it holds, then the one before it."""
        layers = [Layers()] * len(self.gpus)
        for number in reversed(range(len(self.gpus))):
            rest = self.costs.weights.block_count + 1 - sum(one.count for one in layers)
            most = largest_that(partial(self._holds, layers, number), 0, rest)
            layers = self._with(layers, number, most or 0)
        return layers

    def _with(self, layers: Sequence[Layers], number: int, count: int) -> list[Layers]:
        """So many layers on one GPU: of a mixture without experts, but for the output layer."""
        is_last = number == len(self.gpus) - 1
        part = max(count - is_last, 0) if self.is_mixture else 0
        return [*layers[:number], Layers(count=count, part=part), *layers[number + 1 :]]

    def _holds(self, layers: Sequence[Layers], number: int, count: int) -> bool:
        return self.used(self._with(layers, number, count))[number] <= self.targets[number]

    def _front_to_back(self, layers: list[Layers]) -> list[Layers]:
        """Layers without experts become whole ones, on the first GPU first."""
        last = len(self.gpus) - 1
        start = last
        while start > 0 and layers[start - 1].count and layers[start].count:
            start -= 1
        number = 0
        while number <= start <= last:
            count = sum(one.part for one in layers[start:])
            most = largest_that(partial(self._holds_whole, layers, start, number), 0, count)
            layers, start = converted(layers, start, number, most or 0)
            if start <= last and layers[start].count > (0 if number < last else 1):
                layers, start = self._one_more(layers, start, number)
            number += 1
        return layers

    def _holds_whole(self, layers: Sequence[Layers], start: int, number: int, moved: int) -> bool:
        test, _ = converted(layers, start, number, moved)
        return self.used(test)[number] <= self.targets[number]

    def _one_more(self, layers: list[Layers], start: int, number: int) -> tuple[list[Layers], int]:
        """Part of one more layer, where that fits."""
        for fraction, further in (
            (Fraction.UP, Fraction.GATE),
            (Fraction.ATTENTION, None),
        ):
            test, after = with_part_of_next(layers, start, number, fraction)
            if not self._fits_with_overflow(test, number):
                continue
            if further is not None:
                more, _ = with_part_of_next(layers, start, number, further)
                if self._fits_with_overflow(more, number):
                    test = more
            return test, after
        return layers, start

    def _fits_with_overflow(self, layers: Sequence[Layers], number: int) -> bool:
        """The GPU itself, and the next one, which takes what overflows."""
        used = self.used(layers)
        return all(used[one] < self.targets[one] for one in range(number, len(used))[:2])


def converted(
    layers: Sequence[Layers], start: int, number: int, moved: int
) -> tuple[list[Layers], int]:
    """So many layers without experts become whole ones of a GPU.

    Args:
        layers: Of each GPU.
        start: The first GPU that has layers without experts.
        number: The GPU that gets them whole.
        moved: How many. [count]

    Returns:
        The layers, and the first GPU that still has some without experts.
    """
    after = list(layers)
    left = moved
    while start < len(after):
        taken = min(left, after[start].part)
        after[start] = _more(after[start], count=-taken, part=-taken)
        after[number] = _more(after[number], count=taken)
        left -= taken
        if after[start].part > 0:
            break
        start += 1
    return after, start


def with_part_of_next(
    layers: Sequence[Layers], start: int, number: int, fraction: Fraction
) -> tuple[list[Layers], int]:
    """A GPU gets part of the next layer that has no experts yet."""
    after = list(layers)
    after[start] = _more(after[start], count=-1, part=-1)
    after[number] = replace(_more(after[number], count=1, part=1), fraction=fraction)
    if after[start].part == 0:
        start += 1
    return after, start


def _more(layers: Layers, *, count: int, part: int = 0) -> Layers:
    """So many layers more, so many of them in part."""
    return Layers(count=layers.count + count, part=layers.part + part, fraction=layers.fraction)
