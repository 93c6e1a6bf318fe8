"""The memory modules: how many there are, and the rate they run at.

systemd (since 248) stores what the firmware's SMBIOS table says of each slot in its device
database, which everybody may read, as ``E:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=5600``; the table
itself only root may. Containers and most virtual machines have no such file. Serial numbers stand
in the same file and are not read.

Source: systemd `src/udev/dmi_memory_id/dmi_memory_id.c`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.ask import Asker

UDEV_RECORD = "/run/udev/data/+dmi:id"

_LINE = re.compile(
    r"^E:MEMORY_DEVICE_(\d+)_(SIZE|PRESENT|TYPE|CONFIGURED_SPEED_MTS)=(.*)$", re.MULTILINE
)

_NOT_MEMORY = ("Flash", "ROM", "Logical non-volatile device")

_SANE_TRANSFERS_PER_S = range(100_000_000, 20_000_000_001)
"""Anything else is a firmware's placeholder (DDR of 2000 ran at 200 MT/s, LPDDR6 plans 14400)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """The memory modules that are plugged in or soldered on."""

    count: int

    rate_transfers_per_s: float | None
    """The slowest configured rate among them (5600e6 for DDR5-5600): a controller runs them so."""


def read_modules(asker: Asker) -> Modules | None:
    """The modules as systemd recorded them; ``None`` when it did not."""
    slots: dict[str, dict[str, str]] = {}
    for number, name, value in _LINE.findall(asker.text(UDEV_RECORD) or ""):
        slots.setdefault(number, {})[name] = value.strip()
    filled = [slot for slot in slots.values() if _is_filled(slot)]
    if not filled:
        return None
    rates = [
        int(slot["CONFIGURED_SPEED_MTS"]) * 1_000_000
        for slot in filled
        if slot.get("CONFIGURED_SPEED_MTS", "").isdecimal()
    ]
    sane = [rate for rate in rates if rate in _SANE_TRANSFERS_PER_S]
    return Modules(count=len(filled), rate_transfers_per_s=float(min(sane)) if sane else None)


def _is_filled(slot: dict[str, str]) -> bool:
    size = slot.get("SIZE", "")
    return (
        slot.get("PRESENT") != "0"
        and size.isdecimal()
        and int(size) > 0
        and slot.get("TYPE") not in _NOT_MEMORY
    )
