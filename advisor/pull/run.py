"""A download from what was typed to the answer, in two steps: planned, then carried out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.pull.fetch import Means, fetch
from advisor.pull.find import find
from advisor.pull.plan import plan
from advisor.pull.progress import Meter
from advisor.pull.report import Fetched, PullReport, commands_of
from advisor.pull.source import HubSource
from advisor.pull.store import Store, hub_cache

if TYPE_CHECKING:
    from advisor.pull.progress import Progress
    from advisor.report.candidates import Question
    from catalog.hub.client import Hub


def planned(text: str, quant: str | None, hub: Hub, question: Callable[[], Question]) -> PullReport:
    """What a download would be; only listings are transferred.

    Args:
        text: A model's name or an address.
        quant: A quant's label, where one was named.
        hub: Lists repositories.
        question: What the best is judged by.

    Raises:
        UsageError: No such file, or several.
        CatalogError: No such model; or the Hub does not answer, or refuses.
    """
    found = find(text, quant, hub, question)
    choice, cache = found.choice, hub_cache()
    listing = choice.listing
    store = Store(cache=cache, repository=listing.repository, commit=listing.commit)
    return PullReport(
        choice=choice,
        plan=plan(store, choice.files),
        endpoint=hub.endpoint,
        revision=found.revision,
        fetched=None,
        commands=commands_of(choice),
        strays=store.strays(listing.files),
        llama_cache=os.environ.get("LLAMA_CACHE"),
    )


def carried_out(
    report: PullReport,
    hub: Hub,
    *,
    show: Callable[[Progress], None],
    tell: Callable[[str], None],
) -> PullReport:
    """Fetch what is missing.

    Args:
        report: The plan.
        hub: Where the bytes come from.
        show: Gets the progress now and then.
        tell: Gets a sentence that somebody who waits should know.

    Raises:
        AdvisorError: The disk or the network does not do its part.
        CatalogError: The Hub refuses.
    """
    meter = Meter(report.plan.total_bytes, show)
    means = Means(
        source_of=lambda file: HubSource(hub, report.choice.listing, file),
        meter=meter,
        waiting=lambda path: tell(f"another program is downloading `{path}`: waiting for it"),
        sleep=time.sleep,
    )
    fetch(report.plan, report.revision, means)
    moment = meter.moment()
    if moment.received_bytes:
        show(moment)
    fetched = Fetched(received_bytes=moment.received_bytes, elapsed_s=moment.elapsed_s)
    return replace(report, fetched=fetched)
