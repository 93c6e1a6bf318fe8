"""The fit of the speed model: its solver, its intervals, and what it wrote."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # the tools are scripts, no part of the package

import speedcells  # noqa: E402
from speedfit import cpu, decode, leave_out, prefill, resolve, sizes  # noqa: E402
from speedfit.leave_out import Error  # noqa: E402
from speedfit.runs import MEASURED, Shape, load_runs  # noqa: E402
from speedfit.solver import Cell, Larger, Prior, fit, predict  # noqa: E402

from advisor.estimate.parameters import decode_class, parameters  # noqa: E402
from advisor.estimate.speed import DecodePart, decode_speed  # noqa: E402

GPT_OSS_20B = Shape(
    model="gpt-oss-20b",
    architecture="gpt-oss",
    layers=24,
    recurrent_layers=0,
    parameters=20_914_757_184,
    embedding=579_133_440,
    is_tied=False,
    routed_experts=19_116_933_120,
    experts_used_share=0.125,
    lookup=0,
    cache_bytes_per_token=24_576,
    window_cache_bytes_per_token=24_576,
    window_tokens=128,
    state_bytes=0,
    attention_width=98_304,
    query_elements_per_token=98_304,
    window_query_elements_per_token=98_304,
)
LLAMA_31_8B = Shape(
    model="Llama-3.1-8B-Instruct",
    architecture="llama",
    layers=32,
    recurrent_layers=0,
    parameters=8_030_261_248,
    embedding=525_336_576,
    is_tied=False,
    routed_experts=0,
    experts_used_share=0.0,
    lookup=0,
    cache_bytes_per_token=131_072,
    window_cache_bytes_per_token=0,
    window_tokens=0,
    state_bytes=0,
    attention_width=131_072,
    query_elements_per_token=262_144,
    window_query_elements_per_token=0,
)


@pytest.fixture(scope="module")
def runs():
    return load_runs()


@pytest.fixture(scope="module")
def samples(runs):
    return decode.samples_of(runs)


@pytest.fixture(scope="module")
def model(samples):
    return decode.fit_decode(samples)


@pytest.fixture(scope="module")
def committed():
    return json.loads((ROOT / "advisor/estimate/parameters.json").read_text(encoding="utf-8"))


# The solver.

TRUTH = (math.log(0.8), math.log(3e-3))
"""An efficiency and an overhead, as logarithms."""


def cells_of(bases, spoilt=None):
    """Cells of ``size / efficiency + count × overhead``, exact but for one."""
    cells = []
    for place, (size, count) in enumerate(bases):
        terms = ((size, ((0, -1),)), (count, ((1, 1),)))
        measured = predict(terms, TRUTH) * (3 if place == spoilt else 1)
        cells.append(Cell(terms, math.log(measured), 1.0))
    return cells


BASES = [(size / 10, count) for size in range(1, 8) for count in (1, 5, 20)]
VAGUE = [Prior(0.0, 10.0), Prior(-5.0, 10.0)]


def test_the_solver_finds_the_constants_that_made_the_data():
    assert fit(cells_of(BASES), VAGUE, [0.0, -5.0]) == pytest.approx(TRUTH, abs=1e-3)


def test_one_wrong_run_of_twenty_one_moves_nothing_by_more_than_three_per_cent():
    found = fit(cells_of(BASES, spoilt=4), VAGUE, [0.0, -5.0])
    assert found == pytest.approx(TRUTH, abs=0.03)


def test_a_constant_that_no_run_speaks_of_keeps_its_prior():
    found = fit(cells_of(BASES), [*VAGUE, Prior(1.5, 0.1)], [0.0, -5.0, 0.7])
    assert found[2] == pytest.approx(1.5)


def test_a_tight_prior_outweighs_few_runs():
    found = fit(cells_of(BASES[:1]), [Prior(math.log(0.5), 1e-4), VAGUE[1]], [0.0, -5.0])
    assert found[0] == pytest.approx(math.log(0.5), abs=1e-3)


def test_of_two_things_at_once_the_larger_counts():
    reading, work = (2.0, ((0, -1),)), (3e3, ((1, 1),))
    # 2 / 0.8 = 2.5 and 3,000 × 3 ms = 9.
    assert predict([Larger((reading, work))], TRUTH) == pytest.approx(9)
    assert predict([reading, Larger((work, reading))], TRUTH) == pytest.approx(11.5)


def test_the_solver_tells_apart_what_bound_which_run():
    cells = []
    for size in (1.0, 2.0, 5.0):
        for work in (100.0, 1000.0, 5000.0):
            terms = (Larger(((size, ((0, -1),)), (work, ((1, 1),)))),)
            cells.append(Cell(terms, math.log(predict(terms, TRUTH)), 1.0))
    assert fit(cells, VAGUE, [0.0, -5.0]) == pytest.approx(TRUTH, abs=1e-3)


# Leaving devices out, and intervals.


def error(device, log_error, group="x/cuda", pool="decode"):
    return Error(device=device, speed_class="x/cuda", pool=pool, group=group, log_error=log_error)


def half(own, others=()):
    """Half of an interval, which reaches as far down as up, as a logarithm."""
    low, high = leave_out.interval(own, others)
    assert low * high == pytest.approx(1)
    return math.log(high)


def test_an_interval_of_few_devices_holds_more_than_four_of_five():
    # Five devices leave out 0.20 × 6 / 7: the 4.143th of five, between the 3.5th and the 4.5th.
    errors = [error(str(place), value) for place, value in enumerate((0.0, -0.1, 0.2, -0.3, 0.4))]
    assert half(errors) == pytest.approx(0.3 + 0.1 * (5 * (1 - 0.2 * 6 / 7) - 3.5))


def test_an_interval_of_many_devices_leaves_a_fifth_out():
    # 1,000 devices, evenly from 0 to 1, in turn too fast and too slow.
    errors = [error(str(place), (-1) ** place * place / 1000) for place in range(1000)]
    assert half(errors) == pytest.approx(0.8, abs=2e-3)


def test_a_device_with_many_cells_counts_as_one():
    crowd = [error("a", 0.0)] * 100
    assert half([*crowd, *(error(name, 0.5) for name in "bcdefgh")]) == pytest.approx(0.5)


def test_a_class_with_many_devices_speaks_for_itself():
    own = [error(str(place), 0.1) for place in range(40)]
    others = [error(f"other {place}", 0.9, group="y/cuda") for place in range(10)]
    assert half(own, others) == pytest.approx(0.1)


def test_a_class_with_few_devices_is_as_wide_as_the_others():
    others = [error(f"other {place}", 0.9, group="y/cuda") for place in range(10)]
    assert half([error("a", 0.1)], others) == pytest.approx(0.9)
    assert half([], others) == pytest.approx(0.9)


def test_few_devices_with_large_errors_make_it_wider():
    # One of 0.9 beside four devices' worth of 0.1: 0.20 × 2 / 3 are left out of five.
    others = [error(f"other {place}", 0.1, group="y/cuda") for place in range(8)]
    assert 0.1 < half([error("a", 0.9)], others) <= 0.9


def test_no_errors_no_interval():
    with pytest.raises(ValueError, match="needs errors"):
        leave_out.interval([], [])


@dataclass(frozen=True)
class Toy:
    """A sample whose fit is the mean of the values it saw."""

    device: SimpleNamespace
    value: float


def test_a_device_is_predicted_from_the_others_alone():
    toys = [
        Toy(SimpleNamespace(name=name), value) for name, value in (("a", 1), ("a", 3), ("b", 8))
    ]
    errors = leave_out.leave_devices_out(
        toys,
        lambda seen, _: sum(toy.value for toy in seen) / len(seen),
        lambda toy, mean: toy.value - mean,
    )
    # Both of a against b's 8; b against a's mean of 2.
    assert errors == [-7, -5, 6]


def test_coverage_asks_the_other_devices_of_the_class_and_of_its_pool():
    errors = [error("a", 0.05), error("b", -0.1), error("c", 0.1)]
    errors += [error("far", 0.9, group="y/cuda")]
    errors += [error("near", 0.5, pool="prefill"), error("too far", 2.0, pool="prefill")]
    # `far` widens the interval of the first three, and theirs does not hold it; of the last two,
    # which have only each other, the one is inside what the other shows.
    assert leave_out.coverage(errors) == [True, True, True, False, True, False]


# From published figures to bytes.


def run(shape, quant, file_bytes):
    return SimpleNamespace(shape=shape, quant=quant, file_bytes=file_bytes, table_bytes=None)


def test_an_untied_embedding_is_not_read():
    # All tensors in 8.5 bits: the file less 525,336,576 weights.
    whole = LLAMA_31_8B.parameters * 17 // 16
    expected = (LLAMA_31_8B.parameters - LLAMA_31_8B.embedding) * 17 / 16
    assert sizes.read_bytes(run(LLAMA_31_8B, "Q8_0", whole)) == pytest.approx(expected)


def test_gpt_oss_reads_an_eighth_of_its_experts_in_four_bits():
    # Experts 19,116,933,120 × 4.25 / 8 = 10.156 GB, of which 1.2695; the other 1.945 GB of the file
    # are 1,797,824,064 weights, all but 579,133,440 of them read: 1.3185 GB.
    found = sizes.read_bytes(run(GPT_OSS_20B, "MXFP4", 12_101_071_176))
    assert found == pytest.approx(1.2695e9 + 1.3185e9, rel=1e-3)
    assert sizes.kernel_of(run(GPT_OSS_20B, "Q4_K_M", None)) == "fp4"


@pytest.mark.parametrize(
    ("quant", "expected"),
    [
        ("Q4_K_M", "k"),
        ("UD-Q4_K_XL", "k"),
        ("UD-Q3_K_XL", "k-low"),
        ("IQ4_NL", "legacy"),
        ("IQ4_XS", "k"),
        ("UD-IQ2_XXS", "i"),
        ("BF16", "float"),
        ("Q8_K_XL", "q8"),
    ],
)
def test_file_types_run_through_kernels(quant, expected):
    assert sizes.kernel_of(run(LLAMA_31_8B, quant, None)) == expected


def test_a_window_bounds_its_part_of_the_cache():
    # 24,576 B a token for ever, and as much for the last 128 tokens.
    assert GPT_OSS_20B.cache_bytes(1000) == 24_576 * 1128
    assert GPT_OSS_20B.cache_bytes(100) == 24_576 * 200


def test_every_query_head_multiplies_with_what_its_kv_head_keeps():
    # Llama 3.1 8B: 32 layers × 32 heads × (128 + 128) elements; a product and a sum for each.
    assert LLAMA_31_8B.attention_flops(1000) == 2 * 32 * 32 * 256 * 1000
    # gpt-oss: 12 of 24 layers, 64 heads × (64 + 64), and as many with a window of 128.
    assert GPT_OSS_20B.attention_flops(1000) == 2 * 12 * 64 * 128 * (1000 + 128)


# The data.


def test_every_run_has_a_size_and_a_device_or_is_a_cpu(runs):
    assert len(runs) > 2500
    for one in runs:
        assert (one.device is None) == (one.backend == "cpu"), one
        if one.test == "decode":
            assert 0 < sizes.read_bytes(one) <= sizes.file_bytes(one) * (1 + 1e-9), one


def test_the_data_fit_into_a_megabyte():
    assert sum(file.stat().st_size for file in MEASURED.glob("*speed*.csv")) < 1_000_000


def test_what_nobody_can_check_is_left_out(runs):
    assert not [one for one in runs if "localmaxxing" in one.source]


# The committed files.


def test_the_committed_constants_are_what_the_fit_finds(model, committed):
    columns = resolve.DECODE_COLUMNS.index("low")
    rows = {
        name: row[:columns]
        for name, row in committed["decode"]["classes"].items()
        if not name.startswith("cpu")
    }
    assert {name: resolve.decode_row(name, model) for name in rows} == rows
    assert resolve.kernels(model) == committed["decode"]["kernels"]
    assert resolve.rounded(model.value("handover")) == committed["decode"]["handover_s"]


def test_the_committed_prefill_constants_are_what_the_fit_finds(runs, committed):
    found = prefill.fit_prefill(prefill.samples_of(runs))
    rows = committed["prefill"]["classes"]
    assert {name: resolve.prefill_row(name, found) for name in rows} == {
        name: row[:1] for name, row in rows.items()
    }
    common = resolve.prefill_constants(found)
    assert common == {name: committed["prefill"][name] for name in common}


def test_the_committed_host_constants_are_what_the_fit_finds(runs, committed):
    assert resolve.cpu_constants(cpu.fit_cpus(runs)) == committed["cpu"]


@pytest.mark.parametrize("device", ["NVIDIA GeForce RTX 4090", "Apple M4 Pro 273GB/s"])
def test_the_committed_errors_are_those_of_a_fit_without_the_device(device, samples, model):
    rest = decode.fit_decode([one for one in samples if one.device.name != device], model)
    found = [
        f"{1 / one.seconds / math.exp(decode.log_speed_error(one, rest)):.4g}"
        for one in samples
        if one.device.name == device
    ]
    cells = speedcells.read_cells(speedcells.ERRORS)
    committed = [
        f"{cell.predicted:.4g}" for cell in cells if cell.device == device and cell.test == "decode"
    ]
    assert found == committed


def test_the_program_predicts_what_the_fit_predicts(samples, model):
    """Every cell of today's builds: the fitted trees and the program's flat table agree."""
    for one, cell in zip(samples, model.cells, strict=True):
        if one.run.era or one.run.units > 1 or one.device.architecture == "6.0":
            continue
        shape = one.run.shape
        kernels = {"float": "f16", "q8": "q8_0", "legacy": "q4_0", "fp4": "mxfp4", "i": "iq3_s"}
        part = DecodePart(
            speed_class=one.speed_class,
            bandwidth_bytes_per_s=one.device.bandwidth_bytes_per_s,
            alu_flops_per_s=one.device.fp16_flops_per_s,
            layers=shape.layers,
            recurrent_layers=shape.recurrent_layers,
            weight_bytes=round(one.weight_bytes),
            cache_bytes=round(shape.cache_bytes(one.run.depth_tokens)),
            attention_flops=round(shape.attention_flops(one.run.depth_tokens)),
            state_bytes=shape.state_bytes,
            is_moe=shape.is_moe,
            flash_attention=one.run.flash_attention,
            kernel=kernels.get(one.kernel, {"k": "q4_K", "k-low": "q3_K"}.get(one.kernel)),
        )
        runtime = {"llama.cpp": "llama-bench"}.get(one.run.runtime, one.run.runtime)
        found = 1 / decode_speed([part], runtime=runtime).tokens_per_s
        assert found == pytest.approx(predict(cell.terms, model.x), rel=2e-3), one.run


def test_a_family_that_one_device_stands_for_has_only_its_vendors_constants(samples, model):
    alone = {"nvidia-gb10/cuda", "nvidia-turing/vulkan", "intel-arc/sycl"}
    assert alone.isdisjoint(model.fitted)
    gb10, vendor = decode_class("nvidia-gb10/cuda"), decode_class("nvidia/cuda")
    assert (gb10.efficiency, gb10.layer_overhead_s) == (vendor.efficiency, vendor.layer_overhead_s)
    assert {one.speed_class for one in samples} >= alone


def test_the_committed_intervals_are_what_the_committed_errors_give(committed):
    errors = [speedcells.error_of(cell) for cell in speedcells.read_cells(speedcells.ERRORS)]
    own = [one for one in errors if one.pool == "decode"]
    low, high = (resolve.DECODE_COLUMNS.index(name) for name in ("low", "high"))
    for name, row in committed["decode"]["classes"].items():
        if name.startswith(("any", "cpu")):
            continue
        found = resolve.interval_of(name, own, ())
        assert (row[low], row[high]) == pytest.approx(found, rel=3e-3), name


def test_the_file_names_the_data_it_was_fitted_on(committed, samples):
    assert committed["fitted"]["decode_cells"] == len(samples)
    assert (ROOT / committed["fitted"]["data"]).exists()
    assert parameters().decode
