"""How far speeds are off on devices that the fit has not seen: it must not get worse.

The limits stand a little above what `docs/accuracy.md` shows; whoever makes the estimates better
lowers them.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # the tools are scripts, no part of the package

import speedaccuracy  # noqa: E402
import speedcells  # noqa: E402
import speedfigures  # noqa: E402
from figures import ranges, scatter, svg  # noqa: E402
from speedfit.runs import load_runs  # noqa: E402

LIMITS = {
    "decode, one GPU": (0.066, 0.072, 0.225),
    "… builds since June 2024": (0.069, 0.077, 0.220),
    "… mixtures of experts": (0.080, 0.085, 0.305),
    "… 2,048 tokens deep or more": (0.067, 0.046, 0.242),
    "decode, several GPUs": (0.060, 0.072, 0.255),
    "decode, one GPU, llamafile": (0.096, 0.096, 0.410),
    "decode, CPU": (0.063, 0.062, 0.315),
    "prefill, one GPU": (0.108, 0.108, 0.670),
    "prefill, one GPU, llamafile": (0.097, 0.100, 0.366),
}
"""Kind of estimate → median error of cells and of devices, and the 90th percentile."""

COVERAGE = (0.75, 0.885)
"""Share of cells inside an 80 % interval that the other devices give."""

MANY_CELLS = 15
UNLIKE_SISTERS = {"amd-rdna4/rocm": 0.55}
"""Classes of two unlike devices, one of which has nearly all cells; see `docs/accuracy.md`."""


@pytest.fixture(scope="module")
def cells():
    return speedcells.with_coverage(speedcells.read_cells(speedcells.ERRORS))


@pytest.fixture(scope="module")
def plain(cells):
    return [cell for cell in cells if cell.is_plain]


def test_every_kind_in_the_report_has_a_limit():
    assert [name for name, _ in speedaccuracy.KINDS] == list(LIMITS)


@pytest.mark.parametrize(("name", "wanted"), speedaccuracy.KINDS, ids=[*LIMITS])
def test_no_kind_of_estimate_gets_worse(cells, name, wanted):
    chosen = [cell for cell in cells if wanted(cell)]
    by_device = defaultdict(list)
    for cell in chosen:
        by_device[cell.device].append(cell.error)
    errors = [cell.error for cell in chosen]
    found = (
        median(errors),
        median(map(median, by_device.values())),
        speedaccuracy.percentile(errors, 0.9),
    )
    assert all(one <= limit for one, limit in zip(found, LIMITS[name], strict=True)), found


@pytest.mark.parametrize(("name", "wanted"), speedaccuracy.KINDS, ids=[*LIMITS])
def test_four_of_five_cells_are_inside_the_interval_that_other_devices_give(cells, name, wanted):
    inside = [cell.is_inside for cell in cells if wanted(cell)]
    assert COVERAGE[0] <= sum(inside) / len(inside) <= COVERAGE[1], name


def test_no_class_of_many_cells_has_a_dishonest_interval(plain):
    inside = defaultdict(list)
    for cell in plain:
        inside[cell.speed_class].append(cell.is_inside)
    for name, found in inside.items():
        if len(found) >= MANY_CELLS:
            assert sum(found) / len(found) >= UNLIKE_SISTERS.get(name, 0.65), name


def test_the_report_shows_the_committed_errors(cells):
    section = speedaccuracy.speed_section(cells, load_runs())
    assert section in (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")


# The figures.


def test_the_committed_figures_are_drawn_from_the_committed_errors(cells):
    drawn = speedfigures.figures_of(cells)
    folder = ROOT / "docs" / "figures"
    assert {file.name for file in folder.glob("*.svg")} == set(drawn)
    for name, drawing in drawn.items():
        assert (folder / name).read_text(encoding="utf-8") == drawing, (
            f"{name}: run `make accuracy`"
        )


def test_every_figure_is_in_the_report():
    report = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    for file in (ROOT / "docs" / "figures").glob("*.svg"):
        assert f"(figures/{file.name})" in report


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        pytest.param((1, 1), (10, 110), id="the least is the lower left corner"),
        pytest.param((100, 10), (110, 60), id="ten of a hundred is half way up"),
        pytest.param((1000, 0.1), (110, 110), id="what lies beyond is drawn at the edge"),
    ],
)
def test_a_pair_is_placed_on_logarithmic_axes(pair, expected):
    panel = scatter.Panel(x=10, y=10, side=100, least=1, most=100, title="")
    assert panel.at(pair) == pytest.approx(expected)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 2.5), (0.9, 3.7), (1.0, 4.0)])
def test_a_quantile_lies_between_values(share, expected):
    assert ranges.quantile([4.0, 1.0, 3.0, 2.0], share) == pytest.approx(expected)


def test_words_in_a_figure_are_escaped():
    assert svg.text(1, 2.25, "a < b") == '<text x="1" y="2.2">a &lt; b</text>'
