"""ADV304 to ADV306: how much memory a requirement asks of the GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.check.gpus import named_gpus, there_is
from advisor.check.in_use import holders_text, in_use_bytes
from advisor.check.outcome import Compared, Found, Status
from advisor.check.rule import asked_rule
from advisor.check.rules.findings import MACHINE, NOT_ASKED, skipped
from advisor.check.words import counted, gpu_labels, two_sizes
from advisor.figure import Origin
from advisor.render.units import gib

if TYPE_CHECKING:
    from advisor.check.case import Case
    from advisor.target import Gpu
    from probes.accelerator import Accelerator

LABEL_SHARE = 0.97
"""A card whose memory is just below the wanted size has that size on its label."""


def _wanted_count(case: Case) -> int:
    """How many GPUs must have the memory that is asked for."""
    named = 1 if case.asked.gpu is None else named_gpus(case.asked.gpu).count
    return max(case.asked.min_gpus or 1, named)


def total_bytes(gpu: Gpu) -> float | None:
    """Memory of a GPU as its driver's tool shows it; of the system's, what it may use at most."""
    seen = gpu.seen
    if seen is not None and seen.memory_total_bytes is not None and not gpu.shares_host_memory:
        return seen.memory_total_bytes
    return None if gpu.capacity_bytes is None else gpu.capacity_bytes.value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """So much memory of so many GPUs."""

    least_bytes: int
    count: int
    key: str
    quantity: str
    verb: str
    """`has`, or `has free`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """What one GPU has of it."""

    name: str
    size_bytes: float


def _memory(case: Case) -> Iterator[Found]:
    least = case.asked.min_gpu_memory_bytes
    if least is None:
        yield skipped(NOT_ASKED)
        return
    wanted = _Wanted(
        least_bytes=least,
        count=_wanted_count(case),
        key="min_gpu_memory",
        quantity="gpu_total_bytes",
        verb="has",
    )
    yield _enough(case, wanted, total_bytes)


def _free(case: Case) -> Iterator[Found]:
    least = case.asked.min_free_gpu_memory_bytes
    if least is None:
        yield skipped(NOT_ASKED)
        return
    wanted = _Wanted(
        least_bytes=least,
        count=_wanted_count(case),
        key="min_free_gpu_memory",
        quantity="gpu_free_bytes",
        verb="has free",
    )
    yield _enough(case, wanted, lambda gpu: _free_bytes(gpu, least))


def _free_bytes(gpu: Gpu, least: int) -> float | None:
    """What is free of a GPU's memory; all of it where even that is less than is wanted."""
    seen = gpu.seen
    is_silent = seen is not None and seen.memory_free_bytes is None and not gpu.shares_host_memory
    if gpu.available_bytes is not None and not is_silent:
        return gpu.available_bytes.value
    most = total_bytes(gpu)
    return most if most is not None and most < least else None


def _enough(case: Case, wanted: _Wanted, size_of: Callable[[Gpu], float | None]) -> Found:
    """Whether so many GPUs have so much; the largest that falls short decides."""
    sizes = [(gpu.name, size_of(gpu)) for gpu in case.target.gpus]
    known = [_Size(name=name, size_bytes=size) for name, size in sizes if size is not None]
    known.sort(key=lambda one: one.size_bytes, reverse=True)
    silent = [name for name, size in sizes if size is None]
    enough = sum(one.size_bytes >= wanted.least_bytes for one in known)
    if enough >= wanted.count:
        return _holds(known[wanted.count - 1], wanted)
    if enough + len(silent) >= wanted.count:
        return _silent(silent[0], wanted)
    if len(sizes) < wanted.count:
        return _too_few(case, wanted)
    return _too_small(known[enough], wanted)


def _holds(one: _Size, wanted: _Wanted) -> Found:
    said, limit = two_sizes(one.size_bytes, wanted.least_bytes)
    return Found(
        status=Status.PASS,
        subject=one.name,
        sentence=f"{one.name} {wanted.verb} {said}; {limit} are asked for",
        key=wanted.key,
        compared=_compared(one, wanted),
    )


