"""What llama.cpp's own `--fit` would choose on the same machine, in its flags.

Follows its steps with our model of memory in place of its measurement: a shorter context where
nobody asked for one, then, back to front, as many layers as fit (of a mixture without their
experts), then, front to back, the experts of as many of those as fit. Holds those steps only.

Source: llama.cpp `common/fit.cpp` (October 2026), whose answers on imagined cards are kept in
`tests/measured/llama_cpp_fit.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from advisor.estimate.estimator import costs_of
from advisor.estimate.fit import split_weight
from advisor.estimate.fit_layers import (
    Fraction,
    Layers,
    allocations_of,
    flags_of,
    whole_allocations,
)
from advisor.estimate.memory import gpu_allocation
from advisor.estimate.placement import place
from advisor.estimate.setup import resolve
from advisor.estimate.solver import largest_that
from advisor.workload import Runtime

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.memory import Allocation
    from advisor.estimate.setup import Setup
    from advisor.estimate.subject import Subject
    from advisor.target import Gpu, Target
    from advisor.workload import Workload

MARGIN_BYTES = 1 << 30
"""Left free on each GPU (`--fit-target 1024`)."""

LEAST_CONTEXT_TOKENS = 4096
"""The context is made no shorter (`--fit-ctx 4096`)."""

CONTEXT_STEP_TOKENS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What `--fit` settles on."""

    context_tokens: int
    layers: tuple[Layers, ...] | None
    """For each GPU; ``None`` where it leaves all layers on them."""

    flags: str
    gives_up: bool = False
    """True where it fits nothing and starts with what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCppFit:
    """What `--fit` settles on, and how sure that is."""

    choice: Choice
    if_less: Choice
    """The same if the model takes as little as the interval allows."""

    if_more: Choice
    """The same if it takes as much."""

    @property
    def is_exact(self) -> bool:
        """True when the interval of the need changes nothing."""
        return self.if_less == self.choice == self.if_more


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What `--fit` is given."""

    costs_at: Callable[[int], Costs]
    """What the model costs at a context."""

    target: Target
    context_tokens: int | None
    """Asked for with `-c`; ``None`` lets it choose."""

    trained_tokens: int
    streams: int
    """Separate caches, each of which may have the whole trained context."""

    is_placed: bool
    """True where layers, experts or the split were asked for, which it then does not touch."""


