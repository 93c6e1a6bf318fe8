"""How quiet a machine was, and when that spoils a measurement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor.measure.conditions import Conditions, Moment, between, disturbance, now
from probes.accelerator import Accelerator, AcceleratorKind, Condition, Slowdown
from probes.record import read

MACHINE = read(Path(__file__).parents[1] / "advisor/desktop.json")
CARD = Accelerator(name="a card", vendor="nvidia", kind=AcceleratorKind.DISCRETE)
BEFORE = Moment(
    wall_s=100.0,
    busy_s=1000.0,
    stolen_s=0.0,
    cores=4,
    load=0.5,
    clock_hz=None,
    clock_max_hz=None,
    on_battery=None,
)
QUIET = Conditions(others_share=0.0, load_before=0.1, load_after=1.0, notes=())
STEADY = (99.0, 100.0, 101.0)


def after(**changes):
    """Ten seconds later; the program used 8 s of the 40 s that four cores have."""
    return replace(BEFORE, wall_s=110.0, busy_s=1008.0, load=1.5, **changes)


@pytest.mark.parametrize(
    ("own_s", "stolen_s", "expected"),
    [
        pytest.param(8.0, 0.0, 0.0, id="all of it was the program's"),
        pytest.param(4.0, 0.0, 0.1, id="4 of 40 s were others'"),
        pytest.param(8.0, 10.0, 0.25, id="a host that takes 10 of 40 s is others, too"),
        pytest.param(20.0, 0.0, 0.0, id="counters that disagree are no negative share"),
        pytest.param(None, 0.0, None, id="of a server's own time nothing is known"),
    ],
)
def test_what_others_took_is_all_that_was_busy_less_the_programs_own(own_s, stolen_s, expected):
    found = between(BEFORE, after(stolen_s=stolen_s), own_s, MACHINE)
    assert found.others_share == (None if expected is None else pytest.approx(expected))
    assert (found.load_before, found.load_after) == (0.5, 1.5)


def test_a_quiet_measurement_is_not_disturbed():
    assert disturbance(QUIET, STEADY, on_host=True) is None


def test_a_processor_that_others_use_spoils_what_it_computes():
    busy = replace(QUIET, others_share=0.43)
    expected = "other programs took 43% of the processor meanwhile"
    assert disturbance(busy, STEADY, on_host=True) == expected
    assert disturbance(busy, STEADY, on_host=False) is None


def test_repetitions_that_differ_widely_are_not_one_speed():
    assert (
        disturbance(QUIET, (80.0, 100.0, 111.0), on_host=False) == "its repetitions differ by 31%"
    )


@pytest.mark.parametrize(
    ("samples", "is_disturbed"),
    [
        pytest.param((27.0, 64.0, 65.0, 66.0, 68.0), False, id="of five repetitions one may stray"),
        pytest.param((27.0, 30.0, 65.0, 66.0, 68.0), True, id="and not two"),
        pytest.param((27.0, 64.0, 65.0, 66.0), True, id="of four none"),
        pytest.param(
            (100.0, 95.0, 90.0, 70.0, 60.0), True, id="a card that gets slower and slower"
        ),
    ],
)
def test_a_single_repetition_that_strays_spoils_no_median(samples, is_disturbed):
    assert (disturbance(QUIET, samples, on_host=True) is not None) is is_disturbed


def test_a_card_that_got_hot_spoils_it_and_one_with_a_lower_limit_is_what_it_is():
    limited = replace(
        CARD,
        power_limit_watts=250.0,
        power_default_watts=450.0,
        condition=Condition(slowdowns=(Slowdown.POWER_CAP,)),
    )
    found = between(BEFORE, after(), 8.0, replace(MACHINE, accelerators=(limited,)))
    assert found.notes == ("`a card` is limited to 250 of 450 W",)
    assert disturbance(found, STEADY, on_host=False) is None
    hot = replace(CARD, condition=Condition(slowdowns=(Slowdown.HARDWARE_THERMAL,)))
    found = between(BEFORE, after(), 8.0, replace(MACHINE, accelerators=(hot,)))
    expected = "throttled: `a card` lowered its clocks (hardware-thermal)"
    assert disturbance(found, STEADY, on_host=False) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"on_battery": True}, "the machine ran on its battery, which may slow it down"),
        ({"on_battery": False}, None),
        (
            {"clock_hz": 1.2e9, "clock_max_hz": 4.0e9},
            "the processor's clock stood at 1.2 of 4.0 GHz right afterwards",
        ),
        ({"clock_hz": 3.8e9, "clock_max_hz": 4.0e9}, None),
    ],
)
def test_power_and_clocks_are_said(changes, expected):
    found = between(BEFORE, after(**changes), 8.0, MACHINE)
    assert found.notes == (() if expected is None else (expected,))


def test_this_machine_answers():
    first, second = now(), now()
    assert second.wall_s >= first.wall_s
    assert second.busy_s >= first.busy_s > 0
    assert first.cores >= 1
