"""How a card is at the moment, as the real nvidia-ml-py hears of it from the fake library."""

from __future__ import annotations

import pytest


@pytest.fixture
def conditions(told):
    return [card.condition for card in told["strained"].accelerators]


def test_the_reasons_for_low_clocks_are_told_apart(conditions):
    assert [one.slowdowns for one in conditions] == [
        ["hardware", "software-thermal", "hardware-thermal"],
        ["power-cap"],
        [],
        ["sync-boost", "clock-setting"],
    ]


def test_being_idle_slows_no_program_down(conditions):
    assert conditions[2].slowdowns == []


def test_the_temperature_stands_beside_the_one_at_which_the_card_slows_down(conditions):
    assert [(one.temperature_celsius, one.slowdown_celsius) for one in conditions] == [
        (91.0, 90.0),
        (71.0, 97.0),
        (None, None),
        (None, None),
    ]


def test_errors_are_those_that_could_not_be_corrected(conditions):
    assert [one.uncorrected_errors for one in conditions] == [None, 3, 0, None]


def test_bad_memory_waits_for_a_reset_as_rows_or_as_pages(conditions):
    assert [(one.repair_pending, one.repair_failed) for one in conditions] == [
        (None, None),
        (True, False),
        (True, None),
        (False, True),
    ]


def test_who_may_compute_is_asked(conditions):
    modes = [one.compute_mode for one in conditions]
    assert modes == ["shared", "exclusive", "prohibited", None]


def test_a_card_that_answers_none_of_it_has_no_condition(told):
    (card,) = told["rtx4090"].accelerators
    assert card.condition is None


def test_an_old_driver_is_asked_under_the_old_name(build):
    answer = build("-DOLD_DRIVER").ask("old_driver", instead=["0.reasons=0x40"])
    (card,) = answer.accelerators
    assert card.condition.slowdowns == ["hardware-thermal"]


def test_the_link_of_the_card_alone_stands_beside_that_of_card_and_slot(told):
    (card,) = told["riser"].accelerators
    assert (card.link.generation, card.link.generation_max) == (4, 5)
