"""What a CPU without a GPU holds besides: rearranged second copies of weights."""

from __future__ import annotations

import pytest

from advisor.estimate.estimator import estimate
from advisor.estimate.explain_memory import memory_terms
from advisor.estimate.resident import repacked_bytes
from advisor.estimate.result import Verdict
from advisor.figure import Origin
from advisor.workload import LoadMode, Runtime, Workload

QWEN, QUANT = "qwen3-4b", "Q4_K_M"
COPIED_BYTES = 1_765_048_320
"""What the library of llama-cpp-python 0.3.36 puts in `CPU_REPACK`, with AVX2."""


@pytest.mark.parametrize(
    ("sets", "expected", "origin"),
    [
        pytest.param(("avx", "avx2"), COPIED_BYTES, Origin.PUBLISHED, id="AVX2"),
        pytest.param(("avx2", "avx512"), COPIED_BYTES, Origin.PUBLISHED, id="AVX-512: as AVX2"),
        pytest.param(("avx",), 0, Origin.ASSUMED, id="AVX alone: none"),
        pytest.param((), COPIED_BYTES, Origin.ASSUMED, id="not known: AVX2 is assumed"),
    ],
)
def test_the_instruction_sets_decide_what_is_copied(subject, sets, expected, origin):
    found = repacked_bytes(subject(QWEN, QUANT).weights, sets, maps_file=True)
    assert (found.value, found.origin) == (expected, origin)
    assert found.low == 0, "the kernel may drop the pages that were copied from"


def test_arm_copies_q6_k_as_well(subject):
    """So that all of Q4_K_M's matrices are there twice, the tied head too; only norms are not."""
    weights = subject(QWEN, QUANT).weights
    arm = repacked_bytes(weights, ("neon", "dotprod"), maps_file=True).value
    matrices = weights.blocks_bytes + weights.output_bytes
    assert 0.999 * matrices < arm <= matrices


def test_where_little_is_known_the_interval_is_wide(subject):
    weights = subject(QWEN, QUANT).weights
    tiles = repacked_bytes(weights, ("avx2", "avx512", "amx_int8"), maps_file=True)
    assert tiles.value < tiles.high == weights.blocks_bytes + weights.output_bytes
    unknown = repacked_bytes(weights, (), maps_file=True)
    assert unknown.high == max(weights.repacked)


def test_a_runtime_that_reads_the_file_into_memory_has_one_copy(subject):
    found = repacked_bytes(subject(QWEN, QUANT).weights, ("avx2",), maps_file=False)
    assert (found.value, found.high) == (0, 0)


def test_a_machine_without_gpu_holds_them_among_its_overhead(subject, target):
    cpu = target(host_gib=64)
    mapped, read = (
        estimate(subject(QWEN, QUANT), Workload(runtime=runtime, context_tokens=4096), cpu)
        for runtime in (Runtime.LLAMA_BENCH, Runtime.OLLAMA)
    )
    host = mapped.allocations[-1]
    assert host.repack_bytes == COPIED_BYTES
    assert host.overhead_bytes > COPIED_BYTES
    assert host.low_bytes <= host.total_bytes - COPIED_BYTES
    assert read.allocations[-1].repack_bytes == 0


@pytest.mark.parametrize(
    ("mode", "copied", "may_drop"),
    [
        pytest.param(LoadMode.AUTO, True, True, id="auto: pages of the file, and copies"),
        pytest.param(LoadMode.MMAP, True, True, id="mmap: likewise"),
        pytest.param(LoadMode.MMAP_MLOCK, True, False, id="mmap+mlock: both, and both stay"),
        pytest.param(LoadMode.NONE, False, False, id="none: one copy, read into memory"),
        pytest.param(LoadMode.MLOCK, False, False, id="mlock: one copy, locked"),
        pytest.param(LoadMode.DIO, False, False, id="dio: one copy"),
    ],
)
def test_how_the_file_is_read_decides_what_is_resident(subject, target, mode, copied, may_drop):
    asked = Workload(context_tokens=4096, load_mode=mode)
    host = estimate(subject(QWEN, QUANT), asked, target(host_gib=64)).allocations[-1]
    least = estimate(
        subject(QWEN, QUANT),
        Workload(context_tokens=4096, load_mode=LoadMode.NONE),
        target(host_gib=64),
    ).allocations[-1]
    assert host.total_bytes - least.total_bytes == (COPIED_BYTES if copied else 0)
    must_be_there = COPIED_BYTES if copied and not may_drop else 0
    assert host.needed_bytes - least.needed_bytes == must_be_there
    assert host.low_bytes - least.low_bytes == must_be_there


def test_locked_pages_and_their_copies_may_be_too_much(subject, target):
    """2.3 GiB of weights, 0.6 of cache and 0.3 of scratch fit 4 GiB; not with 1.6 of copies."""
    verdicts = [
        estimate(
            subject(QWEN, QUANT),
            Workload(context_tokens=4096, load_mode=mode),
            target(host_gib=4),
        ).fit.verdict
        for mode in (LoadMode.MMAP, LoadMode.MMAP_MLOCK)
    ]
    assert verdicts[0] is not Verdict.NO
    assert verdicts[1] is Verdict.NO


def test_the_explanation_says_what_may_be_dropped(subject, target):
    def said(mode):
        asked = Workload(context_tokens=4096, load_mode=mode)
        found = estimate(subject(QWEN, QUANT), asked, target(host_gib=64))
        return next(one.arithmetic for one in memory_terms(found) if one.name == "overhead_bytes")

    copied = f"{COPIED_BYTES:,} B of weights rearranged for the CPU"
    assert f"{copied}, whose first copies the kernel may drop" in said(LoadMode.MMAP)
    assert f"{copied}, beside the locked ones" in said(LoadMode.MMAP_MLOCK)
    assert "rearranged" not in said(LoadMode.NONE)


def test_a_host_beside_a_gpu_holds_none(subject, gpu, target):
    found = estimate(subject(QWEN, QUANT), Workload(gpu_layers=10), target(gpu(24), host_gib=64))
    assert found.allocations[-1].repack_bytes == 0
