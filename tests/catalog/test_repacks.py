"""Which weights a CPU keeps twice, beside what llama.cpp's own loader puts in `CPU_REPACK`."""

from __future__ import annotations

import pytest

from catalog.load import csv_rows
from catalog.names import find_model
from catalog.quants import find_quant, ggml_type
from catalog.repacks import PROCESSORS, repacked_bytes
from catalog.tables import tensor_table
from catalog.tensors import Role


def table(model, quant):
    return tensor_table(find_model(model), find_quant(quant))


@pytest.mark.parametrize(
    ("model", "quant", "expected_bytes"),
    [
        pytest.param("qwen3-4b", "Q4_K_M", 1_765_048_320, id="Q4_K of a mix with Q6_K"),
        pytest.param("qwen3-4b", "Q4_0", 2_043_740_160, id="all of the blocks in Q4_0"),
        pytest.param("qwen3-4b", "Q2_K", 53_084_160, id="of Q2_K only what is Q4_K"),
        pytest.param("qwen3-4b", "IQ4_NL", 1_934_622_720, id="IQ4_NL"),
        pytest.param("qwen3-30b-a3b", "Q4_K_M", 14_084_997_120, id="stacked experts too"),
        pytest.param(
            "deepseek-v2-lite-chat", "Q4_K_M", 5_814_558_720, id="not the heads of a latent cache"
        ),
        pytest.param("llama-3.2-1b-instruct", "IQ4_NL", 519_045_120, id="a tied head in Q6_K: no"),
        pytest.param(
            "deepseek-v4-flash-0731", "Q4_K_S", 152_439_717_888, id="not the positions in a pool"
        ),
    ],
)
def test_what_llama_cpp_repacks_with_avx2(model, quant, expected_bytes):
    """The library of llama-cpp-python 0.3.36 says so of files with these very tensors."""
    assert repacked_bytes(table(model, quant), "avx2") == expected_bytes


def test_avx512_adds_q2_k():
    found = table("qwen3-4b", "Q2_K")
    q2_k = sum(
        group.bytes
        for group in found.groups
        if group.type.name == "q2_K" and group.role is not Role.TOKEN_EMBEDDING
    )
    added = repacked_bytes(found, "avx512") - repacked_bytes(found, "avx2")
    assert added == q2_k > 0


def test_arm_rearranges_a_tied_head_too():
    """Llama 3.2 1B in Q8_0: its 128,256 x 2,048 embedding is the head, 34 bytes for 32 weights."""
    found = table("llama-3.2-1b-instruct", "Q8_0")
    blocks = sum(g.bytes for g in found.groups if g.layers is not None and len(g.shape) == 2)
    assert repacked_bytes(found, "arm") == blocks + 128_256 * 2048 // 32 * 34
    assert repacked_bytes(found, "avx2") == 0


def test_full_precision_is_never_rearranged():
    found = table("qwen3-4b", "BF16")
    assert [repacked_bytes(found, processor) for processor in PROCESSORS] == [0, 0, 0]


def test_every_row_names_a_type_and_a_processor():
    rows = list(csv_rows("repacks.csv"))
    assert {row["processor"] for row in rows} == set(PROCESSORS)
    for row in rows:
        assert ggml_type(row["type"]).name == row["type"]
        assert int(row["rows"]) in {4, 8}
