"""The arithmetic behind a placement's memory: each line's numbers make its sum."""

from __future__ import annotations

import re

import pytest

from advisor.estimate.estimator import estimate
from advisor.estimate.explain_memory import memory_terms
from advisor.workload import Runtime, Workload


@pytest.fixture(scope="session")
def terms(subject, gpu, target):
    """`terms(model, gib, **asked)`: the text behind each quantity, by device and name."""

    def find(model, gib, **asked):
        cards = [gpu(size) for size in gib]
        found = estimate(subject(model), Workload(**asked), target(*cards, host_gib=64))
        return {(one.device, one.name): one for one in memory_terms(found)}

    return find


def test_a_cache_is_layers_cells_and_rows(terms):
    """32 layers, 8 heads of 128 for K and for V, in two bytes each: 1 GiB at 8,192 tokens."""
    line = terms("llama-3.1-8b-instruct", [24])["a card", "kv_cache_bytes"]
    assert line.arithmetic == "32 full layers × 8,192 cells × (1,024 + 1,024) × 2 B"
    assert line.size_bytes == 1 << 30


def test_each_kind_of_layer_has_its_own_cells(terms):
    """Gemma 3 12B: 1,024 tokens of window for each of four slots, and a micro-batch of 512."""
    line = terms("gemma-3-12b-it", [24])["a card", "kv_cache_bytes"]
    assert line.arithmetic == (
        "8 full layers × 8,192 cells × (2,048 + 2,048) × 2 B"
        " + 40 sliding layers × 4,608 cells × (2,048 + 2,048) × 2 B"
    )


def test_a_quantized_row_is_told_in_bytes(terms):
    """1,024 elements in blocks of 32 with 34 bytes are 1,088."""
    asked = {"kv_type_k": "q8_0", "kv_type_v": "f16"}
    line = terms("llama-3.1-8b-instruct", [24], **asked)["a card", "kv_cache_bytes"]
    assert "× 3,136 B (1,024 in q8_0 + 1,024 in f16)" in line.arithmetic


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        pytest.param(
            Runtime.LLAMA_SERVER,
            "the most that the graph of 512 tokens holds at once, placed as ggml does it",
            id="capped logits: a drawn graph has no closed form, and none is made up",
        ),
        pytest.param(
            Runtime.LLAMA_BENCH,
            "the logits: 512 × (128,256 + 4,096) × 4 B",
            id="a row of logits for each token",
        ),
    ],
)
def test_the_peak_that_decided_is_named(runtime, said, terms):
    line = terms("llama-3.1-8b-instruct", [24], runtime=runtime)["a card", "compute_bytes"]
    assert line.arithmetic.startswith(said)


@pytest.mark.parametrize(
    ("model", "gib"),
    [("qwen3-30b-a3b", [8]), ("qwen3-30b-a3b", [2.5]), ("llama-3.1-8b-instruct", [4, 4])],
)
def test_weights_are_told_with_what_is_elsewhere(model, gib, terms):
    """Added and subtracted as the line says."""
    for line in terms(model, gib).values():
        if line.name == "weights_bytes":
            signs = re.findall(r"(?:^|([+-]) )([\d,]+) B of", line.arithmetic)
            sizes = [
                int(size.replace(",", "")) * (-1 if sign == "-" else 1) for sign, size in signs
            ]
            assert sum(sizes) == line.size_bytes
