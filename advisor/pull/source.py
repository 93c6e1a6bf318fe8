"""The bytes of one file of the Hub from a place on, over HTTP.

The address names the commit, so that what is behind it never changes, and every connection asks
the Hub anew where the bytes are: signed addresses of its content servers live for an hour only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from advisor.pull.download import Body
from advisor.pull.errors import CutError, TransferError
from catalog.hub.errors import (
    BrokenTransferError,
    NoNetworkError,
    NonsenseError,
    OfflineError,
    RateLimitedError,
    ServerTroubleError,
)

if TYPE_CHECKING:
    from catalog.hub.client import Hub
    from catalog.hub.listing import HubFile, Listing

LONGEST_WAIT_S = 330
"""A rate limit that is over sooner is sat out: the Hub counts in windows of five minutes."""

LARGEST_PLAIN_BYTES = 50 * 10**9
"""What the Hub serves over plain HTTP (`MAX_HTTP_DOWNLOAD_SIZE` of huggingface_hub 2.4)."""


class HubSource:
    """Opens one file of a listing, as often as its download takes."""

    def __init__(self, hub: Hub, listing: Listing, file: HubFile) -> None:
        self._hub, self._listing, self._file = hub, listing, file
        self._has_answered = False

    @contextmanager
    def __call__(self, position: int) -> Iterator[Body]:
        """The bytes from a place on.

        Raises:
            CutError: It worked before in this run, so that it may work again.
            TransferError: It cannot go on from there.
            HubError: The Hub refuses, or has not answered once.
        """
        try:
            with self._hub.open_file(self._listing, self._file, begin=position) as body:
                self._has_answered = True
                yield Body(begin_bytes=body.begin, blocks=body.chunks)
        except (BrokenTransferError, NoNetworkError, ServerTroubleError) as error:
            if not self._has_answered:
                raise
            raise CutError(str(error)) from error
        except RateLimitedError as error:
            if error.wait_s is None or error.wait_s > LONGEST_WAIT_S:
                raise
            raise CutError(str(error), float(error.wait_s)) from error
        except OfflineError as error:
            raise OfflineError(f"all of `{self._file.path}`") from error
        except NonsenseError as error:
            raise self._unusable(position, error) from error

    def _unusable(self, position: int, error: NonsenseError) -> Exception:
        """Why an answer without the bytes may have come."""
        if self._file.size_bytes > LARGEST_PLAIN_BYTES:
            msg = f"the Hub serves `{self._file.path}` by its Xet protocol alone: {error}"
            repository = self._listing.repository
            hint = f"`hf download {repository} {self._file.path}` gets it into the same cache"
            return TransferError(msg, hint)
        if position:
            msg = f"the server does not go on from byte {position}: {error}"
            return TransferError(msg, "run the same command later")
        return error
