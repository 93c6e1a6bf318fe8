"""Writes a file whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Write a text so that a reader sees the old file or the new one, never half of it.

    The text goes into a new file beside the old one, which then takes its place. What is there
    but is no ordinary file (`/dev/stdout`, a pipe) is written into, for nothing may take its place.

    Args:
        path: The file; its folder must exist. A link is followed.
        text: What to write, as UTF-8.
        mode: Permissions of a new file, less what the process's mask takes away.

    Raises:
        OSError: The file cannot be written. What was there is untouched.
    """
    data = text.encode()
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            file.write(data)
        return
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
    try:
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(number, "wb") as file:
            file.write(data)
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
