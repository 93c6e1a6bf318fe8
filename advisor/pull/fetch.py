"""Carries a plan out: each file under its lock, into its partial, then into its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from advisor.pull.download import complete
from advisor.pull.errors import unwritable
from advisor.pull.lock import locked
from advisor.pull.partial import Partial
from advisor.pull.progress import Phase

if TYPE_CHECKING:
    from advisor.pull.download import Source
    from advisor.pull.plan import Plan
    from advisor.pull.progress import Meter
    from advisor.pull.store import Store
    from catalog.hub.listing import HubFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a download works with."""

    source_of: Callable[[HubFile], Source]
    """Where the bytes of a file come from."""

    meter: Meter
    waiting: Callable[[str], None]
    """Told a file's path when another program is downloading it."""

    sleep: Callable[[float], None]


def fetch(plan: Plan, revision: str, means: Means) -> None:
    """Get what is missing, and let the revision mean this commit.

    Args:
        plan: What is to be here in the end.
        revision: The branch, tag or commit that was asked for.
        means: What to do it with.

    Raises:
        CannotWriteError: The disk is full, read-only or fails.
        TransferError: The server stops too often, or has another file than was listed.
        HubError: The Hub refuses.
    """
    store = plan.store
    if plan.is_done:
        with suppress(OSError):  # a read-only cache serves all the same
            store.name_commit(revision)
        return
    try:
        store.prepare()
        for one in plan.files:
            _fetch(store, one.file, means)
        store.name_commit(revision)
    except OSError as error:
        raise unwritable(error, store.cache) from error


def _fetch(store: Store, file: HubFile, means: Means) -> None:
    """Get one file, unless it is here or another program gets it first."""
    means.meter.begin(Phase.FETCHING, file.path)
    waiting = partial(means.waiting, file.path)
    with locked(store.lock(file), waiting=waiting, sleep=means.sleep):
        if store.is_ready(file):
            means.meter.there(file.size_bytes)
            return
        if store.has_blob(file):
            means.meter.there(file.size_bytes)
        else:
            _transfer(store, file, means)
        store.link(file)


def _transfer(store: Store, file: HubFile, means: Means) -> None:
    with Partial(store.partial(file), file.size_bytes) as here:
        means.meter.begin(Phase.CHECKING, file.path)
        here.take_up(means.meter.there)
        means.meter.begin(Phase.FETCHING, file.path)
        complete(here, means.source_of(file), file.sha256 or "", means.meter, means.sleep)
    store.settle(file)
