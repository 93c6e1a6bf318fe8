"""Prefill: hand-worked arithmetic of the speed model."""

from __future__ import annotations

import dataclasses

import pytest

from advisor.estimate.classes import CPU_CLASS
from advisor.estimate.prefill import PrefillPart, prefill_speed, touched_share
from advisor.workload import Runtime


def prompt_part(**changes):
    """1e9 weights at work in 1 GB, on 10 TFLOP/s (of which half is reached) and 1,000 GB/s."""
    usual = PrefillPart(
        speed_class="round/cuda",
        bandwidth_bytes_per_s=1000e9,
        fp16_flops_per_s=10e12,
        active_weights=10**9,
        weight_bytes=10**9,
        kernel="q4_K",
    )
    return dataclasses.replace(usual, **changes)


@pytest.mark.usefixtures("round_constants")
@pytest.mark.parametrize(
    ("changes", "tokens", "expected_ms"),
    [
        # 2 × 1e9 × 500 / 5e12 = 200 ms; one batch reads 1 GB / (0.8 × 1,000 GB/s) = 1.25 ms.
        pytest.param({}, 500, 201.25, id="products and one read of the weights"),
        pytest.param({}, 1000, 402.5, id="two batches read the weights twice"),
        # 20 layers × 0.1 ms, once or twice.
        pytest.param({"layers": 20}, 500, 203.25, id="a batch costs each layer something"),
        pytest.param({"layers": 20}, 1000, 406.5, id="two batches twice that"),
        pytest.param({"is_half_rate": True}, 500, 101.25, id="halved FP16 understates INT8"),
        pytest.param({"kernel": "f16"}, 500, 161.25, id="plain weights need no unpacking"),
        # 4 × 4,000 × 500 × 250 / 5e12 = 0.4 ms.
        pytest.param({"attention_width": 4000}, 500, 201.65, id="attention sees half the prompt"),
        pytest.param(
            {"attention_width": 4000, "flash_attention": False},
            500,
            202.85,
            id="without flash attention it takes four times that",
        ),
        # All experts are touched by 500 tokens (0.5 ** 500 is nothing), as if dense, but × 1.5.
        pytest.param(
            {"expert_bytes_share": 0.9, "experts_used_share": 0.5},
            500,
            301.25,
            id="a mixture multiplies less well",
        ),
    ],
)
def test_prefill(changes, tokens, expected_ms):
    found = prefill_speed([prompt_part(**changes)], prompt_tokens=tokens, runtime="llama-server")
    assert 1000 * tokens / found.tokens_per_s == pytest.approx(expected_ms)
    assert sum(term.seconds for term in found.terms) == pytest.approx(expected_ms / 1000)
    assert (found.low, found.high) == pytest.approx(
        (found.tokens_per_s / 2, found.tokens_per_s * 2)
    )


@pytest.mark.usefixtures("round_constants")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, "compute", id="a usual model by arithmetic"),
        pytest.param({"layers": 4000}, "overhead", id="a deep and narrow one by launches"),
        # 400 GB / (0.8 × 1,000 GB/s) = 500 ms.
        pytest.param({"weight_bytes": 400 * 10**9}, "bandwidth", id="a large one by its reads"),
    ],
)
def test_a_prompt_says_what_bounds_it(changes, expected):
    found = prefill_speed([prompt_part(**changes)], prompt_tokens=500, runtime="llama-server")
    assert found.bound_by == expected


@pytest.mark.usefixtures("round_constants")
def test_a_prompt_after_a_long_context_attends_to_all_of_it():
    # 4 × 4,000 × 500 × (9,750 + 250) / 5e12 = 16 ms.
    found = prefill_speed(
        [prompt_part(attention_width=4000)],
        prompt_tokens=500,
        depth_tokens=9750,
        runtime="llama-server",
    )
    assert 500_000 / found.tokens_per_s == pytest.approx(201.25 + 16)


@pytest.mark.parametrize(
    "unknown",
    [
        pytest.param(prompt_part(fp16_flops_per_s=None), id="no FP16 rate"),
        pytest.param(prompt_part(speed_class=CPU_CLASS), id="a host"),
    ],
)
def test_prefill_is_not_guessed(unknown):
    assert (
        prefill_speed([prompt_part(), unknown], prompt_tokens=512, runtime=Runtime.OLLAMA) is None
    )


def test_an_empty_prompt_has_no_speed():
    with pytest.raises(ValueError, match="a device and a prompt"):
        prefill_speed([prompt_part()], prompt_tokens=0, runtime=Runtime.OLLAMA)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        # Half the weights are experts, one of four is used: 0.5 + 0.5 × (1 - 0.75 ** n).
        pytest.param(1, 0.625, id="one token reads its own experts"),
        pytest.param(2, 0.71875, id="two read more"),
        pytest.param(512, 1.0, id="a batch reads nearly all"),
    ],
)
def test_touched_share(tokens, expected):
    assert touched_share(expert_share=0.5, used_share=0.25, tokens=tokens) == pytest.approx(
        expected
    )
