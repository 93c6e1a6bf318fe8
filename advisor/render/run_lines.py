"""The lines that run a file, as text: each program's name, what to know before, and its lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.render.paper import Paper
    from advisor.report.run_commands import RunCommand


def write_commands(paper: Paper, commands: Iterable[RunCommand]) -> None:
    """Each program's lines as they are entered, never broken."""
    for command in commands:
        note = f" ({command.note})" if command.note else ""
        paper.say(f"{command.program}:{note}", indent=2)
        for line in command.lines:
            paper.verbatim(line, indent=4)
