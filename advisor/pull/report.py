"""What `advisor pull` answers: which files, why these, where they are, how to run them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.figure import Figure, Origin
from advisor.report.download import Download
from advisor.report.run_commands import RunCommand, run_commands

if TYPE_CHECKING:
    from advisor.pull.choose import Choice
    from advisor.pull.plan import Plan
    from advisor.pull.store import Stray
    from catalog.hub.listing import HubFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one run transferred."""

    received_bytes: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """A download, planned or done."""

    choice: Choice
    plan: Plan
    """As it was before the first byte."""

    endpoint: str
    revision: str
    fetched: Fetched | None
    """``None`` for a dry run."""

    commands: tuple[RunCommand, ...]
    strays: tuple[Stray, ...]
    llama_cache: str | None
    """What `LLAMA_CACHE` says, where llama.cpp looks first."""

    @property
    def projectors(self) -> tuple[HubFile, ...]:
        """Vision projectors beside the model, of which llama.cpp's `-hf` fetches one."""
        if not self.choice.files[0].is_model:
            return ()
        return tuple(one for one in self.choice.listing.files if "mmproj" in one.name)


def commands_of(choice: Choice) -> tuple[RunCommand, ...]:
    """The lines that run the files; without a context where the model is not known."""
    repository, first = choice.listing.repository, choice.files[0].path
    if choice.candidate is not None:
        size = Figure(
            value=sum(one.size_bytes for one in choice.files),
            origin=Origin.REPORTED,
            source=f"the Hub's listing of {repository}",
        )
        download = Download(
            size_bytes=size, repository=repository, file_name=first, is_certain=True
        )
        return run_commands(choice.candidate.estimate, download)
    from shlex import join

    words = ["llama-server", "-hf", repository, "-hff", first]
    return (RunCommand(program="llama.cpp", lines=(join(words),)),)
