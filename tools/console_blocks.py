"""Runs the console blocks of the documentation, and writes what the program prints into them.

A block begins with a `$` and a command that holds `advisor`; the lines below are its output. A line
of `…` stands for any number of lines that a reader need not see. The commands run in an empty
folder that holds `machine.json`, a recorded desktop.

Run it after changing what a command prints: `python tools/console_blocks.py` keeps as many lines
before and after a `…` as there were.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
FILES = ("README.md", "docs/cli.md")
RECORDED = PROJECT / "tests/advisor/desktop.json"

CUT = "…"
"""A line that stands for any number of lines."""

_BLOCK = re.compile(
    r"```console\n\$ (?P<command>[^\n]*\badvisor\b[^\n]*)\n(?P<output>.*?)```", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One command in a document, and what the document says it prints."""

    command: str
    output: str

    @property
    def is_deterministic(self) -> bool:
        """False for what depends on the machine it runs on."""
        asks_a_machine = re.search(r"advisor (scan|show|estimate|doctor|check)\b", self.command)
        stands_in = re.search(r"--(device|machine|simulate|help)\b|\"device\"", self.command)
        return not asks_a_machine or bool(stands_in)

    def agrees(self, printed: str) -> bool:
        """True when the program prints what the document says."""
        parts = [
            r"(?:[^\n]*\n)*?" if line.strip() == CUT else re.escape(line) + "\n"
            for line in self.output.splitlines()
        ]
        return re.fullmatch("".join(parts), printed) is not None

    def refreshed(self, printed: str) -> str:
        """The output to write: all of it, or as many lines around one `…` as there were."""
        lines, kept = printed.splitlines(), self.output.splitlines()
        cuts = [place for place, line in enumerate(kept) if line.strip() == CUT]
        if self.agrees(printed) or len(cuts) > 1:
            return self.output
        if cuts:
            tail = len(kept) - cuts[0] - 1
            lines = [*lines[: cuts[0]], CUT, *lines[len(lines) - tail :]]
        return "".join(f"{line}\n" for line in lines)


def blocks_of(text: str) -> list[Block]:
    """Every block of a document that runs the program."""
    return [
        Block(command=found["command"], output=found["output"]) for found in _BLOCK.finditer(text)
    ]


def run(command: str, folder: Path) -> str:
    """What a command prints on both streams, in a folder that is made ready for it."""
    if not (folder / "machine.json").exists():
        shutil.copy(RECORDED, folder / "machine.json")
    settings = (
        "COLUMNS",
        "NO_COLOR",
        "TERM",
        "PYTHON",
        "XDG_",
        "LC_",
        "LANG",
        "CUDA_",
        "GITHUB_",
        "GITLAB_",
        "ADVISOR_",
    )
    environ = {name: text for name, text in os.environ.items() if not name.startswith(settings)}
    scripts = str(Path(sys.executable).parent)
    environ |= {
        "PATH": os.pathsep.join([scripts, environ.get("PATH", os.defpath)]),
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode("utf-8")


def main() -> None:
    """Write what the program prints into every block."""
    with tempfile.TemporaryDirectory() as folder:
        for name in FILES:
            path = PROJECT / name
            text = path.read_text(encoding="utf-8")

            def renewed(found: re.Match[str]) -> str:
                block = Block(command=found["command"], output=found["output"])
                output = block.refreshed(run(block.command, Path(folder)))
                return f"```console\n$ {block.command}\n{output}```"

            path.write_text(_BLOCK.sub(renewed, text), encoding="utf-8")


if __name__ == "__main__":
    main()
