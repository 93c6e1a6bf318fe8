"""Mixes that a publisher chose tensor by tensor."""

from __future__ import annotations

import importlib.util
from itertools import product
from pathlib import Path

import pytest

from catalog.load import csv_rows
from catalog.mixes import Kind, has_whole_blocks, kind_of, mix_of, mixed_labels
from catalog.names import find_model
from catalog.published import load_published
from catalog.quants import find_quant
from catalog.row_types import type_for_row
from catalog.tables import tensor_table
from catalog.variants import recipe_size

ROOT = Path(__file__).parents[2]


def test_the_file_holds_what_the_tool_makes_of_the_published_sizes():
    spec = importlib.util.spec_from_file_location("build_mixes", ROOT / "tools" / "build_mixes.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.TARGET.read_text(encoding="utf-8") == tool.mixes_text()


def test_a_ratio_is_the_published_size_over_the_recipes():
    """unsloth/Qwen3-32B-GGUF: UD-Q4_K_XL measures 20,021,713,568, Q4_K_M 19,762,150,048."""
    rows = csv_rows("mixes.csv")
    row = next(r for r in rows if (r["label"], r["model"]) == ("UD-Q4_K_XL", "qwen3-32b"))
    assert float(row["ratio"]) == pytest.approx(20_021_713_568 / 19_762_150_048, abs=1e-4)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("llama-3.1-8b-instruct", Kind.DENSE),
        ("qwen3.6-27b", Kind.HYBRID),
        ("qwen3.6-35b-a3b", Kind.MIXTURE),
        ("glm-4.7-flash", Kind.LATENT),
    ],
)
def test_mixes_of_one_kind_of_model_are_compared(model, kind):
    assert kind_of(find_model(model)) is kind


def test_the_nearest_files_decide_and_the_bounds_lie_beyond_them():
    """UD-Q4_K_XL of mixtures before 2026: 0.9442, 0.9548 and 0.9495; 0.03 / sqrt(3) beyond."""
    rows = [row for row in csv_rows("mixes.csv") if row["label"] == "UD-Q4_K_XL"]
    wanted = {"qwen3-235b-a22b", "qwen3-30b-a3b", "qwen3-next-80b-a3b-instruct"}
    ratios = sorted(float(row["ratio"]) for row in rows if row["model"] in wanted)
    mix = mix_of("unsloth", "UD-Q4_K_XL", find_model("qwen3-coder-30b-a3b-instruct"), spread=0.03)
    assert (mix.ratio, mix.files, mix.is_same_kind) == (ratios[1], 3, True)
    assert mix.low == pytest.approx(ratios[0] - 0.03 / 3**0.5)
    assert mix.high == pytest.approx(ratios[2] + 0.03 / 3**0.5)


def test_files_of_other_kinds_bound_it_further_away():
    """No hybrid of bartowski's is known in IQ1_M: a dense model and a mixture are."""
    mix = mix_of("bartowski", "IQ1_M", find_model("qwen3.6-27b"), spread=0.03)
    assert (mix.files, mix.is_same_kind) == (2, False)
    assert mix.high - mix.low == pytest.approx(1.3064 - 1.0295 + 2 * 5 * 0.03 / 2**0.5, abs=1e-3)


def test_a_model_can_be_left_out_to_judge_the_rest_by_it():
    model = find_model("qwen3-32b")
    all_files = mix_of("unsloth", "UD-Q4_K_XL", model, spread=0.05)
    others = mix_of("unsloth", "UD-Q4_K_XL", model, spread=0.05, without="qwen3-32b")
    assert others.files == all_files.files - 1


def test_nothing_is_said_where_no_file_tells():
    model = find_model("qwen3-32b")
    assert mix_of("unsloth", "UD-Q7_K_XL", model, spread=0.05) is None
    assert mix_of("somebody", "UD-Q4_K_XL", model, spread=0.05) is None


def test_rows_that_are_no_whole_blocks_get_other_types_and_no_estimate():
    short = find_model("gemma-3-270m-it")
    assert short.hyperparameters.embedding_length == 640
    assert not has_whole_blocks(short)
    assert mix_of("unsloth", "UD-Q4_K_XL", short, spread=0.05) is None


def test_the_labels_of_a_publisher_are_those_of_its_files():
    assert "UD-Q4_K_XL" in mixed_labels("unsloth")
    assert {label for label in mixed_labels("bartowski") if label.startswith("UD-")} == set()


def test_no_type_per_kind_of_tensor_explains_a_mix():
    """bartowski's Gemma 4 E4B in Q4_K_M: 69,882,784 bytes more than the recipe's.

    If each kind of tensor had one type in all layers, or the recipe's, some choice would give
    these bytes but for the header (20 kB).
    """
    model, quant = find_model("gemma-4-e4b-it"), find_quant("Q4_K_M")
    table = tensor_table(model, quant, has_imatrix=True)
    kinds = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_down", "inp_gate", "proj")
    choices = [
        [0, *(_change(table, f"{kind}.weight", name) for name in ("q5_K", "q6_K", "q8_0"))]
        for kind in kinds
    ]
    choices.append([0, _change(table, "token_embd.weight", "q8_0")])
    wanted = 5_405_168_384 - recipe_size(model, "Q4_K_M", "bartowski/g-GGUF").bytes
    nearest = min(abs(sum(changes) - wanted) for changes in product(*choices))
    assert nearest > 20_000


def _change(table, name, type_name):
    groups = [group for group in table.groups if group.name == name]
    return sum(
        type_for_row(type_name, group.shape[0]).bytes_for(group.elements) - group.bytes
        for group in groups
    )


def test_every_mixed_file_is_one_that_was_published():
    published = {(file.quant_label, file.model_name) for file in load_published()}
    assert {(row["label"], row["model"]) for row in csv_rows("mixes.csv")} <= published
