"""What llama.cpp's own `--fit` would choose on the same machine, in its flags.

Follows its steps with our model of memory in place of its measurement: a shorter context where
nobody asked for one, then layers over the GPUs, which is `fit_filling`. Holds the order of the
steps and the context; never a formula of memory.

Source: llama.cpp `common/fit.cpp` (October 2026), whose answers on imagined cards are kept in
`tests/measured/llama_cpp_fit.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from advisor.estimate.estimator import costs_of
from advisor.estimate.fit_filling import Filling
from advisor.estimate.fit_layers import allocations_of, flags_of, whole_allocations
from advisor.estimate.gpu_names import gpu_names
from advisor.estimate.runtimes import preset
from advisor.estimate.setup import resolve

if TYPE_CHECKING:
    from advisor.estimate.costs import Costs
    from advisor.estimate.fit_layers import Layers
    from advisor.estimate.memory import Allocation
    from advisor.estimate.setup import Setup
    from advisor.estimate.subject import Subject
    from advisor.target import Target
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

    margin_bytes: int = MARGIN_BYTES
    """Left free on each GPU."""


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
        understood. Ollama hands its llama-server a context, and leaves the layers to it.
    """
    own, model = preset(workload.runtime), subject.model
    if own.reserve_bytes is None or subject.caches is None:
        return None
    asked_tokens = workload.context_tokens
    if own.is_context_of_each:
        asked_tokens = setup.context_tokens * setup.sequences

    def costs_at(context_tokens: int) -> Costs:
        if own.is_context_of_each:
            return costs_of(subject, setup)
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
            context_tokens=asked_tokens,
            trained_tokens=model.gguf_context_tokens or model.context_tokens,
            streams=setup.streams,
            is_placed=is_placed or workload.gpu_layers is not None or bool(workload.n_cpu_moe),
            margin_bytes=own.reserve_bytes,
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
        self.targets = [one - question.margin_bytes for one in free]
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
        return self._choice(self._filled())

    def _filled(self) -> list[Layers]:
        """Layers for each GPU at the context so far."""
        filling = Filling(
            self.costs,
            self.gpus,
            self.targets,
            end=self.end,
            held=partial(self.memory.of, self.context_tokens),
        )
        return filling.fill()

    def _choice(self, layers: Sequence[Layers] | None) -> Choice:
        chosen = None if layers is None else tuple(layers)
        flags = f"-c {self.context_tokens}"
        if chosen is not None:
            blocks, names = self.costs.weights.block_count, gpu_names(self.gpus)
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