def _too_small(one: _Size, wanted: _Wanted) -> Found:
    said, limit = two_sizes(one.size_bytes, wanted.least_bytes)
    hint = f"send the job to a GPU with more memory, or lower `{wanted.key}`"
    if wanted.verb == "has" and one.size_bytes >= wanted.least_bytes * LABEL_SHARE:
        whole = int(one.size_bytes / (1 << 30))
        hint = f"a driver keeps some of what the label says; ask for {whole}GiB"
    return Found(
        status=Status.FAIL,
        subject=one.name,
        sentence=f"{one.name} {wanted.verb} {said}, less than the {limit} asked for",
        hint=hint,
        key=wanted.key,
        compared=_compared(one, wanted),
    )


def _compared(one: _Size, wanted: _Wanted) -> Compared:
    return Compared(
        quantity=wanted.quantity,
        value=one.size_bytes,
        limit=wanted.least_bytes,
        origin=Origin.REPORTED,
    )


def _silent(name: str, wanted: _Wanted) -> Found:
    least = gib(wanted.least_bytes)
    return Found(
        status=Status.UNDETERMINED,
        subject=name,
        sentence=f"how much memory {name} {wanted.verb} is not known; {least} are asked for",
        key=wanted.key,
        compared=Compared(quantity=wanted.quantity, value=None, limit=wanted.least_bytes),
    )


def _too_few(case: Case, wanted: _Wanted) -> Found:
    count = len(case.target.gpus)
    return Found(
        status=Status.FAIL,
        subject=MACHINE,
        sentence=f"{counted(wanted.count, 'GPU')} with {gib(wanted.least_bytes)} are asked for, and"
        f" {counted(count, 'GPU')} can be used; {there_is(case.machine)}",
        key=wanted.key,
        compared=Compared(quantity="gpus", value=count, limit=wanted.count),
    )


def _in_use(case: Case) -> Iterator[Found]:
    most = case.asked.max_gpu_in_use_bytes
    if most is None:
        yield skipped(NOT_ASKED)
        return
    cards = [gpu for gpu in case.gpus if not gpu.memory_is_shared]
    if not cards:
        yield skipped("there is no GPU with memory of its own that could be used")
    for label, gpu in zip(gpu_labels(cards), cards, strict=True):
        yield _in_use_of(gpu, label, most)


def _in_use_of(gpu: Accelerator, label: str, most: int) -> Found:
    used = in_use_bytes(gpu)
    compared = Compared(quantity="gpu_in_use_bytes", value=used, limit=most, origin=Origin.REPORTED)
    if used is None:
        return Found(
            status=Status.UNDETERMINED,
            subject=label,
            sentence=f"how much memory of {label} is in use is not known; {gib(most)} may be",
            key="max_gpu_in_use",
            compared=compared,
        )
    said, limit = two_sizes(used, most)
    if used <= most:
        return Found(
            status=Status.PASS,
            subject=label,
            sentence=f"programs hold {said} of {label}; {limit} may be in use",
            key="max_gpu_in_use",
            compared=compared,
        )
    return Found(
        status=Status.FAIL,
        subject=label,
        sentence=f"programs hold {said} of {label}, more than the {limit} that may be in use"
        f"{holders_text(gpu)}",
        hint="end them, or wait until they have ended; `nvidia-smi` lists them",
        key="max_gpu_in_use",
        compared=compared,
    )


RULES = (
    asked_rule(
        304,
        "gpu-memory",
        _memory,
        "min_gpu_memory",
        title="the GPUs have so much memory",
        about="Compares what the driver reports in total (as `nvidia-smi` does) for as many GPUs"
        " as are asked for; of a GPU that shares the system's memory, what it may use at most.",
    ),
    asked_rule(
        305,
        "gpu-memory-free",
        _free,
        "min_free_gpu_memory",
        title="the GPUs have so much memory free",
        about="Undetermined when the driver does not say what is free.",
    ),
    asked_rule(
        306,
        "gpu-in-use",
        _in_use,
        "max_gpu_in_use",
        title="other programs hold at most so much of each GPU's memory",
        about="Names the programs, where the driver says them.",
    ),
)
