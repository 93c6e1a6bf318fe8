"""What each program sets up when nobody says otherwise: `runtimes.csv` as rows.

Holds the row and what its words stand for; never a byte count of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from advisor.workload import Runtime
from catalog.load import csv_rows, optional_int

OLLAMA_CONTEXTS = ((47 << 30, 262_144), (23 << 30, 32_768), (0, 4096))
"""Context that Ollama gives to GPUs of at least so many bytes together.

Source: Ollama `server/routes.go` at fb30760 (August 2026).
"""

OLLAMA_BATCHES = ((4096, 512), (32_768, 1024))
"""Micro-batch that Ollama takes up to a context of so many tokens; 2,048 beyond.

Source: Ollama `llm/llama_server.go` at fb30760 (August 2026).
"""

LARGEST_OLLAMA_BATCH = 2048
"""Beyond the longest of `OLLAMA_BATCHES`, and for models that hand over embeddings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One program's own way."""

    runtime: Runtime
    sequences: int
    """Slots when nobody counts them; they then share one cache."""

    is_context_of_each: bool
    """True where the context is asked of every sequence, and not of all of them together."""

    caps_rows: bool
    """True for one row of logits a sequence; else there is one a token of the micro-batch."""

    keeps_whole_windows: bool
    """True where layers with a window keep the whole context all the same (`swa_full`)."""

    has_flash_attention: bool
    """Unless told otherwise."""

    batch_tokens: int | None
    """Tokens of a micro-batch; ``None`` where the context decides."""

    context_by_memory: bool
    """True where the GPUs' memory decides how much context somebody gets who did not ask."""

    reserve_bytes: int | None
    """What it leaves free of each GPU when it fits a model itself; ``None`` where it does not, or
    where that is not known."""

    prompt_cache_bytes: int | None
    """What it may keep of finished prompts in the system's memory; ``None`` when not known."""

    maps_file: bool
    """True where the weights of a machine without GPU are pages of the file; else a copy."""

    single: frozenset[str]
    """Architectures that get one sequence whatever was asked."""

    note: str | None
    """A sentence for the report; ``None`` where there is nothing to say."""

    source: str


@cache
def _presets() -> dict[Runtime, Preset]:
    rows = csv_rows("runtimes.csv", folder=Path(__file__).parent)
    return {Runtime(row["runtime"]): _preset(row) for row in rows}


def _preset(row: dict[str, str]) -> Preset:
    return Preset(
        runtime=Runtime(row["runtime"]),
        sequences=int(row["sequences"]),
        is_context_of_each=row["each_context"] == "yes",
        caps_rows=row["rows"] == "capped",
        keeps_whole_windows=row["swa_full"] == "yes",
        has_flash_attention=row["flash_attention"] == "auto",
        batch_tokens=None if row["batch"] == "by-context" else int(row["batch"]),
        context_by_memory=row["context"] == "by-memory",
        reserve_bytes=optional_int(row["reserve_bytes"]),
        prompt_cache_bytes=optional_int(row["prompt_cache_bytes"]),
        maps_file=row["maps_file"] == "yes",
        single=frozenset(row["single"].split()),
        note=row["note"] or None,
        source=row["source"],
    )


def preset(runtime: Runtime) -> Preset:
    """A program's own way."""
    return _presets()[runtime]


def context_for_memory(gpu_bytes: int | None) -> int:
    """The context that Ollama gives to somebody who did not ask for one.

    Args:
        gpu_bytes: Memory of all GPUs together; ``None``, as 0, when it is not known. [bytes]
    """
    return next(tokens for least, tokens in OLLAMA_CONTEXTS if (gpu_bytes or 0) >= least)


def batch_for_context(context_tokens: int, *, is_encoder: bool) -> int:
    """The micro-batch that Ollama takes for a context, before it looks at the memory that is free;
    what it does then is in `ollama`.

    Args:
        context_tokens: Context of one sequence. [tokens]
        is_encoder: True for a model that hands over embeddings.
    """
    if is_encoder:
        return LARGEST_OLLAMA_BATCH
    fitting = (batch for longest, batch in OLLAMA_BATCHES if context_tokens <= longest)
    return next(fitting, LARGEST_OLLAMA_BATCH)
