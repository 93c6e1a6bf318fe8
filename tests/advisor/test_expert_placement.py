"""Experts on the host and layers split as asked, beside what llama.cpp reserves for the same."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from advisor.estimate.copies import expert_peak_bytes
from advisor.estimate.estimator import costs_of, estimate
from advisor.estimate.memory import gpu_allocation, host_allocation
from advisor.estimate.placement import place
from advisor.workload import Workload

MIB = 1 << 20
LLAMA = "llama-3.1-8b-instruct"
MIXTURE = "qwen3-30b-a3b"
FILE = Path(__file__).parents[1] / "measured" / "llama_cpp_placement.csv"


def rows():
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def label(row):
    asked = f"{row['gpu_layers']} layers, {row['n_cpu_moe']} bare, split {row['tensor_split']}"
    return f"{row['model']}: {asked}: {row['place']}"


@pytest.fixture(scope="session")
def predicted(subject, resolved, gpu):
    """What the program says for a row: weights, cache, scratch with copies."""

    def find(row):
        costs = costs_of(subject(row["model"]), resolved(context_tokens=8192))
        split = [float(one) for one in row["tensor_split"].split()]
        placement = place(
            block_count=costs.weights.block_count,
            gpu_layers=int(row["gpu_layers"]),
            weights=[1.0] * len(split),
            split=split,
            n_cpu_moe=int(row["n_cpu_moe"]),
        )
        if row["place"] == "host":
            one = host_allocation(costs, placement, available=None, capacity=None)
            scratch = one.compute_bytes
        else:
            number = int(row["place"])
            one = gpu_allocation(costs, placement, number, gpu())
            plain = costs.context.gpu_compute_bytes(placement, number)
            scratch = plain + costs.copied_bytes(placement, number)
        return one.weights_bytes, one.kv_cache_bytes, scratch

    return find


@pytest.mark.parametrize("row", rows(), ids=label)
def test_weights_and_cache_are_where_llama_cpp_puts_them(row, predicted):
    """To the byte, but for the padding of small tensors: at most 1 KiB a layer."""
    weights, cache, _ = predicted(row)
    assert weights == pytest.approx(int(row["weights_bytes"]), abs=64 * 1024)
    assert cache == int(row["cache_bytes"])


COPYING = [row for row in rows() if row["place"] == "0" and row["model"] != LLAMA]


@pytest.mark.parametrize("row", COPYING, ids=label)
def test_the_first_gpu_copies_experts_over(row, predicted):
    """Its scratch within 7 %: where the next copy lies often hangs on a few bytes."""
    _, _, scratch = predicted(row)
    assert scratch == pytest.approx(int(row["scratch_bytes"]), rel=0.07)


def test_the_host_of_experts_alone_has_no_more_than_inputs(predicted):
    """GPUs compute its large batches, and one token needs next to nothing."""
    for row in rows():
        if row["place"] == "host" and row["gpu_layers"] == "99":
            assert predicted(row)[2] == pytest.approx(int(row["scratch_bytes"]), rel=0.01)


def test_a_dense_model_has_no_experts_to_copy(subject, resolved):
    costs = costs_of(subject(LLAMA), resolved(context_tokens=8192))
    assert expert_peak_bytes(costs.weights, costs.context) == 0


def test_what_a_copy_takes(subject, resolved):
    """Qwen3 30B-A3B: 157.5 MiB of down projections in Q6_K, for 8 experts of 768 to 2,048.

    157.5 + 512 × 4 B × (8 × 2816 + 3 × 2048) = 157.5 + 44 + 12, and 8.01 of masks and indices.
    """
    costs = costs_of(subject(MIXTURE), resolved(context_tokens=8192))
    assert expert_peak_bytes(costs.weights, costs.context) / MIB == pytest.approx(221.5, abs=0.1)


def test_experts_on_the_host_are_read_there(subject, gpu, target):
    """Of a token's 8 of 128 experts in 48 layers, 12 layers' are a quarter of the bytes."""
    machine = target(gpu(40), host_gib=64)
    whole, some, none = (
        estimate(subject(MIXTURE), Workload(n_cpu_moe=count, offload_all=True), machine)
        for count in (0, 12, 48)
    )
    read = {
        name: {term.name: term for term in one.decode.speed.terms if term.name != "weights"}
        for name, one in (("whole", whole), ("some", some), ("none", none))
    }
    assert "hand-over" not in read["whole"]
    assert read["some"]["hand-over"].arithmetic.startswith("12 × ")
    assert read["none"]["hand-over"].arithmetic.startswith("48 × ")
    speeds = [one.decode.speed.tokens_per_s for one in (whole, some, none)]
    assert speeds == sorted(speeds, reverse=True)


def test_bytes_read_are_the_same_wherever_experts_are(subject, gpu, target):
    """Every weight that a token reads is read once, by the GPU or by the host."""
    machine = target(gpu(40), host_gib=64)

    def bytes_read(count):
        asked = Workload(n_cpu_moe=count, offload_all=True)
        terms = estimate(subject(MIXTURE), asked, machine).decode.speed.terms
        weights = [term.arithmetic for term in terms if term.name == "weights"]
        return sum(int(text.partition(" B")[0].replace(",", "")) for text in weights)

    assert bytes_read(0) == pytest.approx(bytes_read(12), abs=200)
    assert bytes_read(0) == pytest.approx(bytes_read(48), abs=200)


def test_a_prompt_is_not_timed_where_experts_are_on_the_host(subject, gpu, target):
    asked = Workload(n_cpu_moe=12, offload_all=True)
    assert estimate(subject(MIXTURE), asked, target(gpu(40), host_gib=64)).prefill is None
