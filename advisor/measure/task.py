"""What is to be timed, and what came out: the nouns between `bench` and the programs that time.

Holds no process and no network; each program's file turns a `Task` into a `Taken`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.measure.log import Allocated

PROMPT_TOKENS = 512
ANSWER_TOKENS = 128
"""As `llama-bench` has it: pp512 and tg128."""

REPETITIONS = 5

LEAST_ANSWER_TOKENS = 16
"""Of a server that stopped early, fewer tokens say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One model to time, and how to place it."""

    path: Path
    prompt_tokens: int = PROMPT_TOKENS
    answer_tokens: int = ANSWER_TOKENS
    depth_tokens: int = 0
    """In the cache before the first timed token of the answer."""

    repetitions: int = REPETITIONS
    gpu_layers: int
    n_cpu_moe: int
    tensor_split: tuple[float, ...] | None
    threads: int | None
    """``None`` for the program's own choice."""

    flash_attention: bool
    without_gpus: bool
    """True to keep the program off the GPUs that are there."""

    device_names: tuple[str, ...] | None = None
    """The GPUs to use, as the program calls them; ``None`` for all."""

    @property
    def context_tokens(self) -> int:
        """Cells that the longest run needs; `llama-bench` reads its prompt at depth, too."""
        return self.depth_tokens + max(self.prompt_tokens, self.answer_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a program timed."""

    program: str
    version: str | None
    decode_tokens_per_s: tuple[float, ...]
    """One for each repetition; empty where the program does not time it."""

    decode_tokens: int
    """Timed in each."""

    prefill_tokens_per_s: tuple[float, ...]
    prefill_tokens: int
    allocated: Allocated | None = None
    """What its log says of memory; ``None`` where it logs nothing."""

    backend: str | None = None
    """The one it used; ``None`` where it does not say."""

    threads: int | None = None
    knows_placement: bool = True
    """False for a server that somebody else started, and that does not say where layers are."""

    cpu_s: float | None = None
    """CPU time of the program and its children; ``None`` where another user's server ran it."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One moment of a measurement."""

    what: str
    """`loading`, `prefill`, `decode`."""

    done: int
    total: int
    """Repetitions, warm-ups included."""


Show = Callable[[Step], None]
"""Gets every step as it begins."""
