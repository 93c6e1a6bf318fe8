"""Which devices a person means: `RTX 4090`, `2x rtx3090`, `M4 Max 128GB`, `DGX Spark`.

A name is compared by whole words. An exact name wins; then a name without its memory size, its
core count or its bandwidth, which then pick between the rows; then the rows that hold all the
words. A laptop GPU has to be asked for as one. Several rows are an error that lists them, except
for a chip with unified memory that comes in several sizes, where the least one is taken and a
note says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from catalog.device import Device, DeviceKind
from catalog.device_names import glued, is_covered, runs_of, typed_words
from catalog.errors import AmbiguousNameError, UnknownNameError
from catalog.hardware import load_devices

GIB = 1 << 30

LAPTOP_WORDS = frozenset({"laptop", "maxq", "embedded"})
"""A typed name that has none of these does not mean a row that does."""

SERIES_WORDS = frozenset({"rtx", "gtx", "rx"})
"""First words of names that people leave out: `4090`, `7900 XTX`."""

LONGEST_LIST = 8
"""Rows that a sentence names before it counts the rest."""

BANDWIDTH_TOLERANCE = 0.03
"""How far a typed bandwidth may be from a row's: makers round 819 GB/s to 800."""

_COUNT_BEFORE = re.compile(r"^\s*(\d{1,2})\s*[x×*]\s*(?=\S)", re.IGNORECASE)
_COUNT_AFTER = re.compile(r"\s[x×*]\s?(\d{1,2})\s*$", re.IGNORECASE)
_BANDWIDTH = re.compile(r"\b(\d+(?:\.\d+)?)\s*GB/s\b", re.IGNORECASE)
_MEMORY = re.compile(r"\b(\d+)\s*Gi?B?\b(?!/)", re.IGNORECASE)
_CORES = re.compile(r"\b(\d+)[\s-]*cores?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """So many of one device."""

    count: int
    device: Device
    """A system's row holds the figures of one unit, and how many it has."""

    note: str | None = None
    """What was taken for granted, one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Typed:
    """What somebody typed, taken apart."""

    text: str
    """Without the count."""

    count: int
    words: tuple[str, ...]
    """All of them."""

    bare_words: tuple[str, ...]
    """Without memory size, cores and bandwidth."""

    memory_bytes: int | None
    core_count: int | None
    bandwidth_bytes_per_s: float | None

    def allows(self, row: Device) -> bool:
        """Whether the row has the memory, cores and bandwidth that were typed."""
        if self.memory_bytes not in {None, _label_bytes(row), row.memory_bytes}:
            return False
        if self.core_count not in {None, row.core_count}:
            return False
        rate = self.bandwidth_bytes_per_s
        return rate is None or abs(rate / row.bandwidth_bytes_per_s - 1) <= BANDWIDTH_TOLERANCE


def find_devices(text: str) -> Found:
    """The devices that this text means.

    Args:
        text: A name, exact or shortened, perhaps with a count before it (`2x`) or after it (`x2`),
            a memory size (`12GB`), a core count (`40-core`) or a bandwidth (`400GB/s`).

    Returns:
        The row and how many, with a note where something was taken for granted.

    Raises:
        UnknownNameError: No row answers to it; the hint names the nearest.
        AmbiguousNameError: Several rows do.
    """
    return _find(text)


@cache
def _find(text: str) -> Found:
    typed = _take_apart(text)
    rows = _rows_meant(typed)
    if not rows:
        raise _unknown(typed)
    chosen, note = _choose(rows, typed)
    return Found(count=typed.count, device=chosen, note=note or chosen.note)


def _take_apart(text: str) -> _Typed:
    count = _COUNT_BEFORE.search(text) or _COUNT_AFTER.search(text)
    name = text.replace(count[0], " ", 1).strip() if count else text.strip()
    if count and int(count[1]) < 1:
        msg = f"`{text}`: a count of devices is at least 1"
        raise UnknownNameError(msg, "write `2x RTX 3090` for two")
    bandwidth = _BANDWIDTH.search(name)
    memory = _MEMORY.search(_BANDWIDTH.sub(" ", name))
    cores = _CORES.search(name)
    return _Typed(
        text=name,
        count=int(count[1]) if count else 1,
        words=typed_words(name),
        bare_words=_bare(name),
        memory_bytes=int(memory[1]) * GIB if memory else None,
        core_count=int(cores[1]) if cores else None,
        bandwidth_bytes_per_s=float(bandwidth[1]) * 1e9 if bandwidth else None,
    )


def _bare(name: str) -> tuple[str, ...]:
    """The words without sizes: `RTX 3060 12 GB` is `rtx 3060`."""
    for size in (_BANDWIDTH, _MEMORY, _CORES):
        name = size.sub(" ", name)
    return typed_words(name)


def _label_bytes(row: Device) -> int:
    return row.memory_bytes * row.unit_count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """The rows by what they can be called, glued."""

    names: dict[str, tuple[Device, ...]]
    aliases: dict[str, tuple[Device, ...]]
    short_names: dict[str, tuple[Device, ...]]
    """Names and aliases without the word of their series."""

    bare: dict[str, tuple[Device, ...]]
    """Names and aliases without sizes."""

    driver_names: dict[str, tuple[Device, ...]]
    runs: tuple[tuple[Device, frozenset[str], bool], ...]
    """For each row: the runs of its words, and whether it has to be asked for as a laptop's."""


@cache
def _index() -> _Index:
    index = _Index(names={}, aliases={}, short_names={}, bare={}, driver_names={}, runs=())
    runs: list[tuple[Device, frozenset[str], bool]] = []
    for row in load_devices():
        called = (row.name, *row.aliases)
        words = [typed_words(name) for name in called]
        bare = [_bare(name) for name in called]
        _enter(index.names, words[:1], row)
        _enter(index.aliases, words[1:], row)
        _enter(index.short_names, map(_without_series, words), row)
        _enter(index.bare, bare, row)
        _enter(index.bare, map(_without_series, bare), row)
        _enter(index.driver_names, map(typed_words, row.driver_names), row)
        is_marked = not LAPTOP_WORDS.isdisjoint(words[0])
        runs.append((row, frozenset().union(*map(runs_of, bare)), is_marked))
    return replace(index, runs=tuple(runs))


def _enter(
    index: dict[str, tuple[Device, ...]], names: Iterable[tuple[str, ...]], row: Device
) -> None:
    for key in {glued(words) for words in names if words}:
        index[key] = (*index.get(key, ()), row)


def _without_series(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words without that of the series; none where there is none to leave out."""
    return words[1:] if words[:1] and words[0] in SERIES_WORDS else ()


def _rows_meant(typed: _Typed) -> tuple[Device, ...]:
    """The rows of the first way of reading the name that leaves any."""
    if not typed.bare_words and not typed.words:
        return ()
    index = _index()
    whole, bare = glued(typed.words), glued(typed.bare_words)
    return (
        index.names.get(whole)
        or index.aliases.get(whole)
        or index.short_names.get(whole)
        or _allowed(index.bare.get(bare, ()), typed)
        or index.driver_names.get(whole)
        or _allowed(_rows_with_words(typed), typed)
        or ()
    )


def _allowed(rows: Iterable[Device], typed: _Typed) -> tuple[Device, ...]:
    return tuple(row for row in rows if typed.allows(row))


def _rows_with_words(typed: _Typed, *, laptops: bool | None = None) -> tuple[Device, ...]:
    """The rows that have all the words; single devices before the systems made of them."""
    if not typed.bare_words:
        return ()
    if laptops is None:
        laptops = not LAPTOP_WORDS.isdisjoint(typed.bare_words)
    rows = tuple(
        row
        for row, runs, is_marked in _index().runs
        if (laptops or not is_marked) and is_covered(typed.bare_words, runs)
    )
    single = tuple(row for row in rows if row.kind is not DeviceKind.SYSTEM)
    return single or rows


def _choose(rows: tuple[Device, ...], typed: _Typed) -> tuple[Device, str | None]:
    """The only row, or the least of one chip's; else an error that lists them."""
    if len(rows) == 1:
        return rows[0], None
    if not _is_one_chip(rows):
        msg = f"`{typed.text}` can be any of {len(rows)} devices: {_listed(rows)}"
        raise AmbiguousNameError(msg, "write one of the names in full", [row.name for row in rows])
    least = min(
        rows, key=lambda row: (row.bandwidth_bytes_per_s, row.memory_bytes, row.core_count or 0)
    )
    others = _listed([row for row in rows if row is not least])
    note = f"`{typed.text}` is taken for {least.name}, the least that it can be"
    return least, f"{note}; write another's name in full: {others}"


def _listed(rows: Sequence[Device]) -> str:
    names = [row.name for row in rows[:LONGEST_LIST]]
    rest = len(rows) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "")


def _is_one_chip(rows: Sequence[Device]) -> bool:
    """Whether the rows are one chip with unified memory in several sizes.

    Apple's chips of one name differ in bandwidth with their cores; others do not.
    """
    first = rows[0]
    same_chip = all(
        row.kind is DeviceKind.UNIFIED
        and row.vendor == first.vendor
        and row.architecture == first.architecture
        for row in rows
    )
    same_rate = len({row.bandwidth_bytes_per_s for row in rows}) == 1
    return same_chip and (same_rate or first.vendor == "Apple")


def _unknown(typed: _Typed) -> UnknownNameError:
    """The sentence for a name that no row answers to, and what to write instead."""
    of_other_size = _index().bare.get(glued(typed.bare_words)) or _rows_with_words(typed)
    if of_other_size:
        msg = f"`{typed.text}` is in the catalog with other sizes only: {_listed(of_other_size)}"
        return UnknownNameError(msg, "write one of the names in full")
    laptops = _rows_with_words(typed, laptops=True)
    if laptops:
        msg = f"`{typed.text}` is in the catalog as a laptop GPU only"
        return UnknownNameError(msg, f"write `{laptops[0].name}`")
    nearest = _nearest_names(typed.text)
    hint = "write a model's name, such as `RTX 4090` or `M4 Max 128GB`"
    if nearest:
        hint = f"the nearest names are {', '.join(nearest)}"
    return UnknownNameError(f"`{typed.text}` is not a device in the catalog", hint)


def _nearest_names(text: str) -> list[str]:
    from difflib import get_close_matches

    names = {
        " ".join(typed_words(name)): name
        for row in load_devices()
        for name in (row.name, *row.aliases)
    }
    wanted = " ".join(typed_words(text))
    return [names[key] for key in get_close_matches(wanted, names, n=3, cutoff=0.6)]
