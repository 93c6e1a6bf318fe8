"""The exact lines that download and run a file with the programs people use.

Holds the programs' option names (llama-server's are `server_words`); never a choice of model.

Source: Hub documentation, "Use Ollama with any GGUF Model" and "GGUF usage with LM Studio" (2026);
Ollama FAQ on `OLLAMA_CONTEXT_LENGTH`.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from advisor.report.server_words import server_words

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
    """The lines for llama.cpp, Ollama and LM Studio; of a local file for llama.cpp alone.

    None when no file is known.
    """
    server = server_command(estimate, download)
    if server is None:
        return ()
    if download.repository is None:
        return (server,)
    return (
        server,
        _ollama(estimate, download.repository),
        _lm_studio(estimate, download.repository),
    )


def server_command(estimate: Estimate, download: Download) -> RunCommand | None:
    """The line for llama.cpp, which sets up exactly what was estimated.

    Returns:
        ``None`` when no file is known.
    """
    if download.repository is None:
        if download.file_name is None:
            return None
        return _llama_cpp(estimate, ["-m", download.file_name], None)
    words = ["-hf", f"{download.repository}:{estimate.subject.quant.name}"]
    note: str | None = "the file's name was not seen in a listing; llama.cpp picks it by its quant"
    if download.is_certain and download.file_name:
        words, note = ["-hf", download.repository, "-hff", download.file_name], None
    return _llama_cpp(estimate, words, note)


def _llama_cpp(estimate: Estimate, file: list[str], note: str | None) -> RunCommand:
    """`-hff` names the file where it is certain; else llama.cpp picks it by its quant."""
    words = ["llama-server", *file, *server_words(estimate)]
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
