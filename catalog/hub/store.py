"""Keeps what the Hub said in the user's cache directory, so that it is asked once.

Holds small JSON files by kind and key, written whole or not at all and readable by their owner
alone; what is in them is their writer's business. A file that cannot be read does not exist, and
one that cannot be written is not: a cache is never a reason to fail.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDER = "gguf-advisor"
LARGEST_FILE_BYTES = 64 << 20
SCHEMA = "advisor.hub-cache/1"


def cache_folder(
    environ: Mapping[str, str] = os.environ, system: str = sys.platform
) -> Path | None:
    """Where this user keeps what can be made again; ``None`` where nobody says.

    The same folder as that of other things kept by the program, by the rules of each system; the
    home directory is asked of the environment alone.
    """
    if system == "win32":
        local = environ.get("LOCALAPPDATA")
        return Path(local) / FOLDER / "hub" if local else None
    named, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    if system != "darwin" and named.startswith("/"):
        return Path(named) / FOLDER / "hub"
    if not home.startswith("/"):
        return None
    own = "Library/Caches" if system == "darwin" else ".cache"
    return Path(home) / own / FOLDER / "hub"


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
