"""What a run found, in lines to read: how much was compared, and what was farthest off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tests.conformance.library import Refused
from tests.conformance.tolerance import (
    MIB,
    SCRATCH_EXCEPTIONS,
    WITHOUT_SCRATCH,
    is_far,
    is_inside,
    scratch_exception,
)

if TYPE_CHECKING:
    from tests.conformance.comparison import Buffer, Compared

SHOWN = 20
"""Scratch buffers that are listed, the farthest first."""


def report_lines(found: Sequence[Compared]) -> Iterator[str]:
    """The summary of a run."""
    started = [one for one in found if one.buffers]
    names = {one.draw.model.name for one in found}
    kinds = {one.draw.model.architecture for one in found}
    yield (
        f"{len(found)} contexts of {len(names)} models, {len(kinds)} architectures:"
        f" {len(started)} started, {sum(map(is_death, found))} killed llama.cpp, the rest refused"
    )
    yield from (f"scratch not compared {where}: {why}" for where, why in WITHOUT_SCRATCH.items())
    for why in SCRATCH_EXCEPTIONS:
        count = sum(scratch_exception(one.draw, one.workload) == why for one in started)
        yield f"scratch not compared of {count} contexts: {why}"
    pairs = list(scratch(found))
    if pairs:
        inside = sum(is_inside(*pair) for pair in pairs) / len(pairs)
        yield f"{len(pairs)} scratch buffers, {inside:.1%} inside the stated interval"
    far = [pair for pair in pairs if is_far(*pair)]
    yield f"{len(far)} beyond twice the interval{', the farthest:' if far else ''}"
    yield from (scratch_line(*pair) for pair in sorted(far, key=_share, reverse=True)[:SHOWN])


def is_death(one: Compared) -> bool:
    """True when the library ended its process over it."""
    return isinstance(one.theirs, Refused) and one.theirs.is_death


def scratch(found: Sequence[Compared]) -> Iterator[tuple[Compared, Buffer]]:
    """Every scratch buffer that can be compared."""
    return (
        (one, buffer)
        for one in found
        if one.draw.where not in WITHOUT_SCRATCH
        and scratch_exception(one.draw, one.workload) is None
        for buffer in one.buffers
    )


def scratch_line(one: Compared, buffer: Buffer) -> str:
    """One scratch buffer, in MiB."""
    ours, theirs = buffer.ours.scratch / MIB, buffer.theirs.scratch / MIB
    return f"{one.name}, {buffer.place}: scratch ours {ours:.2f}, theirs {theirs:.2f} MiB"


def _share(pair: tuple[Compared, Buffer]) -> float:
    _, buffer = pair
    smaller, larger = sorted((buffer.ours.scratch, buffer.theirs.scratch))
    return larger / max(smaller, MIB)
