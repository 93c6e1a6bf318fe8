"""The exact lines that download and run a file with the programs people use.

Holds the programs' option names; never a choice of model.

Source: llama.cpp `common/arg.cpp` (October 2026); Hub documentation, "Use Ollama with any GGUF
Model" and "GGUF usage with LM Studio" (2026); Ollama FAQ on `OLLAMA_CONTEXT_LENGTH`.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from advisor.estimate.setup import DEFAULT_SEQUENCES
from advisor.workload import Runtime

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate
    from advisor.report.download import Download


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """How one program runs the file."""

    program: str
    lines: tuple[str, ...]
    note: str | None = None


def run_commands(estimate: Estimate, download: Download) -> tuple[RunCommand, ...]:
    """The lines for llama.cpp, Ollama and LM Studio; none when no repository is known."""
    if download.repository is None:
        return ()
    return (
        _llama_cpp(estimate, download, download.repository),
        _ollama(estimate, download.repository),
        _lm_studio(estimate, download.repository),
    )


def _llama_cpp(estimate: Estimate, download: Download, repository: str) -> RunCommand:
    """`-hff` names the file where it is certain; else llama.cpp picks it by its quant."""
    setup = estimate.setup
    quant = estimate.subject.quant.name
    note = None
    if download.is_certain and download.file_name:
        words = ["llama-server", "-hf", repository, "-hff", download.file_name]
    else:
        words = ["llama-server", "-hf", f"{repository}:{quant}"]
        note = "the file's name was not seen in a listing; llama.cpp picks it by its quant"
    words += ["-c", str(setup.context_tokens)]
    if setup.sequences != DEFAULT_SEQUENCES[Runtime.LLAMA_SERVER] or not setup.unified:
        words += ["-np", str(setup.sequences)]
    if len(estimate.allocations) > 1:
        placement = estimate.placement
        words += ["-ngl", "99" if placement.is_whole else str(placement.gpu_layers)]
    if setup.kv_type_k != "f16":
        words += ["-ctk", setup.kv_type_k]
    if setup.kv_type_v != "f16":
        words += ["-ctv", setup.kv_type_v]
    return RunCommand(
        program="llama.cpp", lines=(" ".join(quote(word) for word in words),), note=note
    )


def _ollama(estimate: Estimate, repository: str) -> RunCommand:
    setup = estimate.setup
    return RunCommand(
        program="Ollama",
        lines=(
            f"ollama run hf.co/{repository}:{estimate.subject.quant.name}",
            f"/set parameter num_ctx {setup.context_tokens}",
        ),
        note="the second line is typed at Ollama's prompt",
    )


def _lm_studio(estimate: Estimate, repository: str) -> RunCommand:
    quant = estimate.subject.quant.name.lower()
    context = estimate.setup.context_tokens
    return RunCommand(
        program="LM Studio",
        lines=(
            f"lms get https://huggingface.co/{repository}@{quant}",
            f"lms load --context-length {context}",
        ),
    )
