"""What the servers that hold a model have in common: the model they serve, and the prompts.

Holds nouns and texts; each server's file asks it in its own words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from advisor.measure.errors import RuntimeFailedError
from advisor.measure.task import LEAST_ANSWER_TOKENS, Step, Taken

if TYPE_CHECKING:
    from advisor.measure.task import Show, Task

WORDS = ("river", "stone", "light", "paper", "green", "seven", "house", "cloud", "metal", "bread")
"""Common words, which most vocabularies have as one token each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The model that a server holds."""

    program: str
    version: str | None
    name: str
    """What the server calls it."""

    path: Path | None
    """Its file, where the server says which and this user may read it."""

    quant: str | None
    """What the server says; ``None`` where only the file tells."""

    context_tokens: int | None
    """Of one slot; ``None`` where it is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One prompt and one answer, as the server itself timed them."""

    prompt_tokens: int
    """Those that were computed, not those found in a cache."""

    prompt_s: float
    answer_tokens: int
    answer_s: float
    """For the tokens after the first, or for all: as the server counts."""


Exchanger = Callable[[int, int, int], Exchange]
"""Asks for (tokens of a prompt, tokens of an answer, which repetition)."""


def time_server(served: Served, task: Task, show: Show, exchange: Exchanger) -> Taken:
    """Time a model that a server holds: prompts alone, then answers to a short prompt.

    Raises:
        RuntimeFailedError: The server fails, or answers with too few tokens.
    """
    rounds = task.repetitions + 1
    total = 2 * rounds
    prefill: list[float] = []
    prompt_tokens: list[int] = []
    decode: list[float] = []
    answer_tokens: list[int] = []
    for place in range(rounds):
        show(Step(what="prefill", done=place, total=total))
        one = exchange(task.prompt_tokens, 1, place)
        prefill.append(_rate(one.prompt_tokens, one.prompt_s, served))
        prompt_tokens.append(one.prompt_tokens)
    for place in range(rounds):
        show(Step(what="decode", done=rounds + place, total=total))
        one = exchange(max(task.depth_tokens, 1), task.answer_tokens, rounds + place)
        if one.answer_tokens < LEAST_ANSWER_TOKENS:
            msg = f"{served.program} ended its answer after {one.answer_tokens} tokens"
            raise RuntimeFailedError(msg, "measure with `llama-bench`, which never ends early")
        decode.append(_rate(one.answer_tokens, one.answer_s, served))
        answer_tokens.append(one.answer_tokens)
    return Taken(
        program=served.program,
        version=served.version,
        decode_tokens_per_s=tuple(decode[1:]),
        decode_tokens=min(answer_tokens[1:]),
        prefill_tokens_per_s=() if task.depth_tokens else tuple(prefill[1:]),
        # Between prompts of nearly one length the speed does not change.
        prefill_tokens=_as_asked(prompt_tokens[1:], task.prompt_tokens),
        knows_placement=False,
    )


NEARLY_SHARE = 0.15


def _as_asked(counts: list[int], wanted: int) -> int:
    """The wanted length where every prompt was nearly as long; else the shortest."""
    near = all(abs(count - wanted) <= NEARLY_SHARE * wanted for count in counts)
    return wanted if near else min(counts)


def _rate(tokens: int, seconds: float, served: Served) -> float:
    if tokens <= 0 or seconds <= 0:
        msg = f"{served.program} timed {tokens} tokens in {seconds:g} s, which is no speed"
        raise RuntimeFailedError(msg)
    return tokens / seconds


def prompt_text(words: int, place: int) -> str:
    """A prompt of so many words, another for each repetition from its first word on.

    A server keeps what it has read, so that the same beginning would cost nothing.
    """
    chosen = Random(place)  # noqa: S311  (which words does not matter)
    return " ".join([f"{place}:", *chosen.choices(WORDS, k=words - 1)])
