"""What file types cost, against what was measured."""

from __future__ import annotations

import csv
import importlib.util
import math

import pytest

from catalog.errors import UnknownNameError
from catalog.load import FOLDER, csv_rows
from catalog.names import find_model
from catalog.quality import quality_loss, quality_of
from catalog.quants import find_quant, load_quants

LLAMA_3_8B = 8_030_261_248
SIZES = [int(billions * 1e9) for billions in (0.3, 1, 4, 8, 32, 120, 400)]

LADDERS = [
    ["Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K"],
    ["Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"],
    ["IQ4_NL", "IQ4_XS", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "IQ2_M", "IQ2_S", "IQ2_XS"],
    ["IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"],
]


def measured(metric):
    return [row for row in csv_rows("quality.csv") if row["metric"] == metric]


def tool():
    path = FOLDER.parent / "tools" / "build_quality.py"
    spec = importlib.util.spec_from_file_location("build_quality", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_figure_names_one_of_the_sources():
    figures = list(csv_rows("quality.csv"))
    known = {
        row["id"]
        for row in csv.DictReader(
            line
            for line in (FOLDER / "quality_sources.csv").read_text(encoding="utf-8").splitlines()
            if not line.startswith("#")
        )
    }
    assert len(figures) == 1035
    assert {row["source"] for row in figures} == known


@pytest.mark.parametrize("name", ["quality_curve.csv", "quality_scale.csv"])
def test_the_model_is_what_the_tool_makes_of_the_figures(name, tmp_path):
    build = tool()
    for source in ("quality.csv", "quality_models.csv"):
        (tmp_path / source).write_bytes((FOLDER / source).read_bytes())
    build.CATALOG = tmp_path
    build.main()
    assert (tmp_path / name).read_text(encoding="utf-8") == (FOLDER / name).read_text(
        encoding="utf-8"
    )


def test_the_loss_of_a_type_at_the_references_size_is_the_curve_times_the_level():
    """Q6_K: 0.005452 nats on Llama 3 8B, and e^-0.6368 = 0.5290 of it on a middling family."""
    assert quality_loss("Q6_K", LLAMA_3_8B).kld_mean == pytest.approx(0.005452 * 0.5290, rel=1e-3)


def test_a_model_a_tenth_the_size_loses_more_by_the_slope():
    """Q4_K_M at 8B: ln(0.02967 x 0.5290) = -4.154; slope 0.5919 - 0.0494 x 4.154 = 0.3867."""
    eight = quality_loss("Q4_K_M", LLAMA_3_8B).kld_mean
    tenth = quality_loss("Q4_K_M", LLAMA_3_8B // 10).kld_mean
    assert tenth / eight == pytest.approx(10**0.3867, rel=1e-3)


@pytest.mark.parametrize("params", SIZES)
@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: f"{ladder[0]} to {ladder[-1]}")
def test_more_bits_of_one_family_never_lose_more(ladder, params):
    losses = [quality_loss(name, params).kld_mean for name in ladder]
    assert losses == sorted(losses)


@pytest.mark.parametrize("quant", [q.name for q in load_quants() if q.name not in {"F32", "BF16"}])
def test_larger_models_never_lose_more(quant):
    losses = [quality_loss(quant, params).kld_mean for params in SIZES]
    if None in losses:
        assert losses == [None] * len(SIZES)
    else:
        assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("quant", [quant.name for quant in load_quants()])
def test_the_estimate_lies_within_its_bounds(quant):
    for params in SIZES:
        loss = quality_loss(quant, params)
        if loss.kld_mean is not None:
            assert loss.low <= loss.kld_mean <= loss.high


def test_four_of_five_measured_files_lie_within_the_interval():
    """Whole files of six families; Q6_K files hold one type, so one-type rows count for it."""
    sizes = {row["model"]: float(row["params_active"]) for row in csv_rows("quality_models.csv")}
    noisy = {"GLM-4.5-Air", "GLM-4.7-Flash"}
    files = [
        (row["quant"].removeprefix("bartowski "), row["model"], float(row["value"]))
        for row in measured("kld_mean")
        if row["model"] in sizes and " " not in row["quant"].removeprefix("bartowski ")
    ] + [
        ("Q6_K", row["model"], float(row["value"]))
        for row in measured("kld_mean_all_tensors_one_type")
        if row["quant"] == "Q6_K" and row["model"] not in noisy
    ]
    held = 0
    for quant, model, value in files:
        loss = quality_loss(quant, int(sizes[model]))
        held += loss.low <= value <= loss.high
    assert len(files) == 54
    assert held / len(files) >= 0.8


@pytest.mark.parametrize(
    ("quant", "params", "label"),
    [
        pytest.param("Q6_K", 8e9, "indistinguishable", id="Q6_K is never told from the original"),
        pytest.param("Q4_K_M", 8e9, "slight", id="Q4_K_M of 8B costs under a point of MMLU"),
        pytest.param("Q4_K_M", 70e9, "indistinguishable", id="of 70B nothing that shows"),
        pytest.param("Q4_K_M", 0.6e9, "noticeable", id="of 0.6B two points or more"),
        pytest.param("Q3_K_M", 8e9, "noticeable", id="three bits show at 8B"),
        pytest.param("Q2_K", 8e9, "clear", id="two bits clearly"),
        pytest.param("IQ1_S", 8e9, "severe", id="one bit ruins it"),
    ],
)
def test_losses_have_names(quant, params, label):
    assert quality_loss(quant, int(params)).label == label


def test_each_band_begins_where_the_one_before_ends_and_says_why():
    bands = list(csv_rows("quality_bands.csv"))
    steps = [float(row["kld_below"]) for row in bands[:-1]]
    assert [row["band"] for row in bands] == ["0", "1", "2", "3", "4"]
    assert steps == sorted(steps)
    assert bands[-1]["kld_below"] == ""
    assert all("MMLU" in row["reason"] for row in bands)


def test_the_bands_part_the_file_types_as_their_mmlu_does():
    """MMLU of Llama 3 8B Instruct: 65.2 unquantized, with a standard error of 0.4."""
    scores = {
        row["quant"]: float(row["value"])
        for row in measured("mmlu_pct")
        if row["model"] == "Llama-3-8B-Instruct"
    }
    curve = {row["quant"]: float(row["kld_reference"]) for row in csv_rows("quality_curve.csv")}
    steps = [float(row["kld_below"] or math.inf) for row in csv_rows("quality_bands.csv")]
    at_most = [0.4, 1.0, 3.1, 9.4, 100]
    for quant in set(scores) & set(curve):
        band = next(place for place, step in enumerate(steps) if curve[quant] < step)
        lost = scores["FP16"] - scores[quant]
        assert lost <= at_most[band], quant


def test_the_makers_own_precision_loses_nothing():
    loss = quality_loss("BF16", LLAMA_3_8B)
    assert (loss.kld_mean, loss.low, loss.high) == (0.0, 0.0, 0.000551)
    assert loss.label == "indistinguishable"


def test_perplexity_is_stated_near_the_size_it_was_measured_at():
    """6.407 against 6.232 without a matrix (2.82 %), 6.383 with one (2.43 %): 2.61 % between."""
    assert quality_loss("Q4_K_M", LLAMA_3_8B).ppl_increase == pytest.approx(0.0261, abs=1e-4)
    assert quality_loss("Q4_K_M", 2 * LLAMA_3_8B).ppl_increase is not None
    assert quality_loss("Q4_K_M", 3 * LLAMA_3_8B).ppl_increase is None


@pytest.mark.parametrize(
    ("label", "worse", "better"),
    [
        ("UD-Q4_K_XL", "IQ4_NL", "Q5_K_S"),
        ("Q4_K_L", "IQ4_NL", "Q5_K_S"),
        ("Q3_K_XL", "Q3_K_M", "IQ4_XS"),
        ("UD-IQ2_M", "IQ2_S", "IQ3_XXS"),
        ("UD-Q8_K_XL", "Q6_K", "F16"),
    ],
)
def test_a_publishers_own_recipe_has_only_the_bounds_of_its_neighbours(label, worse, better):
    loss = quality_loss(label, LLAMA_3_8B)
    assert loss.kld_mean is None
    assert loss.low == quality_loss(better, LLAMA_3_8B).low
    assert loss.high == quality_loss(worse, LLAMA_3_8B).high
    assert loss.label == quality_loss(worse, LLAMA_3_8B).label
    assert loss.basis == (
        f"no comparable measurement of {label}; by its bits it lies between {worse} and {better}"
    )


@pytest.mark.parametrize("quant", ["TQ1_0", "TQ2_0", "Q1_0", "Q2_0", "MXFP4_MOE", "UD-TQ1_0"])
def test_what_was_never_measured_is_unknown_and_says_so(quant):
    loss = quality_loss(quant, LLAMA_3_8B)
    assert (loss.kld_mean, loss.low, loss.high) == (None, None, None)
    assert loss.label == "unknown"
    assert loss.basis.startswith(f"no comparable measurement of {quant}")


def test_a_name_that_means_nothing_is_refused():
    with pytest.raises(UnknownNameError):
        quality_loss("Q4_K_XYZ", LLAMA_3_8B)


def test_experts_that_their_maker_quantized_lose_nothing_more():
    model = find_model("gpt-oss-20b")
    loss = quality_of(model, find_quant("MXFP4_MOE"))
    rest = quality_loss("Q8_0", model.params_active)
    assert (loss.kld_mean, loss.low, loss.high) == (None, 0.0, rest.high)
    assert loss.label == rest.label
    assert loss.basis.startswith("the experts stay as their maker published them")


def test_a_mixture_of_experts_is_judged_by_its_active_weights():
    model = find_model("qwen3-30b-a3b")
    assert quality_of(model, find_quant("Q4_K_M")) == quality_loss("Q4_K_M", model.params_active)


@pytest.mark.parametrize(
    ("params", "basis"),
    [
        pytest.param(
            LLAMA_3_8B,
            "Q4_K_M files of Llama 2, Llama 3 and Qwen3 30B-A3B were measured; "
            "the interval spans families, which differ by a factor of four",
            id="at the measured size",
        ),
        pytest.param(
            3_212_749_824,
            "Q4_K_M files of Llama 2, Llama 3 and Qwen3 30B-A3B were measured; interpolated to "
            "3.2 billion weights by the trend of Qwen3.5's sizes; "
            "the interval spans families, which differ by a factor of four",
            id="between measured sizes",
        ),
        pytest.param(
            70_553_706_560,
            "Q4_K_M files of Llama 2, Llama 3 and Qwen3 30B-A3B were measured; extrapolated to "
            "71 billion weights by the trend of Qwen3.5's sizes; "
            "the interval spans families, which differ by a factor of four",
            id="beyond them",
        ),
    ],
)
def test_the_basis_says_how_the_figure_was_inferred(params, basis):
    assert quality_loss("Q4_K_M", params).basis == basis
    assert quality_loss("Q4_K_M", params).sources == (
        "github:ikawrakow/ik_llama.cpp discussion 359",
        "llama.cpp tools/perplexity/README.md",
    )
