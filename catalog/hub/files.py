"""Reads stretches of one file on the Hub, at the commit of a listing.

Holds ranges and the checks that the bytes are those asked for; what they mean is their reader's
business. Large files come from another origin by a redirect, without the token.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from catalog.hub.errors import BrokenTransferError, NonsenseError
from catalog.hub.refusals import Subject

if TYPE_CHECKING:
    from catalog.hub.listing import HubFile, Listing
    from catalog.hub.transport import Answer, Transport

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The bytes of a file from some place on, as they come."""

    begin: int
    """Where in the file they begin: as asked, or 0 from a server that ignores ranges."""

    chunks: Iterator[bytes]
    """Pieces of some kilobytes; raises `BrokenTransferError`."""


def resolve_url(endpoint: str, listing: Listing, file: HubFile) -> str:
    """Where a file of a listing is downloaded, today and for ever."""
    return f"{endpoint}/{listing.repository}/resolve/{listing.commit}/{quote(file.path)}"


@contextmanager
def open_file(
    transport: Transport, listing: Listing, file: HubFile, *, begin: int = 0, end: int | None = None
) -> Iterator[Body]:
    """A file from one byte up to another, or to its end.

    Raises:
        NonsenseError: Other bytes came back than those asked for.
        HubError: Nobody answered after all tries, or the file is refused.
    """
    subject = Subject(repository=listing.repository, revision=listing.commit, path=file.path)
    last = "" if end is None else end - 1
    headers = {"Range": f"bytes={begin}-{last}"} if begin or end is not None else {}
    url = resolve_url(transport.endpoint, listing, file)
    with transport.get(url, subject, headers=headers) as answer:
        found = _checked_begin(transport.endpoint, answer, file, begin)
        yield Body(begin=found, chunks=answer.chunks)


def read_range(
    transport: Transport, listing: Listing, file: HubFile, begin: int, end: int
) -> bytes:
    """The bytes of a stretch, which must lie within the file; asked for again when it breaks off.

    Raises:
        NonsenseError: The server serves whole files only, or other bytes.
        HubError: Nobody answered after all tries, or the file is refused.
    """
    tries = 0
    while True:
        tries += 1
        try:
            with open_file(transport, listing, file, begin=begin, end=end) as body:
                return _stretch(transport.endpoint, body, begin, end)
        except BrokenTransferError:
            if not transport.pause(tries):
                raise


def pieces(
    transport: Transport, listing: Listing, file: HubFile, begin: int, end: int
) -> Generator[bytes, None, None]:
    """The same as it comes; goes on where it broke off. Close it to let the connection go.

    A server that ignores ranges is read from the beginning again.

    Raises:
        HubError: Nobody answered after all tries, or the file is refused.
    """
    position, tries = begin, 0
    while position < end:
        tries += 1
        try:
            with open_file(transport, listing, file, begin=position, end=end) as body:
                for chunk in _between(transport.endpoint, body, position, end):
                    position += len(chunk)
                    yield chunk
        except BrokenTransferError:
            if not transport.pause(tries):
                raise


def _between(endpoint: str, body: Body, begin: int, end: int) -> Iterator[bytes]:
    """What of a body lies between two places of the file, all of it."""
    place = body.begin
    for chunk in body.chunks:
        wanted = chunk[max(0, begin - place) : max(0, end - place)]
        place += len(chunk)
        if wanted:
            yield wanted
        if place >= end:
            return
    raise BrokenTransferError(endpoint, f"{end - place:,} bytes are missing")


def _stretch(endpoint: str, body: Body, begin: int, end: int) -> bytes:
    if body.begin != begin:
        raise NonsenseError(endpoint, "it does not serve parts of files")
    return b"".join(_between(endpoint, body, begin, end))


def _checked_begin(endpoint: str, answer: Answer, file: HubFile, begin: int) -> int:
    """Where the bytes of an answer begin, once it is sure that they are of this file."""
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise NonsenseError(endpoint, "a web page came back")
    found, total = 0, answer.headers.get("Content-Length", "")
    if answer.status == 206:
        told = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if told is None or int(told[1]) != begin:
            raise NonsenseError(endpoint, "other bytes came back than those asked for")
        found, total = begin, told[3]
    if total.isdecimal() and int(total) != file.size_bytes:
        raise NonsenseError(
            endpoint,
            f"it has {int(total):,} bytes of `{file.path}`, where its listing says "
            f"{file.size_bytes:,}",
        )
    return found
