"""Keeps what the Hub said in a folder, so that it is asked once.

Holds small JSON files by kind and key, written whole or not at all and readable by their owner
alone; what is in them is their writer's business. A file that cannot be read does not exist, and
one that cannot be written is not: a cache is never a reason to fail.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

LARGEST_FILE_BYTES = 64 << 20
SCHEMA = "advisor.hub-cache/1"


class Store:
    """Files under one folder, or nothing at all."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, kind: str, key: str) -> dict[str, Any] | None:
        """What was kept under a key; ``None`` where nothing whole is."""
        path = self._path(kind, key)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                whole = json.loads(file.read(LARGEST_FILE_BYTES))
            is_ours = whole["schema"] == SCHEMA and whole["key"] == key
            kept = whole["kept"] if is_ours else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return kept if isinstance(kept, dict) else None

    def write(self, kind: str, key: str, kept: Mapping[str, Any]) -> None:
        """Keep something, if that is possible."""
        path = self._path(kind, key)
        if path is None:
            return
        whole = json.dumps({"schema": SCHEMA, "key": key, "kept": kept}, separators=(",", ":"))
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_whole(path, whole.encode())

    def _path(self, kind: str, key: str) -> Path | None:
        """The file of a key, whatever letters are in it."""
        if self._folder is None:
            return None
        import hashlib

        name = hashlib.sha256(key.encode()).hexdigest()[:40]
        return self._folder / kind / f"{name}.json"


def _write_whole(path: Path, data: bytes) -> None:
    """Put a file in place of the old one, if any, only once it is whole."""
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(data)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
