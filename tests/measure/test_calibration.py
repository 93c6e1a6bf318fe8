"""What measurements make of a prediction: the rule, its limits, and its coverage."""

from __future__ import annotations

import math
import sys
from dataclasses import fields, replace
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimate.basis import OF_THE_DEVICE, DecodeBasis, PrefillBasis
from advisor.estimate.calibration import (
    FARTHEST,
    Asked,
    calibrated,
    half_interval,
    log_factor,
)
from advisor.estimate.prefill import PrefillPart
from advisor.estimate.result import Timed
from advisor.estimate.setup import resolve
from advisor.estimate.speed import DecodePart
from advisor.figure import Origin
from advisor.measurement import Pace
from advisor.workload import Runtime, Workload

PROJECT = Path(__file__).parents[2]
sys.path.insert(0, str(PROJECT / "tools"))  # the tools are scripts, no part of the package

from calibrationaccuracy import COUNTS, calibration_section, left_out  # noqa: E402

SETUP = resolve(Workload(context_tokens=8192), trained_tokens=131_072)


def a_part(**changes):
    """Decoding a dense model of 1 GB on a card of 1,000 GB/s."""
    values = {
        "speed_class": "nvidia-ada/cuda",
        "bandwidth_bytes_per_s": 1e12,
        "layers": 16,
        "weight_bytes": 1_000_000_000,
        "kernel": "q4_K",
    }
    return DecodePart(**{**values, **changes})


def predicted(*parts, devices=("a card",), runtime=Runtime.LLAMA_SERVER):
    """What the model says of these parts."""
    parts = parts or (a_part(),)
    basis = DecodeBasis(devices=devices, parts=parts, handovers=len(parts) - 1, runtime=runtime)
    return Timed(speed=basis.speed(), origin=Origin.PUBLISHED, basis=basis)


def asked(**changes):
    """Decoding another model than the measured one, with an empty cache."""
    values = {
        "pace": Pace.DECODE,
        "model": "maker/other-8b",
        "quant": "Q4_K_M",
        "setup": SETUP,
        "devices": ("a card",),
        "backend": "cuda",
        "gpu_layers": 17,
        "n_cpu_moe": 0,
        "depth_tokens": 0,
        "prompt_tokens": None,
    }
    return Asked(**{**values, **changes})


@pytest.fixture
def at(measurement):
    """`at(0.9)` measures the same work at 0.9 of its prediction, three times alike."""

    def make(ratio, timed=None, **changes):
        timed = timed or predicted()
        value = timed.speed.tokens_per_s * ratio
        return measurement(
            samples_tokens_per_s=(value, value, value),
            **{"works": timed.basis.works(), **changes},
        )

    return make


def ratio(found, timed):
    """The speed over the prediction."""
    return found.speed.tokens_per_s / timed.speed.tokens_per_s


# The same work


THE_SAME = {"model": "maker/model-1b"}


def test_the_very_work_that_was_measured_is_answered_with_the_measurement(at):
    timed = predicted()
    one = replace(at(0.5), samples_tokens_per_s=(90.0, 100.0, 95.0), number=7)
    found = calibrated(timed, asked(**THE_SAME), [one])
    assert (found.speed.tokens_per_s, found.speed.low, found.speed.high) == (95.0, 90.0, 100.0)
    assert found.origin is Origin.MEASURED
    assert found.calibration.is_exact
    assert found.calibration.numbers == (7,)
    assert found.calibration.factor == pytest.approx(95.0 / timed.speed.tokens_per_s)


def test_repetitions_of_several_days_are_taken_together(at):
    first = replace(at(1.0), samples_tokens_per_s=(90.0, 92.0))
    second = replace(at(1.0), samples_tokens_per_s=(110.0, 100.0, 100.0))
    found = calibrated(predicted(), asked(**THE_SAME), [first, second])
    assert (found.speed.low, found.speed.tokens_per_s, found.speed.high) == (90.0, 100.0, 110.0)


