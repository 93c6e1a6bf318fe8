"""Predicted memory beside what llama.cpp reserves, and beside the logs of real GPUs."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # the tools are scripts, no part of the package

import memoryaccuracy  # noqa: E402
import memoryrows  # noqa: E402
from memoryrows import PARTS  # noqa: E402

from advisor.estimate.compute import ERRORS  # noqa: E402
from advisor.estimate.graph_shape import GraphKind  # noqa: E402
from advisor.workload import Era  # noqa: E402


@pytest.fixture(scope="session")
def reserved():
    return [memoryrows.compare(row) for row in memoryrows.reserved_rows()]


@pytest.fixture(scope="session")
def logs():
    return [memoryrows.compare(row) for row in memoryrows.log_rows()]


@pytest.fixture(scope="session")
def known(reserved):
    """Rows whose weights can be compared: see `memoryaccuracy.EXCEPTIONS`."""
    return [one for one in reserved if memoryaccuracy.exception_of(one) is None]


def test_the_cache_of_every_row_is_exact(reserved):
    """To the MiB where the table rounds down, else to its two decimals."""
    off = [one for one in reserved if abs(one.difference("cache")) > 0.006]
    assert off == []


def test_the_weights_of_every_row_are_exact_but_for_named_exceptions(reserved, known):
    """To two decimals; the host's figure adds up to two such buffers."""
    off = [one for one in known if abs(one.difference("weights") or 0) > 0.0101]
    assert off == []
    excepted = {one.row.model for one in reserved} - {one.row.model for one in known}
    assert excepted == {"gpt-oss-20b"}, "of Gemma only the rows on the host alone"


@pytest.mark.parametrize(
    ("table", "place", "scratch_limits", "sum_limits"),
    [
        pytest.param("server", "gpu", (0.0001, 0.001), (0.0001, 0.001), id="llama-server, GPU"),
        pytest.param("server", "host", (0.0001, 0.001), (0.0001, 0.001), id="llama-server, host"),
        pytest.param("fit-params", "gpu", (0.0001, 0.001), (0.0001, 0.001), id="fit-params, GPU"),
        pytest.param("fit-params", "host", (0.0001, 0.001), (0.0001, 0.001), id="fit-params, host"),
        pytest.param("modern", "gpu", (0.0001, 0.001), (0.0001, 0.001), id="newer models, GPU"),
        pytest.param("modern", "host", (0.0001, 0.001), (0.0001, 0.001), id="newer models, host"),
        pytest.param("library", "gpu", (0.0001, 0.01), None, id="every architecture, GPU"),
        pytest.param("library", "host", (0.0001, 0.01), None, id="every architecture, host"),
    ],
)
def test_median_and_tail_stay_within(known, table, place, scratch_limits, sum_limits):
    """Median and 95th percentile of the relative error."""
    rows = [one for one in known if (one.row.table, one.row.place) == (table, place)]
    for limits, errors in (
        (scratch_limits, [one.error("scratch") for one in rows]),
        (sum_limits, [one.sum_error() for one in rows]),
    ):
        found = memoryaccuracy.spread(errors)
        assert (found is None) is (limits is None)
        if limits is not None:
            assert found[0] <= limits[0]
            assert found[1] <= limits[1]


def test_no_buffer_is_off_by_more_than_12_percent(reserved):
    assert [one.row for one in reserved if one.error("scratch") > 0.12] == []


def test_buffers_of_drawn_graphs_are_exact_but_for_a_few_hybrids(reserved):
    """Hybrids whose layers stand for others, which leaves another gap here and there."""
    off = [one for one in reserved if one.kind is not GraphKind.INDEXED]
    off = [one for one in off if one.error("scratch") > 0.005]
    assert {one.kind for one in off} <= {GraphKind.RECURRENT}
    assert len(off) <= 12
    assert max(one.error("scratch") for one in off) < 0.08


@pytest.mark.parametrize("kind", GraphKind)
def test_four_of_five_buffers_are_inside_the_stated_interval(reserved, kind):
    rows = [one for one in reserved if one.kind is kind]
    share = sum(one.is_inside for one in rows) / len(rows)
    assert share >= 0.8
    assert ERRORS[kind] <= 0.12


def test_every_table_has_gpus_and_hosts_and_most_architectures_are_there(reserved):
    assert {one.row.place for one in reserved} == {"gpu", "host"}
    assert len({one.architecture for one in reserved}) > 60
    assert {one.row.table for one in reserved} == {"server", "fit-params", "modern", "library"}


