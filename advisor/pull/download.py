"""Makes a partial file whole, over as many connections as that takes.

Every connection begins where the last one ended; the hash of the whole is compared at the end.
Nothing here knows HTTP: a source gives the bytes from some place on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.pull.errors import CutError, TransferError

if TYPE_CHECKING:
    from advisor.pull.partial import Partial
    from advisor.pull.progress import Meter

PAUSES_S = (0.1, 1.0, 3.0, 10.0)
"""Before the second, third … try. After the last of them the download is given up."""

ADVANCE_BYTES = 1 << 20
"""A connection that brought as much was no failure, so that counting begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a server sends."""

    begin_bytes: int
    """The place of its first byte in the file: as asked, or before; 0 where ranges are ignored."""

    blocks: Iterator[bytes]
    """Raises `CutError` where the connection ends or stands still."""


Source = Callable[[int], AbstractContextManager[Body]]
"""Gives the bytes of one file from a place on.

Raises:
    CutError: It may work another time.
    HubError: It will not.
"""


def complete(
    partial: Partial, source: Source, sha256: str, meter: Meter, sleep: Callable[[float], None]
) -> None:
    """Fetch what is missing, and see that the whole is what the Hub listed.

    Args:
        partial: What is there.
        source: Where the rest comes from.
        sha256: Of the whole file, in hexadecimal.
        meter: Counts what comes.
        sleep: Pauses between two tries.

    Raises:
        TransferError: The server stops too often; or the whole is not what was listed, and was
            thrown away.
        HubError: The Hub refuses.
        OSError: The disk fails.
    """
    failures = 0
    while partial.missing_bytes:
        before = partial.position
        try:
            _receive(partial, source, meter)
        except CutError as error:
            if partial.position - before >= ADVANCE_BYTES:
                failures = 0
            if failures == len(PAUSES_S):
                raise _given_up(partial, error) from error
            sleep(max(PAUSES_S[failures], error.wait_s))
            failures += 1
    found = partial.sync()
    if found != sha256:
        partial.discard()
        raise _wrong(sha256, found)


def _receive(partial: Partial, source: Source, meter: Meter) -> None:
    """Write what one connection brings.

    Raises:
        CutError: It ended before the file did.
    """
    with source(partial.position) as body:
        unwanted = partial.position - body.begin_bytes
        for block in body.blocks:
            skipped = min(unwanted, len(block))
            unwanted -= skipped
            before = partial.position
            partial.add(block[skipped:])
            meter.received(partial.position - before)
            if not partial.missing_bytes:
                return
    msg = "the connection was closed"
    raise CutError(msg)


def _given_up(partial: Partial, error: CutError) -> TransferError:
    msg = (
        f"the download stopped {len(PAUSES_S) + 1} times in a row,"
        f" at byte {partial.position} of {partial.size_bytes}: {error}"
    )
    return TransferError(msg, "run the same command later: it goes on where this one stopped")


def _wrong(expected: str, found: str) -> TransferError:
    msg = (
        f"what came is not what the Hub listed, and was deleted: its SHA-256 is `{found}`,"
        f" not `{expected}`"
    )
    return TransferError(
        msg, "run the same command again; if that helps nothing, tell the publisher"
    )
