"""ADV401 to ADV406: the system's memory and processors, and what a container leaves of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from advisor.check.model import ModelAnswer
from advisor.check.outcome import Compared, Found, Status
from advisor.check.rule import asked_rule, machine_rule
from advisor.check.rules.findings import MACHINE, NOT_ASKED, failed, is_hit, skipped
from advisor.check.words import counted, two_sizes
from advisor.figure import Origin
from advisor.render.units import gib
from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.case import Case

STRAINED = frozenset({"memory-pressure", "cpu-busy"})
SLOW_CODE = frozenset({"cpu-no-avx2", "cpu-translated"})


def _limit(case: Case) -> Iterator[Found]:
    """A container's limit, against what the requirement needs of the system's memory."""
    needs = _host_needs(case)
    memory = case.machine.memory
    limit = memory.limit_bytes
    if not needs:
        yield skipped("nothing asks for the system's memory")
    elif limit is None or limit >= memory.total_bytes:
        yield skipped("nothing limits the memory of this process")
    else:
        need, why, key = max(needs)
        said, allowed = two_sizes(need, limit)
        source = memory.limit_source or "a control group"
        compared = Compared(
            quantity="memory_limit_bytes", value=limit, limit=need, origin=Origin.REPORTED
        )
        holds = need <= limit
        yield Found(
            status=Status.PASS if holds else Status.FAIL,
            subject=MACHINE,
            sentence=f"{why} {said} of the system's memory, and {source} allows {allowed} of"
            f" {gib(memory.total_bytes)}",
            hint=None if holds else "give the container more memory (`--memory`, `resources`)",
            key=key,
            compared=compared,
        )


def _host_needs(case: Case) -> list[tuple[int, str, str]]:
    """How much, why, and which key says so."""
    needs = []
    if case.asked.min_memory_bytes is not None:
        needs.append((case.asked.min_memory_bytes, "the requirement asks for", "min_memory"))
    if isinstance(case.model, ModelAnswer):
        host = case.model.estimate.allocations[-1]
        needs.append((host.needed_bytes, f"{case.model.name} needs", "model"))
    return needs


def _available(case: Case) -> Iterator[Found]:
    least = case.asked.min_memory_bytes
    if least is None:
        yield skipped(NOT_ASKED)
        return
    memory = case.machine.memory
    now = memory.available_bytes
    said, limit = two_sizes(now, least)
    holds = now >= least
    yield Found(
        status=Status.PASS if holds else Status.FAIL,
        subject=MACHINE,
        sentence=f"{said} of the system's {gib(memory.total_bytes)} are available;"
        f" {limit} are asked for",
        hint=None if holds else "end programs that hold much memory, or use a larger runner",
        key="min_memory",
        compared=Compared(
            quantity="memory_available_bytes",
            value=now,
            limit=least,
            origin=Origin.REPORTED,
        ),
    )


def _quota(case: Case) -> Iterator[Found]:
    """llama.cpp starts a thread for each physical core that the kernel shows."""
    cpu = case.machine.cpu
    if cpu.quota_cores is None:
        yield skipped("nothing limits the CPU time of this process")
        return
    threads = cpu.physical_cores or cpu.logical_cores
    if threads is None:
        yield Found(
            status=Status.UNDETERMINED,
            subject=MACHINE,
            sentence="how many threads llama.cpp would start is not known",
        )
        return
    sentence = (
        f"a control group allows the time of {cpu.quota_cores:g} cores, and llama.cpp starts"
        f" {counted(threads, 'thread')}"
    )
    holds = threads <= max(cpu.quota_cores, 1)
    most = max(int(cpu.quota_cores), 1)
    yield Found(
        status=Status.PASS if holds else Status.FAIL,
        subject=MACHINE,
        sentence=sentence if holds else f"{sentence}, which then wait for each other",
        hint=None if holds else f"run it with `--threads {most}`, or give the container more CPUs",
        compared=Compared(
            quantity="cpu_quota_cores", value=cpu.quota_cores, limit=threads, origin=Origin.REPORTED
        ),
    )


def _cpus(case: Case) -> Iterator[Found]:
    least = case.asked.min_cpus
    if least is None:
        yield skipped(NOT_ASKED)
        return
    cpu = case.machine.cpu
    counts = {
        "the kernel shows": cpu.logical_cores,
        "the scheduler admits": cpu.allowed_cores,
        "a control group allows the time of": cpu.quota_cores,
    }
    known = {why: count for why, count in counts.items() if count is not None}
    if not known:
        yield Found(
            status=Status.UNDETERMINED,
            subject=MACHINE,
            sentence="how many processors there are is not known",
            key="min_cpus",
        )
        return
    why = min(known, key=lambda one: known[one])
    holds = known[why] >= least
    yield Found(
        status=Status.PASS if holds else Status.FAIL,
        subject=MACHINE,
        sentence=f"{why} {counted_cores(known[why])}; {least} are asked for",
        hint=None if holds else "give the container more CPUs, or use a larger runner",
        key="min_cpus",
        compared=Compared(quantity="cpus", value=known[why], limit=least, origin=Origin.REPORTED),
    )


def counted_cores(count: float) -> str:
    """`4 processors`, `1.5 processors`."""
    return f"{count:g} {'processor' if count == 1 else 'processors'}"


def _strain(case: Case) -> Iterator[Found]:
    hits = [one for one in case.machine.findings if is_hit(one, STRAINED)]
    yield from (failed(one) for one in hits)
    if case.is_stateless:
        yield skipped("the machine is only described, so its state is not known")
    elif not hits:
        yield Found(
            status=Status.PASS,
            subject=MACHINE,
            sentence="no program waits for memory, and the processor is not kept busy",
        )


def _instructions(case: Case) -> Iterator[Found]:
    hits = [one for one in case.machine.findings if is_hit(one, SLOW_CODE)]
    yield from (failed(one) for one in hits)
    if hits:
        return
    sets = case.machine.cpu.instruction_sets
    yield Found(
        status=Status.PASS if sets else Status.UNDETERMINED,
        subject=MACHINE,
        sentence=f"the processor has {' '.join(sets)}"
        if sets
        else "which instruction sets the processor has is not known",
    )


RULES = (
    asked_rule(
        401,
        "memory-limit",
        _limit,
        "min_memory",
        "model",
        title="the container's memory limit leaves what is needed",
        about="Compares the tightest control group's limit with `min_memory` and with what the"
        " model needs of the system's memory. Skipped where nothing limits it.",
    ),
    asked_rule(
        402,
        "memory-available",
        _available,
        "min_memory",
        title="so much of the system's memory is available",
        about="Within every limit, less what other programs hold; swap is never counted.",
    ),
    machine_rule(
        403,
        "cpu-quota",
        _quota,
        title="the container's CPU time suffices for the threads that llama.cpp starts",
        about="llama.cpp starts a thread for each physical core that it sees, and in a container"
        " it sees the host's: with a quota below that, the threads wait for each other.",
        severity=Severity.WARNING,
    ),
    asked_rule(
        404,
        "cpu-count",
        _cpus,
        "min_cpus",
        title="this process may have the time of so many processors",
        about="The least of what the kernel shows, the scheduler admits and a control group"
        " allows.",
    ),
    machine_rule(
        405,
        "host-unstrained",
        _strain,
        title="no program waits for memory, and the processor is not kept busy",
        about="Fails when programs waited for memory in the last ten seconds, or the load is high.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        406,
        "cpu-instructions",
        _instructions,
        title="the processor has the instructions that llama.cpp is fast with",
        about="Fails on x86 without AVX2, and under Rosetta.",
        severity=Severity.WARNING,
    ),
)
