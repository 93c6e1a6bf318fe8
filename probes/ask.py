"""The only place that opens the system's files, runs a command or reads the environment.

A probe gets an `Asker` and never touches the system otherwise, so that a directory of recorded
answers can stand for a machine: with ``root=gb10`` a question for ``/proc/meminfo`` is answered by
``gb10/proc/meminfo``, and one for the output of ``sysctl -n hw.memsize`` by the file
``gb10/commands/sysctl -n hw.memsize``. `tests/machines` holds such machines, packed.

An unanswered question is ``None``; nothing here raises for a file that is missing, cannot be
read or is not text, nor for a command that is missing, fails or takes too long.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LARGEST_ANSWER_BYTES = 4 << 20
"""Longer files are cut: no file a probe asks for is longer, and a fifo or device could be."""


_PIECE_BYTES = 1 << 16


def _platform_name() -> str:
    names = {"darwin": "macos", "win32": "windows", "cygwin": "windows"}
    return names.get(sys.platform, "linux" if sys.platform.startswith("linux") else sys.platform)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Answers questions about one machine: the live one, or a recorded one under ``root``."""

    root: Path = Path("/")
    """Where the machine's file tree begins."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    os: str = field(default_factory=_platform_name)
    """`linux`, `macos` or `windows`."""

    nvml: str | None = None
    """The library that answers for a recorded machine's NVIDIA driver; ``None`` for no driver.

    The live machine's is searched for by `probes.nvidia.library`.
    """

    @property
    def is_live(self) -> bool:
        """True when the questions go to the machine this program runs on."""
        return self.root == Path("/")

    def _path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def text(self, path: str) -> str | None:
        """The file's content without surrounding white space; ``None`` when it cannot be read."""
        try:
            with self._path(path).open("rb", buffering=0) as file:
                # In pieces: the kernel refuses to answer a single large read below /proc/sys.
                pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
                content = b"".join(islice(pieces, LARGEST_ANSWER_BYTES // _PIECE_BYTES))
            return content.decode("utf-8", "replace").strip("\0 \n\t\r")
        except (OSError, ValueError):
            return None

    def number(self, path: str) -> int | None:
        """The file's content as an integer, decimal or ``0x`` hexadecimal; else ``None``."""
        text = self.text(path)
        try:
            return None if text is None else int(text, 0 if text.lower().startswith("0x") else 10)
        except ValueError:
            return None

    def names(self, directory: str) -> tuple[str, ...]:
        """The sorted names in a directory; empty when it cannot be read."""
        try:
            return tuple(sorted(entry.name for entry in os.scandir(self._path(directory))))
        except OSError:
            return ()

    def exists(self, path: str) -> bool:
        """True when the file or directory is there (a broken link is not)."""
        try:
            return self._path(path).exists()
        except OSError:
            return False

    def link_target(self, path: str) -> str | None:
        """What a symbolic link says, unresolved; ``None`` when it is none."""
        try:
            return str(self._path(path).readlink())
        except OSError:
            return None

    def command(self, arguments: Sequence[str], *, timeout_s: float = 3.0) -> str | None:
        """Standard output of a command that ended with 0 within the time; else ``None``.

        A recorded machine answers from the file ``commands/<the words joined by a space>``.
        """
        if not self.is_live:
            return self.text("commands/" + " ".join(arguments).replace("/", "_"))
        import subprocess

        try:
            ended = subprocess.run(
                list(arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=timeout_s,
                check=False,
                env={**self.environ, "LC_ALL": "C"},
            )
        except (OSError, ValueError, subprocess.SubprocessError):
            return None
        return ended.stdout.decode("utf-8", "replace") if ended.returncode == 0 else None