class _Memory:
    """What layers take at a context, each worked out once for all ends of the interval."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._known: dict[tuple[int, tuple[Layers, ...]], tuple[list[Allocation], list[int]]] = {}
        self._whole: dict[int, list[Allocation]] = {}

    def of(
        self, context_tokens: int, layers: tuple[Layers, ...]
    ) -> tuple[list[Allocation], list[int]]:
        """See `fit_layers.allocations_of`."""
        key = (context_tokens, layers)
        known = self._known.get(key)
        if known is None:
            costs = self._question.costs_at(context_tokens)
            known = self._known[key] = allocations_of(costs, self._question.target.gpus, layers)
        return known

    def whole(self, context_tokens: int) -> list[Allocation]:
        """What each GPU holds with all layers on them; without any, the host."""
        known = self._whole.get(context_tokens)
        if known is None:
            costs = self._question.costs_at(context_tokens)
            known = self._whole[context_tokens] = whole_allocations(costs, self._question.target)
        return known


def llama_cpp_fit(question: Question) -> LlamaCppFit | None:
    """What llama.cpp's `--fit` chooses, at the need's middle and at both its ends.

    Returns:
        ``None`` where the memory of a GPU is not known, or of the host without GPUs.
    """
    target = question.target
    pools = [gpu.available_bytes for gpu in target.gpus] or [target.host.capacity_bytes]
    if None in pools:
        return None
    free = [int(pool.value) for pool in pools if pool is not None]
    memory = _Memory(question)
    choices = [_Fitting(question, memory, free, end).choose() for end in (_middle, _low, _high)]
    return LlamaCppFit(choice=choices[0], if_less=choices[1], if_more=choices[2])


def fit_for(
    subject: Subject, workload: Workload, target: Target, setup: Setup
) -> LlamaCppFit | None:
    """What `--fit` chooses for a model and a workload.

    Returns:
        ``None`` for a runtime that does not run it by itself, and for a model whose cache is not
        understood.
    """
    if workload.runtime is not Runtime.LLAMA_SERVER or subject.caches is None:
        return None
    model = subject.model

    def costs_at(context_tokens: int) -> Costs:
        asked = replace(workload, context_tokens=context_tokens)
        return costs_of(
            subject,
            resolve(asked, trained_tokens=context_tokens, architecture=model.architecture),
        )

    is_placed = workload.offload_all or workload.cpu_moe or bool(workload.tensor_split)
    return llama_cpp_fit(
        Question(
            costs_at=cache(costs_at),
            target=target,
            context_tokens=workload.context_tokens,
            trained_tokens=model.gguf_context_tokens or model.context_tokens,
            streams=setup.streams,
            is_placed=is_placed or workload.gpu_layers is not None or bool(workload.n_cpu_moe),
        )
    )


def _middle(one: Allocation) -> int:
    return one.needed_bytes


def _low(one: Allocation) -> int:
    return one.low_bytes


def _high(one: Allocation) -> int:
    return one.needed_high_bytes


class _Fitting:
    """One run of `--fit`, at one end of the interval."""

    def __init__(
        self,
        question: Question,
        memory: _Memory,
        free: Sequence[int],
        end: Callable[[Allocation], int],
    ) -> None:
        self.question = question
        self.memory = memory
        self.free = free
        self.targets = [one - MARGIN_BYTES for one in free]
        self.end = end
        self.gpus = question.target.gpus
        self.context_tokens = question.context_tokens or question.trained_tokens * question.streams

    def choose(self) -> Choice:
        """The steps, in its order."""
        used = self._whole_bytes(self.context_tokens)
        if all(one <= most for one, most in zip(used, self.targets, strict=True)):
            return self._choice(None)
        if sum(used) > sum(self.targets) and self.question.context_tokens is None:
            is_solved = self._shorten(sum(used))
            if is_solved and len(self.gpus) <= 1:
                return self._choice(None)
        if self.question.is_placed or not self.gpus:
            return replace(self._choice(None), gives_up=True)
        return self._choice(_Filling(self).fill())

    def _choice(self, layers: Sequence[Layers] | None) -> Choice:
        chosen = None if layers is None else tuple(layers)
        flags = f"-c {self.context_tokens}"
        if chosen is not None:
            blocks, names = self.costs.weights.block_count, device_names(self.gpus)
            flags += " " + flags_of(chosen, block_count=blocks, device_names=names)
        elif self.gpus:
            flags += " -ngl all"
        return Choice(context_tokens=self.context_tokens, layers=chosen, flags=flags)

    @property
    def costs(self) -> Costs:
        """What the model costs at the context so far."""
        return self.question.costs_at(self.context_tokens)

    def _whole_bytes(self, context_tokens: int) -> list[int]:
        """Each GPU's use with all layers on them; without any, the host's.

        `--fit` overlooks what the CPU rearranges, so that neither copy is in its sum.
        """
        return [self.end(one) - one.repack_bytes for one in self.memory.whole(context_tokens)]

    def _shorten(self, used: int) -> bool:
        """Interpolate the context between the least and the trained one.

        Returns:
            True where that is enough, as far as the sum over the devices goes.
        """
        longest = self.context_tokens
        least = LEAST_CONTEXT_TOKENS * self.question.streams
        if longest <= least:
            return False
        wanted = sum(self.targets)
        if len(self.gpus) > 1:
            wanted -= self._waste()
        self.context_tokens = least
        at_least = sum(self._whole_bytes(least))
        if wanted <= at_least:
            return False
        context = least + (longest - least) * (wanted - at_least) // (used - at_least)
        step = CONTEXT_STEP_TOKENS * self.question.streams
        self.context_tokens = max(context - context % step, least)
        return True

    def _waste(self) -> int:
        """What it expects several GPUs to lose to whole layers."""
        weights = self.costs.weights
        model = weights.blocks_bytes + weights.output_bytes
        parts = 6 if weights.expert_bytes else 2
        return (len(self.gpus) + 1) * (model // weights.block_count) // parts


class _Filling:
    """Steps 3 and 4: layers over the GPUs at the context that was settled on."""

    def __init__(self, fitting: _Fitting) -> None:
        self.costs = fitting.costs
        self.gpus = fitting.gpus
        self.targets = fitting.targets
        self.end = fitting.end
        self.allocations = partial(fitting.memory.of, fitting.context_tokens)
        self.is_mixture = self.costs.weights.expert_bytes > 0

    def used(self, layers: Sequence[Layers]) -> list[int]:
        """Each GPU's use with so many layers on each."""
        found, more = self.allocations(tuple(layers))
        return [self.end(one) + part for one, part in zip(found, more, strict=True)]

    def fill(self) -> list[Layers]:
        """Layers for each GPU."""
        layers = self._back_to_front()
        if not self.is_mixture or self._surplus_without_experts() <= 0:
            return layers
        return self._front_to_back(layers)

    def _surplus_without_experts(self) -> int:
        """What all GPUs would have left with every expert on the host."""
        blocks = self.costs.weights.block_count
        bare = place(
            block_count=blocks,
            gpu_layers=blocks + 1,
            weights=[split_weight(gpu) for gpu in self.gpus],
            n_cpu_moe=blocks,
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


_NAMES = {"cuda": "CUDA", "rocm": "ROCm", "vulkan": "Vulkan", "sycl": "SYCL", "metal": "MTL"}


def device_names(gpus: Sequence[Gpu]) -> list[str]:
    """What llama.cpp calls them, in the order of use."""
    return [f"{_NAMES.get(gpu.backend, 'GPU')}{number}" for number, gpu in enumerate(gpus)]


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
        after[start] = replace(
            after[start], count=after[start].count - taken, part=after[start].part - taken
        )
        after[number] = replace(after[number], count=after[number].count + taken)
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
    source = after[start]
    after[start] = replace(source, count=source.count - 1, part=source.part - 1)
    one = after[number]
    after[number] = replace(one, count=one.count + 1, part=one.part + 1, fraction=fraction)
    if after[start].part == 0:
        start += 1
    return after, start
