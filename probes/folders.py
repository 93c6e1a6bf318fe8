"""Where this system's user keeps what the program writes, by the rules of each system.

The home directory is asked of the environment alone, so that a service without one keeps nothing,
rather than something in another's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.ask import Asker

FOLDER = "gguf-advisor"


def cache_directory(asker: Asker) -> Path | None:
    """For what can be made again; ``None`` when nobody says where.

    `XDG_CACHE_HOME` names another place, as on every system but macOS and Windows.
    """
    return _directory(asker, "XDG_CACHE_HOME", usual=".cache", on_macos="Library/Caches")


def data_directory(asker: Asker) -> Path | None:
    """For what cannot be made again; ``None`` when nobody says where.

    `XDG_DATA_HOME` names another place, as on every system but macOS and Windows.
    """
    on_macos = "Library/Application Support"
    return _directory(asker, "XDG_DATA_HOME", usual=".local/share", on_macos=on_macos)


def _directory(asker: Asker, variable: str, *, usual: str, on_macos: str) -> Path | None:
    environ = asker.environ
    if asker.os == "windows":
        local = environ.get("LOCALAPPDATA")
        return Path(local) / FOLDER if local else None
    named, home = environ.get(variable, ""), environ.get("HOME", "")
    if asker.os != "macos" and named.startswith("/"):
        return Path(named) / FOLDER
    if not home.startswith("/"):
        return None
    return Path(home) / (on_macos if asker.os == "macos" else usual) / FOLDER
