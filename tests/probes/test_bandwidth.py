"""The measured read bandwidth: how much is swept, with what, and what the counts are worth."""

from __future__ import annotations

import threading

import pytest

from probes.bandwidth import plan, sweep
from probes.bandwidth import probe as bandwidth
from probes.bandwidth.plan import plan_sweep
from probes.bandwidth.probe import measure_read_bandwidth
from probes.bandwidth.sweep import Burst, Sweep, SweepFailedError, sweep_memory
from probes.finding import Severity
from probes.machine import Cache, Cpu, Memory

MIB = 1 << 20
GIB = 1 << 30


@pytest.fixture(autouse=True)
def glibc(monkeypatch):
    """The C library of the machine that runs the tests must not show in its results."""
    monkeypatch.setattr(plan, "has_slow_memchr", lambda: False)


def cpu(cores=8, l3=32 * MIB, instances=1, **more):
    caches = (Cache(level=2, size_bytes=MIB, instances=cores),)
    if l3:
        caches += (Cache(level=3, size_bytes=l3, instances=instances),)
    return Cpu(
        name="a CPU", architecture="x86_64", usable_cores=cores, **{"caches": caches, **more}
    )


def memory(available=24 * GIB, **more):
    return Memory(total_bytes=max(32 * GIB, available), available_bytes=available, **more)


@pytest.mark.parametrize(
    ("this_cpu", "this_memory", "threads", "buffer_bytes"),
    [
        pytest.param(cpu(), memory(), 8, 128 * MIB, id="a desktop: four times its 32 MiB"),
        pytest.param(cpu(l3=96 * MIB), memory(), 8, 384 * MIB, id="a large cache: more"),
        pytest.param(cpu(l3=8 * MIB), memory(), 8, 128 * MIB, id="a small cache: not less"),
        pytest.param(
            cpu(l3=None), memory(), 8, 256 * MIB, id="no third level: room for a system cache"
        ),
        pytest.param(cpu(cores=2), memory(), 2, 128 * MIB, id="no more threads than cores"),
        pytest.param(cpu(cores=24), memory(), 8, 128 * MIB, id="eight saturate a desktop"),
        pytest.param(
            cpu(cores=24), memory(module_count=12), 16, 128 * MIB, id="twelve modules take more"
        ),
        pytest.param(
            cpu(cores=96, instances=12),
            memory(available=300 * GIB),
            16,
            1536 * MIB,
            id="a server: four times twelve caches of 32 MiB",
        ),
        pytest.param(
            cpu(l3=96 * MIB), memory(available=2 * GIB), 8, 2 * GIB // 10, id="a tenth at most"
        ),
    ],
)
def test_how_much_is_swept_with_how_many_threads(this_cpu, this_memory, threads, buffer_bytes):
    plan = plan_sweep(this_cpu, this_memory)
    assert (plan.threads, plan.buffer_bytes) == (threads, buffer_bytes)


def test_threads_reach_the_largest_caches_first():
    """A 7950X3D with two threads: 96 MiB beside 32, one thread at each."""
    caches = (
        Cache(level=3, size_bytes=32 * MIB, instances=1),
        Cache(level=3, size_bytes=96 * MIB, instances=1),
    )
    assert plan_sweep(cpu(cores=2, caches=caches), memory()).cache_bytes == 128 * MIB
    assert plan_sweep(cpu(cores=1, caches=caches), memory()).cache_bytes == 96 * MIB


@pytest.mark.parametrize(
    ("this_cpu", "this_memory", "caveats"),
    [
        pytest.param(cpu(), memory(), (), id="nothing to say of a desktop"),
        pytest.param(
            cpu(l3=96 * MIB),
            memory(available=2560 * MIB),
            ("caches of 96 MiB may have answered part of the 256 MiB that were read",),
            id="a cache of more than a quarter",
        ),
        pytest.param(
            cpu(l3=None),
            memory(available=GIB),
            ("a cache that is not listed may have answered part of it",),
            id="an unlisted cache",
        ),
        pytest.param(
            cpu(numa_nodes=2),
            memory(),
            ("the memory of 2 NUMA nodes was read together",),
            id="two nodes",
        ),
        pytest.param(
            cpu(cores=64),
            memory(),
            ("16 of 64 cores read, and more may be faster",),
            id="many cores left over",
        ),
    ],
)
def test_why_the_figure_may_be_off_is_said(this_cpu, this_memory, caveats):
    assert plan_sweep(this_cpu, this_memory).caveats == caveats


def test_a_slow_c_library_is_said(monkeypatch):
    monkeypatch.setattr(plan, "has_slow_memchr", lambda: True)
    (caveat,) = plan_sweep(cpu(), memory()).caveats
    assert caveat == "this C library searches without vectors, so memory may be faster"


def swept(monkeypatch, *sweeps):
    """Let the timed loop have counted this."""
    asked = []

    def fake(**arguments):
        asked.append(arguments)
        return sweeps

    monkeypatch.setattr(bandwidth, "sweep_memory", fake)
    return asked


