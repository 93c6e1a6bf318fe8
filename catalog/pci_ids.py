"""What the numbers on the PCI bus say a GPU is, by its maker's own list or the driver's.

Holds the tables `devices/*_pci_ids.csv`, read when first asked. Which of the catalog's rows a
name is, is the business of `identify`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from catalog.load import csv_rows

Board = tuple[int, int]
"""Subsystem vendor and device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PciName:
    """A name that a GPU with some PCI numbers has."""

    driver_name: str

    devices: tuple[str, ...] = ()
    """The rows it can be, where rows share the driver's name; empty where the name suffices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _NvidiaEntry:
    name: PciName
    boards: frozenset[Board]
    is_for_any_board: bool


def nvidia_names(device: int, board: Board | None) -> tuple[PciName, ...]:
    """The names of an NVIDIA GPU: the one for its board, else those for any board.

    More than one where the id is known, but neither the board nor a name for any other.
    """
    entries = _nvidia().get(device, ())
    exact = tuple(entry.name for entry in entries if board in entry.boards)
    general = tuple(entry.name for entry in entries if entry.is_for_any_board)
    return exact or general or tuple(entry.name for entry in entries)


def amd_names(device: int, revision: int | None) -> tuple[PciName, ...]:
    """The name of an AMD GPU, or all names of its device id when the revision is not known."""
    exact = _amd().get((device, revision)) if revision is not None else None
    if exact is not None:
        return (PciName(driver_name=exact),)
    names = {name for (other, _), name in _amd().items() if other == device}
    return tuple(PciName(driver_name=name) for name in sorted(names))


def intel_names(device: int) -> tuple[PciName, ...]:
    """The name of an Intel GPU; empty when its device id is not known."""
    name = _intel().get(device)
    return () if name is None else (PciName(driver_name=name),)


@cache
def _nvidia() -> dict[int, tuple[_NvidiaEntry, ...]]:
    entries: dict[int, tuple[_NvidiaEntry, ...]] = {}
    for row in csv_rows("devices/nvidia_pci_ids.csv"):
        boards = row["subsystems"].split("|")
        entry = _NvidiaEntry(
            name=PciName(
                driver_name=row["driver_name"],
                devices=tuple(row["devices"].split("|")) if row["devices"] else (),
            ),
            boards=frozenset(_board(text) for text in boards if text != "*"),
            is_for_any_board="*" in boards,
        )
        device = int(row["pci_device"], 16)
        entries[device] = (*entries.get(device, ()), entry)
    return entries


def _board(text: str) -> Board:
    vendor, device = text.split(":")
    return int(vendor, 16), int(device, 16)


@cache
def _amd() -> dict[tuple[int, int], str]:
    return {
        (int(row["pci_device"], 16), int(row["pci_revision"], 16)): row["driver_name"]
        for row in csv_rows("devices/amd_pci_ids.csv")
    }


@cache
def _intel() -> dict[int, str]:
    return {
        int(row["pci_device"], 16): row["driver_name"]
        for row in csv_rows("devices/intel_pci_ids.csv")
    }