@pytest.mark.parametrize(
    "differs",
    [
        {"quant": "Q8_0"},
        {"model": "maker/other-8b"},
        {"depth_tokens": 4096},
        {"gpu_layers": 12},
        {"n_cpu_moe": 3},
        {"flash_attention": False},
        {"kv_type_k": "q8_0"},
        {"kv_type_v": "q8_0"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_what_differs_in_anything_is_not_the_same_work(at, differs):
    found = calibrated(predicted(), asked(**THE_SAME), [at(0.9, **differs)])
    assert found.calibration is None or not found.calibration.is_exact


@pytest.mark.parametrize(("share", "is_exact"), [(1.02, True), (0.98, True), (1.05, False)])
def test_files_of_one_quant_may_differ_by_three_percent(at, share, is_exact):
    bigger = predicted(a_part(weight_bytes=round(1e9 * share)))
    found = calibrated(predicted(), asked(**THE_SAME), [at(0.9, bigger)])
    assert found.calibration.is_exact is is_exact


def test_a_speed_that_nothing_predicts_is_known_once_it_is_measured(at):
    one = at(1.0, pace=Pace.PREFILL, tokens=512, devices=("host",), backend="cpu", works=())
    wanted = asked(
        pace=Pace.PREFILL,
        devices=("host",),
        backend="cpu",
        prompt_tokens=512,
        **THE_SAME,
    )
    found = calibrated(None, wanted, [one])
    assert found.speed.tokens_per_s == one.tokens_per_s
    assert found.calibration.factor is None
    assert calibrated(None, replace(wanted, prompt_tokens=64), [one]) is None
    assert calibrated(None, replace(wanted, model="maker/other-8b"), [one]) is None


# Other models


def test_one_measured_model_counts_half_as_much_as_the_prediction(at):
    timed = predicted(a_part(weight_bytes=5_000_000_000, layers=32))
    found = calibrated(timed, asked(), [at(0.729)])
    assert ratio(found, timed) == pytest.approx(0.9)
    assert found.origin is Origin.MEASURED
    assert (found.calibration.models, found.calibration.is_exact) == (1, False)


def test_several_quants_of_one_model_are_one_model(at):
    timed = predicted(a_part(layers=32))
    found = calibrated(timed, asked(), [at(0.8), at(0.9, quant="Q8_0"), at(1.0, quant="F16")])
    assert found.calibration.models == 1
    assert ratio(found, timed) == pytest.approx((0.8 * 0.9 * 1.0) ** (1 / 9))


def test_each_further_model_counts_for_more(at):
    timed = predicted(a_part(layers=32))
    measured = [at(0.8, model=f"maker/{place}") for place in range(9)]
    found = [ratio(calibrated(timed, asked(), measured[:count]), timed) for count in range(1, 10)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(0.8 ** (9 / 11))


@pytest.mark.parametrize(
    "differs",
    [
        {"devices": ("another card",)},
        {"devices": ("a card", "host")},
        {"backend": "vulkan"},
        {"pace": Pace.PREFILL},
        {"runtime": Runtime.OLLAMA},
        {"disturbance": "its repetitions differ by 31%"},
        {"works": ()},
    ],
    ids=lambda one: f"{next(iter(one))} {next(iter(one.values()))}",
)
def test_what_is_not_comparable_changes_nothing(at, differs):
    timed = predicted()
    assert calibrated(timed, asked(), [at(0.8, **differs)]) is timed


def test_what_an_older_program_noted_otherwise_changes_nothing(at, work):
    timed = predicted()
    assert calibrated(timed, asked(), [at(0.8, works=(work(forgotten=1),))]) is timed


@pytest.mark.parametrize("times", [FARTHEST * 1.01, 1 / FARTHEST / 1.01])
def test_what_is_too_far_off_timed_something_else(at, times):
    timed = predicted()
    assert calibrated(timed, asked(), [at(times)]) is timed


def test_what_read_a_full_cache_says_nothing_of_other_models(at):
    deep = predicted(a_part(cache_bytes=1_000_000_000))
    timed = predicted()
    assert calibrated(timed, asked(), [at(0.8, deep, depth_tokens=32_768)]) is timed


def test_for_ollama_a_measurement_holds_for_the_measured_model_alone(at):
    """Published runs of Ollama on one device scatter as much as those on different ones."""
    timed = predicted(runtime=Runtime.OLLAMA)
    setup = replace(SETUP, runtime=Runtime.OLLAMA)
    one = at(0.8, timed, runtime=Runtime.OLLAMA)
    assert calibrated(timed, asked(setup=setup), [one]) is timed
    found = calibrated(timed, asked(setup=setup, **THE_SAME), [one])
    assert found.calibration.is_exact


def test_programs_that_run_llama_cpp_count_for_each_other(at):
    for runtime in (Runtime.LLAMA_SERVER, Runtime.LMSTUDIO, Runtime.LLAMA_CPP_PYTHON):
        timed = predicted(runtime=runtime)
        found = calibrated(timed, asked(setup=replace(SETUP, runtime=runtime)), [at(0.729)])
        assert ratio(found, timed) == pytest.approx(0.9)


def test_the_factor_is_for_what_the_device_is_now_known_to_be(at):
    """A processor whose memory is timed anew may be predicted otherwise than it was."""
    host = {"devices": ("host",), "backend": "cpu"}
    slow = a_part(speed_class="cpu", bandwidth_bytes_per_s=40e9)
    fast = a_part(speed_class="cpu", bandwidth_bytes_per_s=44e9)
    before = predicted(slow, devices=("host",))
    one = at(1.0, before, **host)
    for part in (slow, fast):
        timed = predicted(replace(part, weight_bytes=4_000_000_000), devices=("host",))
        found = calibrated(timed, asked(**host), [one])
        same = predicted(part, devices=("host",)).speed.tokens_per_s
        assert ratio(found, timed) == pytest.approx((one.tokens_per_s / same) ** (1 / 1.5))


# Intervals


def test_the_interval_of_other_models_is_never_wider_than_the_predictions(at):
    for name in ("nvidia-ada/cuda", "nvidia-pascal/cuda", "amd-rdna3/vulkan", "any/cuda"):
        timed = predicted(a_part(speed_class=name))
        found = calibrated(timed, asked(), [at(0.9, timed)])
        factor = found.calibration.factor
        assert found.speed.low / factor >= timed.speed.low * (1 - 1e-9)
        assert found.speed.high / factor <= timed.speed.high * (1 + 1e-9)


def test_more_measured_models_never_widen_it():
    widths = [half_interval(count, has_host=False) for count in range(1, 20)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == pytest.approx(0.12 * math.sqrt(4 / 3))
    assert half_interval(1, has_host=True) == pytest.approx(0.165 * math.sqrt(5 / 3))


def test_at_depth_the_factor_counts_for_what_is_not_the_cache_alone(at):
    flat = predicted(a_part(weight_bytes=2_000_000_000))
    whole = calibrated(flat, asked(), [at(0.729)])
    deep = predicted(a_part(weight_bytes=2_000_000_000, cache_bytes=2_000_000_000))
    share = deep.speed.tokens_per_s / flat.speed.tokens_per_s
    found = calibrated(deep, asked(depth_tokens=32_768), [at(0.729)])
    assert ratio(whole, flat) == pytest.approx(0.9)
    assert ratio(found, deep) == pytest.approx(0.9**share)
    wide = [math.log(one.speed.high / one.speed.low) for one in (flat, whole, deep, found)]
    assert wide[1] / wide[0] < wide[3] / wide[2] <= 1 + 1e-9


def test_the_interval_of_a_prompt_moves_and_is_not_narrowed(at):
    part = PrefillPart(
        speed_class="nvidia-ada/cuda",
        bandwidth_bytes_per_s=1e12,
        fp16_flops_per_s=165e12,
        active_weights=8_000_000_000,
        weight_bytes=4_500_000_000,
    )
    basis = PrefillBasis(
        devices=("a card",), parts=(part,), prompt_tokens=512, runtime=Runtime.LLAMA_SERVER
    )
    timed = Timed(speed=basis.speed(), origin=Origin.PUBLISHED, basis=basis)
    one = at(0.512, timed, pace=Pace.PREFILL, tokens=512)
    found = calibrated(timed, asked(pace=Pace.PREFILL, prompt_tokens=512), [one])
    for name in ("low", "tokens_per_s", "high"):
        assert getattr(found.speed, name) == pytest.approx(0.8 * getattr(timed.speed, name))


@given(
    ratios=st.lists(st.floats(0.4, 2.5), min_size=1, max_size=6),
    layers=st.integers(1, 128),
    weight_bytes=st.integers(10**8, 10**11),
    cache_bytes=st.integers(0, 10**10),
    name=st.sampled_from(["nvidia-ada/cuda", "amd-rdna3/vulkan", "apple-m4/metal", "any/cuda"]),
)
@settings(deadline=None, max_examples=150)
def test_a_factor_lies_between_one_and_what_was_measured(
    ratios, layers, weight_bytes, cache_bytes, name
):
    from tests.measure.conftest import a_measurement

    timed = predicted(
        a_part(layers=layers, weight_bytes=weight_bytes, cache_bytes=cache_bytes, speed_class=name)
    )
    flat = predicted(a_part(speed_class=name))
    measured = [
        a_measurement(
            samples_tokens_per_s=(flat.speed.tokens_per_s * one,),
            works=flat.basis.works(),
            model=f"maker/{place}",
            number=place + 1,
        )
        for place, one in enumerate(ratios)
    ]
    found = calibrated(timed, asked(depth_tokens=64), measured)
    factor = found.calibration.factor
    assert min(1.0, *ratios) - 1e-9 <= factor <= max(1.0, *ratios) + 1e-9
    assert found.speed.low <= found.speed.tokens_per_s <= found.speed.high
    assert found.calibration.numbers == tuple(range(1, len(ratios) + 1))


def test_a_factor_of_nothing_is_one():
    assert log_factor([], has_host=False) == log_factor([], has_host=True) == 0.0


# What a part says of its device, and of its work


@pytest.mark.parametrize(
    ("kind", "work"),
    [
        (
            DecodePart,
            {
                "layers",
                "weight_bytes",
                "cache_bytes",
                "attention_flops",
                "state_bytes",
                "recurrent_layers",
                "is_moe",
                "flash_attention",
                "kernel",
            },
        ),
        (
            PrefillPart,
            {
                "layers",
                "active_weights",
                "weight_bytes",
                "expert_bytes_share",
                "experts_used_share",
                "attention_width",
                "flash_attention",
                "kernel",
            },
        ),
    ],
)
def test_every_field_of_a_part_is_the_devices_or_the_works(kind, work):
    """A new field has to be put on one side: measurements keep the work and not the device."""
    assert {field.name for field in fields(kind)} - OF_THE_DEVICE == work


# Coverage on published runs, one model of a device left out at a time


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("test", "least"), [("decode", 400), ("prefill", 40)])
def test_the_interval_holds_for_models_that_were_not_measured(count, test, least):
    inside = [cell.is_inside for cell in left_out(count, test)]
    assert len(inside) > least
    assert 0.75 <= mean(inside) <= 0.88


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("test", ["decode", "prefill"])
def test_a_measurement_brings_the_other_models_nearer(count, test):
    cells = [*left_out(count, test)]
    for size in (abs, lambda error: error**2):
        before = mean(size(cell.before) for cell in cells)
        assert mean(size(cell.after) for cell in cells) < before


def test_the_report_has_what_the_tool_finds():
    assert calibration_section() in (PROJECT / "docs/accuracy.md").read_text(encoding="utf-8")
