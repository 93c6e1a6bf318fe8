"""Makes the quality model of published measurements: `quality_curve.csv` and `quality_scale.csv`.

Input: `catalog/quality.csv` (every published figure) and `catalog/quality_models.csv` (how large
the measured models are). Only figures that can be compared are used: the mean KL divergence of
whole files on the wiki text. A Q6_K file holds one type only, so that a measurement of a model with
every tensor in q6_K is one of a Q6_K file, and counts; other one-type measurements serve only for
the trend with the model's size.

The model: ln KLD(quant, model) = ln curve(quant) + level(family) - slope(quant) x ln(size ratio)

- curve: Llama 3 8B, the only model whose every file type was measured (the geometric mean of files
  made with and without an importance matrix), never more for more bits within a family of types;
- slope: how fast a file type's loss falls with the model's size, within Qwen3.5's five sizes
  (Theil-Sen), a straight line over the logarithm of the loss: coarse types gain more;
- level: what families other than Llama 3 lose at the same size; their mean and spread.

Models whose Q8_0 loses more than half of what their Q6_K loses are left out: there the noise of the
measurement is in the way, not quantization.

`python tools/build_quality.py` writes both files and prints how well each family is foretold by
the others.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from statistics import fmean, geometric_mean, median, stdev
from typing import Any

CATALOG = Path(__file__).parents[1] / "catalog"

REFERENCE = ("Llama-3-8B", "Llama-3-8B (imatrix WT 10m)")
"""The reference without an importance matrix, and with one."""

REFERENCE_SOURCE = "llama.cpp-perplexity-llama-3"
REFERENCE_FAMILY = "Llama 3"

TREND_FAMILY = "Qwen3.5"
TREND_TYPES = {
    "Q6_K": "Q6_K",
    "Q5_0": "Q5_0",
    "Q5_1": "Q5_1",
    "Q5_K": "Q5_K_S",
    "Q4_0": "Q4_0",
    "Q4_1": "Q4_1",
    "Q4_K": "Q4_K_S",
    "IQ4_NL": "IQ4_NL",
    "IQ4_XS": "IQ4_XS",
    "Q3_K": "Q3_K_S",
    "IQ3_S": "IQ3_S",
    "IQ3_XXS": "IQ3_XXS",
    "Q2_K": "Q2_K",
    "IQ2_S": "IQ2_S",
    "IQ2_XS": "IQ2_XS",
    "IQ2_XXS": "IQ2_XXS",
}
"""ggml types whose trend with size is known, without those at the floor or past saturation."""

FILES_OF_OTHERS = {"bartowski Q4_K_M": "Q4_K_M", "bartowski Q4_K_S": "Q4_K_S"}
"""Files of publishers who used llama.cpp's own recipe."""

WITHOUT_LEVEL = {"Q8_0", "F16"}
"""Too near the noise of the measurement to tell how robust a model is."""

LADDERS = (
    ("Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K"),
    ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"),
    ("IQ4_NL", "IQ4_XS", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "IQ2_M", "IQ2_S", "IQ2_XS"),
    ("IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"),
    ("Q2_K", "Q2_K_S"),
)
"""File types of one family, from the most bits down: the loss must not fall along them."""

T_80 = {1: 3.078, 2: 1.886, 3: 1.638, 4: 1.533, 5: 1.476, 6: 1.440, 7: 1.415, 8: 1.397}
"""Student's t, 80 % two-sided, by degrees of freedom."""

SLOPE_SPREAD = 0.15
"""Spread of slopes between families (LLaMA 7B to 13B and Llama 2 7B to 70B, by perplexity)."""

SIZE = "params_active"

TYPICAL_LEVEL = 0.55
"""A first guess at the mean level, where the slope is taken; it moves by 0.005 per 10 % of it."""

Curve = dict[str, float]


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file of the catalog."""
    with (CATALOG / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def measured(metric: str) -> dict[str, dict[str, float]]:
    """Model -> quant -> the mean of what was measured."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows("quality.csv"):
        if row["metric"] == metric:
            found[row["model"]][row["quant"]].append(float(row["value"]))
    return {
        model: {quant: fmean(values) for quant, values in quants.items()}
        for model, quants in found.items()
    }


def reference_curve(files: dict[str, dict[str, float]]) -> Curve:
    """The reference model's loss by file type, made monotone within each family of types."""
    plain, imatrix = (files[model] for model in REFERENCE)
    curve = {
        quant: geometric_mean([files_[quant] for files_ in (plain, imatrix) if quant in files_])
        for quant in {**plain, **imatrix}
    }
    for ladder in LADDERS:
        pool(curve, ladder)
    return curve