def test_sums_of_real_gpus_are_within_three_percent(logs):
    """Weights, cache and scratch of runs that were logged, over 25 of them."""
    errors = [one.sum_error() for one in logs if one.sum_error() is not None]
    assert len(errors) >= 25
    middle, _ = memoryaccuracy.spread(errors)
    assert middle < 0.003
    assert max(errors) < 0.03


def test_each_log_is_predicted_with_the_era_of_its_build(logs):
    """Half of them to the MiB; the masks of a long context are F32, with a copy in F16."""
    before = [one for one in logs if one.row.build == "before"]
    assert {one.row.workload.era for one in before} == {Era.BEFORE_JUNE_2026}
    assert sum(abs(one.difference("scratch")) < 1 for one in before) >= len(before) / 2
    long_one = next(one for one in before if one.row.device == "A100-SXM4-80GB")
    assert long_one.scratch == pytest.approx(416.01, abs=0.01)
    wrong = dataclasses.replace(
        long_one.row, workload=dataclasses.replace(long_one.row.workload, era=Era.CURRENT)
    )
    assert memoryrows.compare(wrong).scratch == pytest.approx(258.5, abs=0.01)


def test_a_logs_cache_is_exact(logs):
    """To the 0.01 MiB that the logs round to."""
    assert [one.row for one in logs if abs(one.difference("cache")) > 0.02] == []


def test_no_run_that_worked_is_said_to_need_much_more(logs):
    """Beside the card's own memory an over-estimate would turn people away for nothing."""
    for one in logs:
        predicted = sum(getattr(one, part) for part in PARTS)
        true = sum(getattr(one.row, part) or 0.0 for part in PARTS)
        if one.row.weights is not None:
            assert predicted <= 1.03 * true


def test_the_report_shows_the_errors_of_today(reserved, logs):
    """It fails when an error grows or shrinks: `make accuracy` writes the figures anew."""
    spec = importlib.util.spec_from_file_location("accuracy", ROOT / "tools" / "accuracy.py")
    accuracy = importlib.util.module_from_spec(spec)
    sys.modules["accuracy"] = accuracy
    spec.loader.exec_module(accuracy)
    section = memoryaccuracy.memory_section(reserved, logs)
    assert section in accuracy.REPORT.read_text(encoding="utf-8")


# What the figures themselves mean.


def row(table="server", **reserved_mib):
    values = {"weights": 100.0, "cache": 10.0, "scratch": 50.0, **reserved_mib}
    first = next(memoryrows.reserved_rows())
    return dataclasses.replace(first, table=table, **values)


def compared(of, *, weights=100.0, cache=10.0, scratch=50.0):
    return memoryrows.Compared(
        row=of,
        architecture="llama",
        kind=GraphKind.DENSE,
        weights=weights,
        cache=cache,
        scratch=scratch,
        stated_error=0.1,
    )


def test_an_error_is_relative_to_what_was_reserved():
    one = compared(row(), scratch=55.0)
    assert one.error("scratch") == pytest.approx(0.1)
    assert one.error("cache") == 0
    assert one.sum_error() == pytest.approx(5 / 160)


def test_in_a_table_of_whole_mib_less_than_one_too_many_is_no_error():
    assert compared(row("fit-params"), scratch=50.9).error("scratch") == 0
    assert compared(row("fit-params"), scratch=51.0).error("scratch") == pytest.approx(1 / 50)
    assert compared(row("fit-params"), scratch=49.9).error("scratch") > 0
    assert compared(row("server"), scratch=50.9).error("scratch") > 0


def test_what_a_table_does_not_say_is_not_compared():
    one = compared(row(weights=None))
    assert (one.error("weights"), one.sum_error()) == (None, None)


def test_an_error_of_nothing_is_stated_of_one_mib():
    assert compared(row(scratch=0.0), scratch=0.5).error("scratch") == 0.5


@pytest.mark.parametrize(("scratch", "is_inside"), [(54.9, True), (56.0, False), (45.5, True)])
def test_a_row_is_inside_when_the_interval_holds_it(scratch, is_inside):
    """10 % of the prediction to either side."""
    assert compared(row(), scratch=scratch).is_inside is is_inside


def test_a_spread_is_the_median_and_the_95th_percentile():
    assert memoryaccuracy.spread([None, *[share / 100 for share in range(101)]]) == (0.5, 0.95)
    assert memoryaccuracy.spread([None]) is None
