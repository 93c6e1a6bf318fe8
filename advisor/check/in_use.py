"""How much of a GPU's memory programs hold, and which programs.

Holds the reading of what the driver says; how much is too much is the rules' business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.check.words import listed
from advisor.render.units import gib

if TYPE_CHECKING:
    from probes.accelerator import Accelerator, MemoryHolder

MOST_HOLDERS = 4
"""Processes that a sentence names before it counts the rest."""


def in_use_bytes(gpu: Accelerator) -> int | None:
    """Memory that programs hold of a card; ``None`` when it does not say."""
    usable, free = gpu.memory_usable_bytes, gpu.memory_free_bytes
    return None if usable is None or free is None else max(usable - free, 0)


def holders_text(gpu: Accelerator) -> str:
    """Who holds its memory, largest first, as the end of a sentence; empty when nobody says."""
    if not gpu.holders:
        return ""
    said = [_holder(one) for one in gpu.holders[:MOST_HOLDERS]]
    more = len(gpu.holders) - MOST_HOLDERS
    return f": {listed([*said, f'{more} more'] if more > 0 else said)}"


def _holder(one: MemoryHolder) -> str:
    name = f"`{one.name}`" if one.name else "a process that cannot be seen"
    return name if one.memory_bytes is None else f"{name} {gib(one.memory_bytes)}"
