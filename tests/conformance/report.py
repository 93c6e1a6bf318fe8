"""What a run found, in lines to read: how much was compared, and what was farthest off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tests.conformance.library import Refused
from tests.conformance.tolerance import MIB, WITHOUT_SCRATCH, is_compared, is_far, is_inside

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
    for (where, place), why in WITHOUT_SCRATCH.items():
        yield f"scratch not compared {where}, {place}: {why}"
    pairs = list(scratch(found))
    if pairs:
        inside = sum(is_inside(buffer) for _, buffer in pairs) / len(pairs)
        yield f"{len(pairs)} scratch buffers, {inside:.1%} inside the stated interval"
    far = [pair for pair in pairs if is_far(pair[1])]
    yield f"{len(far)} beyond twice the interval{', the farthest:' if far else ''}"
    yield from (scratch_line(*pair) for pair in sorted(far, key=_share, reverse=True)[:SHOWN])


def is_death(one: Compared) -> bool:
    """True when the library ended its process over it."""
    return isinstance(one.theirs, Refused) and one.theirs.is_death


def scratch(found: Sequence[Compared]) -> Iterator[tuple[Compared, Buffer]]:
    """Every scratch buffer that can be compared."""
    return (
        (one, buffer) for one in found for buffer in one.buffers if is_compared(one.draw, buffer)
    )


def scratch_line(one: Compared, buffer: Buffer) -> str:
    """One scratch buffer, in MiB."""
    ours, theirs = buffer.ours.scratch / MIB, buffer.theirs.scratch / MIB
    return f"{one.name}, {buffer.place}: scratch ours {ours:.2f}, theirs {theirs:.2f} MiB"


def _share(pair: tuple[Compared, Buffer]) -> float:
    _, buffer = pair
    smaller, larger = sorted((buffer.ours.scratch, buffer.theirs.scratch))
    return larger / max(smaller, MIB)
