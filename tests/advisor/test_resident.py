"""What a CPU without a GPU holds besides: rearranged second copies of weights."""

from __future__ import annotations

import pytest

from advisor.estimate.estimator import estimate
from advisor.estimate.resident import repacked_bytes
from advisor.figure import Origin
from advisor.workload import Runtime, Workload

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


def test_a_host_beside_a_gpu_holds_none(subject, gpu, target):
    found = estimate(subject(QWEN, QUANT), Workload(gpu_layers=10), target(gpu(24), host_gib=64))
    assert found.allocations[-1].repack_bytes == 0
