"""Predicted file sizes beside the published ones, and what the report says of them."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # the tools are scripts, no part of the package

import sizeaccuracy  # noqa: E402
from sizeaccuracy import CLOSE, EXCEPTIONS, FAR, OWN_MIX, PLAIN_MIX, RECIPE, Sized  # noqa: E402

from catalog.published import load_published  # noqa: E402


@pytest.fixture(scope="session")
def sizes():
    return sizeaccuracy.compare()


@pytest.fixture(scope="session")
def found(sizes):
    return sizes[0]


def of_kind(found, *kinds):
    return [one for one in found if one.kind in kinds]


def test_every_published_file_of_a_model_is_compared_or_named_as_without_size(sizes):
    found, unsized = sizes
    assert len(found) + len(unsized) == sum(f.model_name is not None for f in load_published())
    assert len(unsized) == 10
    assert {file.quant_label[:3] for file in unsized} == {"UD-"}


def test_files_by_the_recipe_are_exact_but_for_named_exceptions(found):
    exact = [one for one in of_kind(found, RECIPE) if one.file.bytes is not None]
    far = {(one.file.repository, one.file.quant_label) for one in exact if one.error > CLOSE}
    assert far == set(EXCEPTIONS)
    assert len(exact) > 320
    assert median(one.error for one in exact) < 1e-6


def test_nothing_more_than_two_percent_off_is_unexplained(found):
    """Beyond two percent are mixes alone, which say that they are estimates."""
    assert {one.kind for one in found if one.error > FAR} <= {PLAIN_MIX, OWN_MIX}


def test_the_median_of_all_published_files_is_far_below_a_fifth_of_a_percent(found):
    assert median(one.error for one in found) < 0.002
    exact = [one.error for one in found if one.file.bytes is not None]
    assert median(exact) < 0.0001


@pytest.mark.parametrize(
    ("kind", "middle", "tail"),
    [
        pytest.param(PLAIN_MIX, 0.003, 0.05, id="mixes under plain names"),
        pytest.param(OWN_MIX, 0.02, 0.08, id="mixes named UD-"),
    ],
)
def test_mixes_are_foretold_by_the_publishers_other_models(found, kind, middle, tail):
    errors = sorted(one.error for one in of_kind(found, kind))
    assert median(errors) <= middle
    assert errors[int(0.95 * len(errors))] <= tail


@pytest.mark.parametrize("kind", [RECIPE, PLAIN_MIX, OWN_MIX])
def test_the_bounds_hold_the_share_they_claim(found, kind):
    files = of_kind(found, kind)
    assert sum(one.is_inside for one in files) / len(files) >= sizeaccuracy.STATED_SHARE


def test_traits_make_right_what_the_recipe_alone_has_wrong(found):
    recipes = of_kind(found, RECIPE)
    plain = [sizeaccuracy.without_traits(one) for one in recipes]
    assert sum(one.error > FAR for one in plain) > 30
    assert sum(one.error > FAR for one in recipes) == 0


def test_the_report_shows_the_errors_of_today(sizes):
    """It fails when an error grows or shrinks: `make accuracy` writes the figures anew."""
    spec = importlib.util.spec_from_file_location("accuracy", ROOT / "tools" / "accuracy.py")
    accuracy = importlib.util.module_from_spec(spec)
    sys.modules["accuracy"] = accuracy
    spec.loader.exec_module(accuracy)
    section = sizeaccuracy.size_section(*sizes)
    assert section in accuracy.REPORT.read_text(encoding="utf-8")


# What the figures themselves mean.


def sized(*, predicted, low=90, high=110, **bounds):
    file = replace(next(iter(load_published())), **{"bytes_low": 100, "bytes_high": 100} | bounds)
    return Sized(file, RECIPE, predicted, low, high)


def test_an_error_is_relative_to_the_published_size():
    assert sized(predicted=105).error == pytest.approx(0.05)
    assert sized(predicted=95).error == pytest.approx(0.05)


def test_within_the_rounding_of_a_published_size_there_is_no_error():
    assert sized(predicted=104, bytes_high=105).error == 0
    assert sized(predicted=210, bytes_high=105).error == pytest.approx(1)


@pytest.mark.parametrize(
    ("low", "high", "is_inside"), [(90, 99, False), (101, 110, False), (99, 101, True)]
)
def test_a_file_is_inside_when_the_bounds_hold_it(low, high, is_inside):
    assert sized(predicted=100, low=low, high=high).is_inside is is_inside
