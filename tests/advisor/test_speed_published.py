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


SCOREBOARDS = {
    "RTX 4090": ("nvidia-ada/cuda", 1008.4e9, 186.2),
    "RTX 4080 SUPER": ("nvidia-ada/cuda", 736.3e9, 148.3),
    "RTX 5090": ("nvidia-blackwell/cuda", 1792e9, 290.0),
    "DGX Spark": ("nvidia-gb10/cuda", 273e9, 57.2),
    "V100": ("nvidia-volta/cuda", 897e9, 129.1),
    "RX 7900 XTX": ("amd-rdna3/vulkan", 960e9, 172.9),
    "Strix Halo": ("amd-apu/vulkan", 256e9, 52.7),
}
"""Class, peak bandwidth and measured tokens/s of Llama 2 7B in Q4_0, by llama.cpp's scoreboards
(ggml-org/llama.cpp#15013 for CUDA, #10879 for Vulkan)."""


def scoreboard_speed(speed_class, bandwidth):
    return decode_speed(
        [
            DecodePart(
                speed_class=speed_class,
                bandwidth_bytes_per_s=bandwidth,
                cache_bytes=64 * 524_288,
                attention_flops=64 * 524_288,
                **LLAMA_2_7B_Q4_0,
            )
        ],
        runtime=Runtime.LLAMA_BENCH,
    )


@pytest.mark.parametrize("card", SCOREBOARDS)
def test_a_scoreboard_run_is_within_a_sixth(card):
    speed_class, bandwidth, measured = SCOREBOARDS[card]
    found = scoreboard_speed(speed_class, bandwidth).tokens_per_s
    assert found == pytest.approx(measured, rel=1 / 6)


def test_four_of_five_scoreboard_runs_are_inside_the_interval():
    inside = [
        found.low <= measured <= found.high
        for speed_class, bandwidth, measured in SCOREBOARDS.values()
        for found in [scoreboard_speed(speed_class, bandwidth)]
    ]
    assert sum(inside) >= 0.8 * len(inside)


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