def bursts(read_mb, cpu_s=0.02, wall_s=0.02):
    return tuple(
        Burst(read_bytes=megabytes * 1_000_000, wall_s=wall_s, cpu_s=cpu_s) for megabytes in read_mb
    )


def test_the_bounds_are_the_slowest_and_the_fastest_burst(monkeypatch):
    """Two threads of 400, 360, 440, 400 MB in 20 ms each: 40, 36, 44 and 40 GB/s together."""
    row = bursts([400, 360, 440, 400])
    swept(monkeypatch, Sweep(rows=(row, row)))
    found, findings = measure_read_bandwidth(cpu(cores=2), memory())
    assert found.lower_bytes_per_s == pytest.approx(36e9)
    assert found.upper_bytes_per_s == pytest.approx(44e9)
    assert (found.cpu_share, found.threads, found.buffer_bytes) == (1.0, 2, 128 * MIB)
    assert findings == ()


def test_on_a_busy_machine_wall_time_bounds_below_and_cpu_time_above(monkeypatch):
    """200 MB in 20 ms of which the thread had 10: 10 GB/s by wall time, 20 by CPU time."""
    row = bursts([200] * 4, cpu_s=0.01)
    swept(monkeypatch, Sweep(rows=(row, row)))
    found, _ = measure_read_bandwidth(cpu(cores=2), memory())
    assert found.lower_bytes_per_s == pytest.approx(2 * 10e9)
    assert found.upper_bytes_per_s == pytest.approx(2 * 20e9)
    assert found.cpu_share == 0.5


def test_what_one_thread_achieved_bounds_the_many_from_below(monkeypatch):
    """Two threads got a third of the CPU; one alone, 25 GB/s in peace, is still true."""
    busy = bursts([200] * 4, cpu_s=0.008)
    swept(monkeypatch, Sweep(rows=(busy, busy)), Sweep(rows=(bursts([500] * 4),)))
    found, _ = measure_read_bandwidth(cpu(cores=2), memory())
    assert found.lower_bytes_per_s == pytest.approx(25e9)
    assert found.upper_bytes_per_s == pytest.approx(50e9)
    assert (found.cpu_share, found.threads) == (0.4, 2)


def test_one_thread_faster_than_many_is_the_figure(monkeypatch):
    """Threads that wait for each other in a virtual machine."""
    slow = bursts([100] * 4)
    swept(monkeypatch, Sweep(rows=(slow, slow)), Sweep(rows=(bursts([400] * 4),)))
    found, _ = measure_read_bandwidth(cpu(cores=2), memory())
    assert (found.threads, found.upper_bytes_per_s) == (1, pytest.approx(20e9))


@pytest.mark.parametrize(
    ("cores", "is_virtual", "counts"),
    [
        pytest.param(8, False, (8, 1), id="all and one"),
        pytest.param(8, True, (8, 4, 1), id="virtual ones: half of them too"),
        pytest.param(2, True, (2, 1), id="of two, one is half"),
        pytest.param(1, True, (1,), id="of one, all there is"),
    ],
)
def test_how_many_read_together(cores, is_virtual, counts):
    assert plan_sweep(cpu(cores=cores), memory(), is_virtual=is_virtual).thread_counts == counts


def test_virtual_cores_may_be_half_as_many_real_ones(monkeypatch):
    """Eight at 20 GB/s each now; in a minute the host may have but four cores for them.

    Four were disturbed while they were timed, 250 MB in 10 of 20 ms, but 25 GB/s each is what
    they read in the time they had.
    """
    eight = Sweep(rows=(bursts([400] * 4),) * 8)
    four = Sweep(rows=(bursts([250] * 4, cpu_s=0.01),) * 4)
    one = Sweep(rows=(bursts([500] * 4),))
    swept(monkeypatch, eight, four, one)
    real, _ = measure_read_bandwidth(cpu(), memory())
    virtual, _ = measure_read_bandwidth(cpu(), memory(), is_virtual=True)
    assert (real.lower_bytes_per_s, real.upper_bytes_per_s) == (160e9, 160e9)
    assert (virtual.lower_bytes_per_s, virtual.upper_bytes_per_s) == (100e9, 160e9)
    assert real.caveat is None
    assert virtual.caveat == "the host of this virtual machine may run two of its CPUs on one core"


def test_a_machine_too_busy_to_believe_gives_no_figure(monkeypatch):
    row = bursts([100] * 4, cpu_s=0.004)
    swept(monkeypatch, Sweep(rows=(row, row)))
    found, (finding,) = measure_read_bandwidth(cpu(cores=2), memory())
    assert found is None
    assert (finding.code, finding.severity) == ("bandwidth-busy", Severity.WARNING)
    assert finding.sentence == (
        "the memory's speed was not measured: other programs, or a quota, left the timing only"
        " 20% of the CPU"
    )


