"""ADV407 and ADV408: room on the disk where models are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.check.model import ModelAnswer
from advisor.check.outcome import Compared, Found, Status
from advisor.check.rule import asked_rule
from advisor.check.rules.findings import MACHINE, NOT_ASKED, skipped
from advisor.figure import Origin
from advisor.render.units import exact, gb, gb_interval
from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.case import Case

SPARE_DISK_BYTES = 512 << 20
"""What `advisor pull` leaves free."""


def _disk(case: Case) -> Iterator[Found]:
    least = case.asked.min_free_disk_bytes
    if least is None:
        yield skipped(NOT_ASKED)
        return
    yield _room(case, least, least, "asked for", "min_free_disk")


def _room_for_model(case: Case) -> Iterator[Found]:
    if not isinstance(case.model, ModelAnswer):
        yield skipped("no model is asked for" if case.model is None else "its size is not known")
        return
    size = case.model.download.size_bytes
    if case.model.is_here:
        yield Found(
            status=Status.PASS,
            subject=case.model.name,
            sentence=f"the file of {case.model.name} is here already",
            key="model",
        )
        return
    low, high = (size.value if end is None else end for end in (size.low, size.high))
    why = f"the file of {case.model.name} takes {gb_interval(low, high)}"
    found = _room(
        case,
        int(low) + SPARE_DISK_BYTES,
        int(high) + SPARE_DISK_BYTES,
        f"needed: {why}, and {gb(SPARE_DISK_BYTES)} stay free",
        "model",
    )
    is_elsewhere = case.disk is None or case.is_stateless
    if found.status is Status.UNDETERMINED and is_elsewhere:
        found = replace(found, severity=Severity.WARNING)  # nobody asked for it in so many words
    yield found


def _room(case: Case, least: int, most: int, why: str, key: str) -> Found:
    """Free space against what is needed, which may be an interval."""
    disk = case.disk
    free = None if disk is None else disk.free_bytes
    needed = f"{gb_interval(least, most)} are {why}"
    compared = Compared(quantity="disk_free_bytes", value=free, limit=most, origin=Origin.REPORTED)
    if disk is None or free is None:
        most_of_all = None if disk is None else disk.total_bytes
        if most_of_all is not None and most_of_all < least:
            return _too_small(f"the disk has {gb(most_of_all)} in all; {needed}", key, compared)
        return Found(
            status=Status.UNDETERMINED,
            subject=MACHINE,
            sentence=f"how much of the disk is free is not known; {needed}",
            key=key,
            compared=compared,
        )
    sentence = f"{gb(free)} are free in `{disk.folder}`; {needed}"
    if gb(free) in {gb(least), gb(most)} and free < most:
        sentence = f"{exact(free)} are free in `{disk.folder}`; {exact(most)} are {why}"
    if free < least:
        return _too_small(sentence, key, compared)
    return Found(
        status=Status.PASS if free >= most else Status.UNDETERMINED,
        subject=MACHINE,
        sentence=sentence,
        key=key,
        compared=compared,
    )


def _too_small(sentence: str, key: str, compared: Compared) -> Found:
    return Found(
        status=Status.FAIL,
        subject=MACHINE,
        sentence=sentence,
        hint="free some space, or set `HF_HUB_CACHE` to a folder on another disk",
        key=key,
        compared=compared,
    )


RULES = (
    asked_rule(
        407,
        "disk-free",
        _disk,
        "min_free_disk",
        title="so much of the disk where models are kept is free",
        about="That of `HF_HUB_CACHE`, as huggingface_hub and llama.cpp have it. Of a hosted"
        " runner only the disk's size is known.",
    ),
    asked_rule(
        408,
        "disk-for-model",
        _room_for_model,
        "model",
        title="the disk has room for the model's file",
        about="The file's size and 512 MiB that stay free; passes when the file is there already."
        " Undetermined between the ends of a predicted size.",
    ),
)
