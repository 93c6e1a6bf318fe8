"""The Hub of a run: asked in this user's name, with its answers kept in this user's cache."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.hub.client import Hub


@cache
def the_hub() -> Hub:
    """The one Hub of a whole run, which counts its cost."""
    from catalog.hub.client import Hub
    from catalog.hub.store import Store
    from probes.ask import Asker
    from probes.folders import cache_directory

    folder = cache_directory(Asker())
    return Hub(store=Store(None if folder is None else folder / "hub"))
