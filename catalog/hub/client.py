"""`Hub`: what a program asks of the Hugging Face Hub, and what it cost.

Holds the joining of the parts: who is asked, what is kept from earlier, and when an old
listing stands in for one that cannot be had.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from catalog.hub.access import Access, own_access
from catalog.hub.errors import (
    NoNetworkError,
    OfflineError,
    RateLimitedError,
    ServerTroubleError,
    TlsError,
    UnreachableError,
)
from catalog.hub.records import is_commit, listing_of, listing_record
from catalog.hub.repository import MAIN, ask_listing
from catalog.hub.store import Store
from catalog.hub.transport import Transport, Usage

if TYPE_CHECKING:
    from catalog.gguf.file import GgufFile
    from catalog.hub.files import Body
    from catalog.hub.headers import Headers
    from catalog.hub.listing import HubFile, HubQuant, Listing

HOUR_S = 3600.0

QUIET_S = 60.0
"""For how long an endpoint that cannot be reached is not asked for another listing: a program that
lists many repositories fails once, and not after each one's timeout."""

_KIND = "listings"


class Hub:
    """One endpoint, as this user sees it."""

    def __init__(
        self,
        access: Access | None = None,
        *,
        store: Store | None = None,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is asked before it is needed.

        Args:
            access: Whom to ask; what the environment says unless given.
            store: Where answers are kept; nowhere unless given.
            sleep: Waits between tries. [s]
            now: The time. [s since 1970]
        """
        access = access or own_access()
        self.endpoint = access.endpoint
        self.is_offline = access.is_offline
        self._store = store or Store(None)
        self._now = now
        self._away: tuple[UnreachableError, float] | None = None
        self.transport = Transport(access, sleep)
        """Sends what the methods here do not."""

    @property
    def usage(self) -> Usage:
        """What the requests so far have cost."""
        return self.transport.usage

    def listing(
        self, repository: str, revision: str | None = None, *, max_age_s: float = HOUR_S
    ) -> Listing:
        """The GGUF files of a repository, from here if they were asked for lately.

        Where the Hub cannot be reached, an older listing stands in, with a note. What is
        named by a whole commit never grows old.

        Args:
            repository: `owner/name`.
            revision: A branch, a tag or a commit; ``None`` for the newest.
            max_age_s: How old a kept listing may be; 0 asks anyway. [s]

        Raises:
            HubError: It cannot be had.
        """
        key = f"{self.endpoint} {repository.lower()} {revision or MAIN}"
        record = self._store.read(_KIND, key)
        kept = None if record is None else listing_of(record)
        if kept is not None and (is_commit(revision) or self._age_s(kept) < max_age_s):
            return _renamed(kept, repository)
        try:
            fresh = self._asked(repository, revision)
        except UnreachableError as error:
            if kept is None:
                raise
            return _renamed(_stale(kept, error), repository)
        self._store.write(_KIND, key, listing_record(fresh))
        return _renamed(fresh, repository)

    def _asked(self, repository: str, revision: str | None) -> Listing:
        """A listing from the Hub itself, unless it could not be reached just now."""
        if self._away is not None and 0 <= self._now() - self._away[1] < QUIET_S:
            raise self._away[0]
        self._away = None
        try:
            return ask_listing(self.transport, repository, revision, now=self._now())
        except (NoNetworkError, TlsError, ServerTroubleError, RateLimitedError) as error:
            self._away = error, self._now()
            raise

    def remote_file(self, listing: Listing, quant: HubQuant) -> GgufFile:
        """The headers of a model's file, of all parts of a split one.

        Raises:
            GgufError: One of them cannot be one.
            HubError: They cannot be had.
        """
        return self._headers.file(listing, quant)

    def open_file(
        self, listing: Listing, file: HubFile, *, begin: int = 0, end: int | None = None
    ) -> AbstractContextManager[Body]:
        """A file from one byte up to another, or to its end, as it comes; see `files.open_file`."""
        from catalog.hub.files import open_file

        return open_file(self.transport, listing, file, begin=begin, end=end)

    @cached_property
    def _headers(self) -> Headers:
        from catalog.hub.headers import Headers

        return Headers(self.transport, self._store)

    def _age_s(self, listing: Listing) -> float:
        """How old a listing is; as old as can be, where it is from a day to come."""
        age_s = self._now() - listing.fetched_at
        return age_s if age_s >= 0 else float("inf")


def _stale(kept: Listing, error: UnreachableError) -> Listing:
    from datetime import UTC, datetime

    why = "offline mode is set" if isinstance(error, OfflineError) else str(error)
    day = datetime.fromtimestamp(kept.fetched_at, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    note = f"{why}; the listing of `{kept.repository}` is of {day}"
    return replace(kept, notes=(*kept.notes, note))


def _renamed(listing: Listing, asked: str) -> Listing:
    if listing.repository.lower() == asked.lower():
        return listing
    note = f"`{asked}` is called `{listing.repository}` now"
    return replace(listing, notes=(note, *listing.notes))