def pool(curve: Curve, ladder: tuple[str, ...]) -> None:
    """Give neighbours in the wrong order their common mean, until none is left."""
    blocks = [[quant] for quant in ladder if quant in curve]
    place = 1
    while place < len(blocks):
        upper, lower = (geometric_mean([curve[q] for q in blocks[i]]) for i in (place - 1, place))
        if upper <= lower:
            place += 1
            continue
        blocks[place - 1 : place + 1] = [blocks[place - 1] + blocks[place]]
        mean = geometric_mean([curve[quant] for quant in blocks[place - 1]])
        curve.update(dict.fromkeys(blocks[place - 1], mean))
        place = max(1, place - 1)


def theil_sen(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The median slope through pairs of points, and the intercept."""
    slope = median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
    return slope, median(y - slope * x for x, y in points)


def slope_line(
    one_type: dict[str, dict[str, float]], models: dict[str, dict[str, str]], reference: float
) -> tuple[float, float]:
    """(a, b) of slope = a + b x ln KLD at the reference size."""
    points = []
    for type_name in TREND_TYPES:
        trend = [
            (math.log(float(model[SIZE]) / reference), math.log(one_type[name][type_name]))
            for name, model in models.items()
            if model["family"] == TREND_FAMILY
        ]
        slope, at_reference = theil_sen(trend)
        points.append((at_reference, -slope))
        print(f"  {type_name:8} at 8B {math.exp(at_reference):.4f}  slope {-slope:.3f}")
    b, a = theil_sen(points)
    return a, b


def whole_files(
    files: dict[str, dict[str, float]], one_type: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    """Every model's whole-file losses that can be compared, less those lost in noise."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for model, quants in files.items():
        for quant, value in quants.items():
            found[model][FILES_OF_OTHERS.get(quant, quant)] = value
    for model, types in one_type.items():
        if types["Q8_0"] > types["Q6_K"] / 2:
            print(f"  left out, its noise is too great: {model}")
            continue
        found[model]["Q6_K"] = types["Q6_K"]
    return found


def deviations(
    found: dict[str, dict[str, float]],
    models: dict[str, dict[str, str]],
    curve: Curve,
    line: tuple[float, float],
    reference: float,
) -> dict[str, list[list[float]]]:
    """Family -> by model, the logarithms of its losses over the reference's at the same size."""
    by_family: dict[str, list[list[float]]] = defaultdict(list)
    for model, quants in found.items():
        if model not in models:
            continue
        ratio = math.log(float(models[model][SIZE]) / reference)
        logs = [
            math.log(value / curve[quant])
            + (line[0] + line[1] * math.log(curve[quant] * TYPICAL_LEVEL)) * ratio
            for quant, value in quants.items()
            if quant in curve and quant not in WITHOUT_LEVEL
        ]
        by_family[models[model]["family"]].append(logs)
    return by_family


def perplexity_increases(curve: Curve) -> Curve:
    """Quant -> what fraction the reference's perplexity rises, with and without a matrix."""
    base = measured("ppl")[REFERENCE[0]]["F16"]
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows("quality.csv"):
        is_reference = row["model"] in REFERENCE and row["source"] == REFERENCE_SOURCE
        if is_reference and row["metric"] == "ppl_delta" and row["quant"] in curve:
            unquantized = base - measured("ppl_delta")[REFERENCE[0]]["F16"]
            found[row["quant"]].append(float(row["value"]) / unquantized)
    return {quant: geometric_mean(values) for quant, values in found.items()}


def within_half_width(deviations: list[list[float]]) -> float:
    """Half of the 80 % interval of one file type about its family's level."""
    freedom = sum(len(family) - 1 for family in deviations)
    squares = sum((d - fmean(family)) ** 2 for family in deviations for d in family)
    return T_80[freedom] * math.sqrt(squares / freedom)


def report(by_family: dict[str, float]) -> None:
    """Foretell each family from the others."""
    inside = 0
    for family, level in by_family.items():
        others = [other for name, other in by_family.items() if name != family]
        half = half_width(others)
        hit = abs(level - fmean(others)) <= half
        inside += hit
        foretold = math.exp(fmean(others))
        print(
            f"  {family:14} level {math.exp(level):.2f}, from the others {foretold:.2f}"
            f" x/: {math.exp(half):.1f}  {'inside' if hit else 'OUTSIDE'}"
        )
    print(f"  {inside} of {len(by_family)} families inside the 80 % interval of the others")


def half_width(values: list[float]) -> float:
    """Half of the 80 % interval in which the next family's level is expected."""
    return T_80[len(values) - 1] * stdev(values) * math.sqrt(1 + 1 / len(values))


def main() -> None:
    """Write both files."""
    models = {row["model"]: row for row in rows("quality_models.csv")}
    reference = float(models[REFERENCE[0]]["params_total"])
    files, one_type = measured("kld_mean"), measured("kld_mean_all_tensors_one_type")
    curve = reference_curve(files)
    line = slope_line(one_type, models, reference)
    found = whole_files(files, one_type)
    all_deviations = deviations(found, models, curve, line, reference)
    by_family = {
        family: fmean(fmean(logs) for logs in of_models)
        for family, of_models in all_deviations.items()
    }
    within = within_half_width(
        [
            logs
            for family, of_models in all_deviations.items()
            for logs in of_models
            if len(logs) > 1 and family != REFERENCE_FAMILY
        ]
    )
    report(by_family)
    write_curve(curve, found, models)
    sizes = [float(models[model][SIZE]) for model in found if model in models]
    write_scale(by_family, line, reference, within, sizes)


def write(name: str, comment: str, header: str, lines: list[dict[str, Any]]) -> None:
    """Write a CSV file of the catalog."""
    with (CATALOG / name).open("w", encoding="utf-8", newline="") as file:
        file.write(comment)
        writer = csv.DictWriter(file, header.split(","), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def write_curve(
    curve: Curve, found: dict[str, dict[str, float]], models: dict[str, dict[str, str]]
) -> None:
    """Write `quality_curve.csv`."""
    increases = perplexity_increases(curve)
    lines = []
    for quant, value in sorted(curve.items(), key=lambda item: item[1]):
        measured_models = [
            models[model] for model, quants in found.items() if quant in quants and model in models
        ]
        lines.append(
            {
                "quant": quant,
                "kld_reference": f"{value:.6f}",
                "families": "; ".join(sorted({model["family"] for model in measured_models})),
                "ppl_increase": f"{increases[quant]:.5f}",
                "source": "; ".join(sorted({model["measured_by"] for model in measured_models})),
                "checked": "2026-11-23",
            }
        )
    comment = (
        "# What each file type loses on the reference, Llama 3 8B: mean KL divergence, in nats.\n"
        "# `families`: whose whole files were measured in this type. `ppl_increase`: the rise of\n"
        "# its perplexity, as a fraction. Made by tools/build_quality.py; do not edit.\n"
    )
    header = "quant,kld_reference,families,ppl_increase,source,checked"
    write("quality_curve.csv", comment, header, lines)


def write_scale(
    by_family: dict[str, float],
    line: tuple[float, float],
    reference: float,
    within: float,
    sizes: list[float],
) -> None:
    """Write `quality_scale.csv`."""
    values = list(by_family.values())
    level_reason = (
        f"mean over {len(values)} families of the logarithm of their loss over Llama 3 8B's at an"
        " equal size: " + ", ".join(f"{name} {math.exp(v):.2f}" for name, v in by_family.items())
    )
    lines = [
        ("reference_params", f"{reference:.0f}", "weights of Llama 3 8B"),
        ("level_log", f"{fmean(values):.4f}", level_reason),
        (
            "level_half_width",
            f"{half_width(values):.4f}",
            "80 % prediction interval of one more family",
        ),
        (
            "quant_half_width",
            f"{within:.4f}",
            "80 % interval of one file type about its family's level",
        ),
        ("slope_at_one_nat", f"{line[0]:.4f}", "how fast a loss of 1 nat falls with the size"),
        ("slope_per_log", f"{line[1]:.4f}", "how much steeper that is per unit of ln loss"),
        ("slope_half_width", f"{SLOPE_SPREAD * 1.28:.4f}", "other families' slopes, by perplexity"),
        ("smallest_params", f"{min(sizes):.0f}", "the smallest measured model"),
        ("largest_params", f"{max(sizes):.0f}", "the largest measured model, by active weights"),
    ]
    comment = (
        "# How losses change with the model's size and family; tools/build_quality.py makes this\n"
        "# file and says how. Sizes are weights used per token, without experts not chosen.\n"
    )
    write(
        "quality_scale.csv",
        comment,
        "name,value,reason,source,checked",
        [
            {
                "name": name,
                "value": value,
                "reason": reason,
                "source": "quality.csv by tools/build_quality.py",
                "checked": "2026-11-23",
            }
            for name, value, reason in lines
        ],
    )


if __name__ == "__main__":
    main()