@pytest.mark.parametrize("megabytes", [10**9, 0], ids=["faster than light", "nothing"])
def test_what_no_machine_reads_is_no_figure(monkeypatch, megabytes):
    swept(monkeypatch, Sweep(rows=(bursts([megabytes] * 4),)))
    found, (finding,) = measure_read_bandwidth(cpu(cores=1), memory())
    assert (found, finding.code) == (None, "bandwidth-implausible")


def test_a_clock_that_counts_more_cpu_time_than_time_is_held_to_it(monkeypatch):
    swept(monkeypatch, Sweep(rows=(bursts([400] * 4, cpu_s=0.021),)))
    found, _ = measure_read_bandwidth(cpu(cores=1), memory())
    assert found.cpu_share == 1.0
    assert found.lower_bytes_per_s == found.upper_bytes_per_s == pytest.approx(20e9)


@pytest.mark.parametrize(
    ("this_cpu", "available", "code"),
    [
        pytest.param(cpu(), 100 * MIB, "bandwidth-too-little-memory", id="10 MiB say nothing"),
        pytest.param(cpu(), 0, "bandwidth-too-little-memory", id="nor does nothing"),
        pytest.param(
            cpu(cores=96, l3=96 * MIB, instances=12),
            300 * GIB,
            "bandwidth-cache-too-large",
            id="1152 MiB of cache would answer for 2 GiB",
        ),
    ],
)
def test_what_would_not_time_the_memory_is_not_run(monkeypatch, this_cpu, available, code):
    asked = swept(monkeypatch)
    found, (finding,) = measure_read_bandwidth(this_cpu, memory(available=available))
    assert (found, finding.code, asked) == (None, code, [])


def test_progress_is_told_once_and_only_before_timing(monkeypatch):
    told = []
    swept(monkeypatch, Sweep(rows=(bursts([400] * 4),)))
    measure_read_bandwidth(cpu(), memory(), progress=lambda: told.append("now"))
    measure_read_bandwidth(cpu(), memory(available=0), progress=lambda: told.append("never"))
    assert told == ["now"]


def test_memory_that_cannot_be_had_is_a_finding(monkeypatch):
    def refuse(*_):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("mmap.mmap", refuse)
    found, (finding,) = measure_read_bandwidth(cpu(), memory())
    assert found is None
    assert finding.sentence == (
        "the memory's speed was not measured: 128 MiB of memory could not be had"
    )


def test_a_thread_that_cannot_start_leaves_nobody_waiting(monkeypatch):
    """The second of two is refused, as a container's limit on processes does."""
    before = threading.active_count()
    started = []
    start = threading.Thread.start

    def refuse_second(self):
        started.append(self)
        if len(started) > 1:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse_second)
    with pytest.raises(SweepFailedError, match="2 threads could not be started"):
        sweep_memory(thread_counts=(2, 1), buffer_bytes=MIB, burst_s=0.001, bursts=1)
    started[0].join(timeout=5)
    assert threading.active_count() == before


def test_a_c_library_that_cannot_be_asked_is_a_finding(monkeypatch):
    def refuse(*_):
        raise OSError("no such library")

    monkeypatch.setattr("ctypes.CDLL", refuse)
    found, (finding,) = measure_read_bandwidth(cpu(), memory())
    assert (found, finding.code) == (None, "bandwidth-failed")


@pytest.mark.parametrize("counts", [(1,), (2, 1), (3, 1)])
def test_a_real_sweep_counts_what_it_read(counts):
    sweeps = sweep_memory(thread_counts=counts, buffer_bytes=4 * MIB, burst_s=0.002, bursts=3)
    assert tuple(each.threads for each in sweeps) == counts
    for each in sweeps:
        part_bytes = 4 * MIB // each.threads // 4096 * 4096  # whole pages, read by one call
        for burst in (burst for row in each.rows for burst in row):
            assert burst.wall_s >= 0.002
            assert burst.read_bytes >= part_bytes
            assert burst.read_bytes % part_bytes == 0
            assert burst.cpu_s > 0


def test_a_part_is_swept_whole_in_equal_chunks_and_then_again(monkeypatch):
    """3500 bytes in chunks of 1000 at most: four of 875, and the fifth read is the first again."""
    monkeypatch.setattr(sweep, "LARGEST_CHUNK_BYTES", 1000)
    read = []

    class Library:
        def memchr(self, address, _sought, size):
            read.append((address, size))

    ticks = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    sweep._read(Library(), 5000, 3500, 5, 1)
    assert read == [(5000, 875), (5875, 875), (6750, 875), (7625, 875), (5000, 875)]


def test_a_real_measurement_is_ordered_and_possible():
    """On any machine, busy or not: either bounds in order or a sentence."""
    found, findings = measure_read_bandwidth(cpu(cores=2, l3=4 * MIB), memory(available=GIB))
    if found is None:
        assert [finding.code for finding in findings] == ["bandwidth-busy"]
    else:
        assert 1e8 <= found.lower_bytes_per_s <= found.upper_bytes_per_s <= 1e13
        assert 0.3 <= found.cpu_share <= 1
