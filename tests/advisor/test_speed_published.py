"""The speed model against published runs."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import median

import pytest

from advisor.estimate.speed import DecodePart, decode_speed
from advisor.workload import Runtime

MEASURED = Path(__file__).parents[1] / "measured"

LLAMA_2_7B_Q4_0 = {"layers": 32, "weight_bytes": 3_744_000_000, "kernel": "q4_0"}
"""Tensors of the file (3.56 GiB) less its token embedding (32,000 × 4,096 in q4_0)."""


@pytest.mark.parametrize(
    ("name", "bandwidth", "flops", "measured"),
    [
        pytest.param("nvidia-ada/cuda", 1008.4e9, None, 186.2, id="RTX 4090, llama.cpp 15013"),
        pytest.param("nvidia-ada/cuda", 736.3e9, None, 148.3, id="RTX 4080 SUPER, llama.cpp 15013"),
        pytest.param("nvidia-blackwell/cuda", 1792e9, None, 290.0, id="RTX 5090, llama.cpp 15013"),
        pytest.param("nvidia-gb10/cuda", 273e9, None, 57.2, id="DGX Spark, llama.cpp 15013"),
        pytest.param("nvidia-volta/cuda", 897e9, None, 129.1, id="V100, llama.cpp 15013"),
        pytest.param("amd-rdna3/vulkan", 960e9, None, 172.9, id="RX 7900 XTX, Vulkan"),
        pytest.param("amd-apu/vulkan", 256e9, None, 52.7, id="Strix Halo, Vulkan"),
    ],
)
def test_a_published_run_is_inside_the_interval(name, bandwidth, flops, measured):
    found = decode_speed(
        [
            DecodePart(
                speed_class=name,
                bandwidth_bytes_per_s=bandwidth,
                fp16_flops_per_s=flops,
                cache_bytes=64 * 524_288,
                **LLAMA_2_7B_Q4_0,
            )
        ],
        runtime=Runtime.LLAMA_BENCH,
    )
    assert found.low <= measured <= found.high


def errors_left_out():
    """The cells of one GPU under llama.cpp or Ollama, with their device left out of the fit."""
    with (MEASURED / "speed_errors.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return [
            row
            for row in rows
            if row["test"] == "decode"
            and row["units"] == "1"
            and row["runtime"] != "llamafile"
            and row["speed_class"] != "cpu"
        ]


def off(row, column):
    return abs(float(row[column]) / float(row["tokens_per_s"]) - 1)


def test_the_model_is_three_times_nearer_than_the_rule_of_thumb():
    rows = errors_left_out()
    model = median(off(row, "predicted_tokens_per_s") for row in rows)
    thumb = median(off(row, "rule_of_thumb_tokens_per_s") for row in rows)
    assert model < 0.08
    assert thumb > 3 * model


@pytest.mark.parametrize(
    ("wanted", "limit"),
    [
        pytest.param(lambda row: row["is_moe"] == "yes", 0.12, id="mixtures of experts"),
        pytest.param(lambda row: int(row["depth_tokens"]) >= 2048, 0.15, id="deep in the context"),
    ],
)
def test_the_hard_cases_stay_within_their_limits(wanted, limit):
    assert median(off(r, "predicted_tokens_per_s") for r in errors_left_out() if wanted(r)) <= limit
