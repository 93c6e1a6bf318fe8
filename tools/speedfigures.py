"""The figures of the speed section of the accuracy report, from the cells that it is made from.

Each is drawn from the errors that left-out devices have (`speed_errors.csv`), so that a picture and
the tables beside it cannot differ. `make accuracy` writes them to `docs/figures/`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from figures import scatter, svg
from figures.ranges import Chart, Row

if TYPE_CHECKING:
    from speedcells import Cell

WIDTH = 880
FOLDER = Path(__file__).parents[1] / "docs" / "figures"
VENDORS = {"nvidia": "NVIDIA", "amd": "AMD", "apple": "Apple", "intel": "Intel"}
GIGA = 1e9
SIZES = (0.5, 1, 2, 4, 8, 16, 32)
"""Bounds of the classes of size, in GB that one token reads."""

DEPTHS = (1, 4096, 16384, 32768)
"""Bounds of the classes of depth, in tokens in the cache."""

FEW_CELLS = 3


def write_figures(cells: Sequence[Cell], folder: Path = FOLDER) -> None:
    """Draw them all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawing in figures_of(cells).items():
        (folder / name).write_text(drawing, encoding="utf-8")


def figures_of(cells: Sequence[Cell]) -> dict[str, str]:
    """Every figure by the name of its file."""
    plain = [cell for cell in cells if cell.is_plain]
    return {
        "decode_by_vendor.svg": by_vendor(plain),
        "decode_by_size.svg": chart("Decoding on one GPU, by what one token reads", by_size(plain)),
        "decode_by_depth.svg": chart(
            "Decoding on one GPU, by what is in the cache", by_depth(plain)
        ),
        "decode_by_class.svg": chart("Decoding on one GPU, by class of device", by_class(plain)),
        "other_kinds.svg": other_kinds(cells),
    }


def by_vendor(cells: Sequence[Cell]) -> str:
    """The program and the rule of thumb on the same cells, side by side."""
    panels = (
        scatter.Panel(x=60, y=62, side=350, least=1, most=1000, title="advisor"),
        scatter.Panel(
            x=500,
            y=62,
            side=350,
            least=1,
            most=1000,
            title="rule of thumb: bandwidth / file × 0.65 (AMD 0.55)",
        ),
    )
    ours = grouped(cells, lambda cell: (cell.measured, cell.predicted))
    thumb = grouped(cells, lambda cell: (cell.measured, cell.rule_of_thumb or 0.0))
    shapes = [*_legend(VENDORS, 60, 24), *panels[0].draw(ours), *panels[1].draw(thumb)]
    return svg.document(WIDTH, 460, "Predicted against measured decode speed, by vendor", shapes)


def other_kinds(cells: Sequence[Cell]) -> str:
    """Mixtures, several GPUs, CPUs and prompts: a small panel each."""
    wanted: tuple[tuple[str, float, float, Callable[[Cell], bool]], ...] = (
        ("mixtures of experts", 1, 1000, lambda cell: cell.is_plain and cell.is_moe),
        ("several GPUs", 1, 1000, lambda cell: cell.pool == "decode" and cell.units > 1),
        ("CPUs", 0.1, 1000, lambda cell: cell.pool == "cpu"),
        (
            "prompts",
            10,
            100_000,
            lambda cell: cell.pool == "prefill" and cell.runtime != "llamafile",
        ),
    )
    shapes = _legend({**VENDORS, "cpu": "CPU"}, 52, 24)
    for place, (title, least, most, is_wanted) in enumerate(wanted):
        panel = scatter.Panel(
            x=52 + 211 * place,
            y=62,
            side=168,
            least=least,
            most=most,
            title=title,
            has_vertical_name=place == 0,
        )
        shown = [cell for cell in cells if is_wanted(cell)]
        shapes += panel.draw(grouped(shown, lambda cell: (cell.measured, cell.predicted)))
    title = "Predicted against measured speed of mixtures, several GPUs, CPUs and prompts"
    return svg.document(WIDTH, 278, title, shapes)


def grouped(
    cells: Sequence[Cell], pair: Callable[[Cell], scatter.Pair]
) -> Mapping[str, list[scatter.Pair]]:
    """Pairs by vendor, in the legend's order."""
    found: dict[str, list[scatter.Pair]] = {name: [] for name in (*VENDORS, "cpu")}
    for cell in cells:
        found[vendor_of(cell)].append(pair(cell))
    return {name: sorted(pairs) for name, pairs in found.items() if pairs}


def vendor_of(cell: Cell) -> str:
    """The maker of a cell's device."""
    return cell.speed_class.partition("/")[0].partition("-")[0]


def chart(title: str, rows: Sequence[Row]) -> str:
    """Rows of bars, the program's above the rule of thumb's."""
    bars = Chart(rows=rows, x=0, y=64, width=WIDTH - 40)
    shapes = [
        svg.text(20, 28, title, css="title"),
        svg.text(
            20,
            47,
            "predicted over measured: 10th to 90th percentile of the cells (their number), with a"
            " gap at the median",
            css="small quiet",
        ),
        svg.bar(560, 19, 22, 10, "f-ours"),
        svg.text(588, 28, "advisor", css="small"),
        svg.bar(650, 22, 22, 5, "f-thumb"),
        svg.text(678, 28, "rule of thumb", css="small"),
        *bars.draw(),
    ]
    return svg.document(WIDTH, bars.height + 84, title, shapes)


def by_size(cells: Sequence[Cell]) -> list[Row]:
    """A row for each class of size."""
    names = [f"under {SIZES[0]:g} GB"]
    names += [f"{low:g} to {high:g} GB" for low, high in pairwise(SIZES)]
    names.append(f"{SIZES[-1]:g} GB and more")
    return _binned(cells, names, lambda cell: cell.read_bytes / GIGA, SIZES)


def by_depth(cells: Sequence[Cell]) -> list[Row]:
    """A row for each class of depth."""
    names = ["an empty cache", "up to 4k tokens", "4k to 16k", "16k to 32k", "32k and more"]
    return _binned(cells, names, lambda cell: cell.depth_tokens, DEPTHS)


def _binned(
    cells: Sequence[Cell],
    names: Sequence[str],
    quantity: Callable[[Cell], float],
    bounds: Sequence[float],
) -> list[Row]:
    found: dict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[sum(quantity(cell) >= bound for bound in bounds)].append(cell)
    return [_row(name, found[place]) for place, name in enumerate(names) if found[place]]


def by_class(cells: Sequence[Cell]) -> list[Row]:
    """A row for each class with a few cells."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[cell.speed_class].append(cell)
    return [_row(name, found[name]) for name in sorted(found) if len(found[name]) >= FEW_CELLS]


def _row(name: str, cells: Sequence[Cell]) -> Row:
    return Row(
        name=name,
        ours=[cell.predicted / cell.measured for cell in cells],
        thumb=[
            cell.rule_of_thumb / cell.measured for cell in cells if cell.rule_of_thumb is not None
        ],
    )


def _legend(names: Mapping[str, str], x: float, y: float) -> list[str]:
    """A dot and a name for each colour in a row, and what the dashed lines are."""
    shapes: list[str] = []
    for name, shown in names.items():
        shapes += [svg.dots([(x, y - 4)], name), svg.text(x + 9, y, shown, css="small")]
        x += 30 + 7 * len(shown)
    return [*shapes, svg.text(x, y, "dashed: a quarter off", css="small quiet")]
