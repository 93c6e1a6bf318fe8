"""What the headers of files on the Hub say, at the least cost.

From the cheapest to the dearest way: a header kept here under the file's hash, which is for ever;
the tail of a file beside one whose header is known (`tails`); the file from its beginning, read as
it comes and let go once the header is whole.
"""

from __future__ import annotations

from contextlib import closing
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.gguf.errors import DamagedHeaderError, GgufError
from catalog.gguf.file import GgufFile, Part
from catalog.gguf.header import Header
from catalog.gguf.parse import HeaderParser
from catalog.gguf.parts import check_together
from catalog.hub.errors import NonsenseError
from catalog.hub.files import pieces, read_range
from catalog.hub.records import header_of, header_record
from catalog.hub.tails import BEGINNING_BYTES, header_by_tail, lies_as_listed

if TYPE_CHECKING:
    from catalog.hub.listing import HubFile, HubQuant, Listing
    from catalog.hub.store import Store
    from catalog.hub.transport import Transport

MOST_BYTES = 64 << 20
"""The longest header known has 16 MB."""

_KIND = "headers"


class Headers:
    """Reads headers through one transport, and keeps them in one store."""

    def __init__(self, transport: Transport, store: Store) -> None:
        self._transport = transport
        self._store = store
        self._known: dict[str, Header] = {}
        self._beginnings: dict[tuple[str, str], bytes] = {}

    def file(self, listing: Listing, quant: HubQuant) -> GgufFile:
        """The headers of all parts of a model's file.

        Raises:
            GgufError: One of them cannot be one.
            HubError: Nobody answered, or the files are refused.
        """
        parts = tuple(
            Part(
                path=Path(file.path),
                size_bytes=file.size_bytes,
                header=self.header(listing, file),
            )
            for file in quant.files
        )
        if len(parts) > 1:
            check_together(parts, len(parts))
        return GgufFile(parts=parts)

    def header(self, listing: Listing, file: HubFile) -> Header:
        """The header of one file; see `file`."""
        kept = self._kept(file)
        if kept is not None:
            return kept
        header = self._by_tail(listing, file) or self._streamed(listing, file)
        self._keep(file, header)
        return header

    def _beginning(self, listing: Listing, file: HubFile) -> bytes:
        """The first bytes of a file, asked for once."""
        place = (listing.commit, file.path)
        if place not in self._beginnings:
            wanted = min(BEGINNING_BYTES, file.size_bytes)
            self._beginnings[place] = read_range(self._transport, listing, file, 0, wanted)
        return self._beginnings[place]

    def _by_tail(self, listing: Listing, file: HubFile) -> Header | None:
        """From a sibling's header; ``None`` where there is none, or it does not fit."""
        known = self._sibling(listing, file)
        if known is None:
            return None
        try:
            return header_by_tail(
                file,
                self._beginning(listing, file),
                known,
                lambda begin, end: read_range(self._transport, listing, file, begin, end),
            )
        except NonsenseError:  # a server that ignores ranges; it may still serve the file
            return None

    def _sibling(self, listing: Listing, file: HubFile) -> Header | None:
        """A known header of another model's file, or of its first part, which has the keys."""
        if file.part > 1 or not file.is_model:
            return None
        others = (one for one in listing.files if one.part == 1 and one.is_model and one != file)
        kept = dropwhile(lambda header: header is None, map(self._kept, others))
        return next(kept, None)

    def _streamed(self, listing: Listing, file: HubFile) -> Header:
        """The header from the file's beginning; the connection is closed once it is whole."""
        parser = HeaderParser(size_bytes=file.size_bytes)
        known = self._beginnings.get((listing.commit, file.path), b"")
        end = min(file.size_bytes, MOST_BYTES)
        try:
            answer = parser.feed(known)
            if isinstance(answer, Header):
                return answer
            with closing(pieces(self._transport, listing, file, len(known), end)) as coming:
                for piece in coming:
                    answer = parser.feed(piece)
                    if isinstance(answer, Header):
                        return answer
            msg = f"it does not end within {end:,} bytes"
            raise DamagedHeaderError(msg, offset=end)
        except GgufError as error:
            raise error.of_file(_full_name(listing, file)) from None

    def _kept(self, file: HubFile) -> Header | None:
        """What is known of these very bytes, from this run or an earlier one."""
        if file.sha256 is None:
            return None
        if file.sha256 not in self._known:
            record = self._store.read(_KIND, file.sha256)
            header = None if record is None else header_of(record)
            if header is None or not lies_as_listed(file, header):
                return None
            self._known[file.sha256] = header
        return self._known[file.sha256]

    def _keep(self, file: HubFile, header: Header) -> None:
        if file.sha256 is not None:
            self._known[file.sha256] = header
            self._store.write(_KIND, file.sha256, header_record(header))


def _full_name(listing: Listing, file: HubFile) -> str:
    return f"{listing.repository}/{file.path}"
