"""Writes the published error of the estimates: `make accuracy`, after `make fit`.

Reads what `make fit` found for every cell when its device was left out, and the runs themselves for
the noise floor, and what llama.cpp reserves for memory; writes `docs/accuracy.md`. Each kind of
estimate is one section; memory's is `memoryaccuracy`, that of sizes `sizeaccuracy`.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import expm1, log
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from memoryaccuracy import memory_section  # noqa: E402
from memoryrows import compare, log_rows, reserved_rows  # noqa: E402
from sizeaccuracy import compare as compare_sizes  # noqa: E402
from sizeaccuracy import size_section  # noqa: E402
from speedfit.leave_out import Error, coverage  # noqa: E402
from speedfit.runs import MEASURED, Run, load_runs  # noqa: E402

REPORT = ROOT / "docs" / "accuracy.md"
ERRORS = MEASURED / "speed_errors.csv"

DEEP_TOKENS = 2048
"""Cached tokens from which a run counts as deep."""

FEW_CELLS = 3
"""Classes with fewer cells are summed up in one line."""

HEAD = """# How far the estimates are off

This file is written by `make accuracy`; nobody edits it.
"""

SPEED_TEXT = """## Speed

Every device is left out of the fit in turn, and its published runs are predicted from the other
devices, as they would be for a device that nobody has measured. A *cell* is one device, backend,
program, model, file type and depth (the median of the runs that differ only in their source). The
error is |predicted / measured - 1|. *Inside* is the share of cells that lie in the 80 % interval
which the other devices give. The *rule of thumb* (bandwidth / file size × 0.65, × 0.55 for AMD) is
judged on the same cells.

Runs of builds before June 2024 are judged with the cost that the fit finds for their age; the
program predicts builds of today. CPUs are judged with the memory rate that another model on the
same CPU implies, since no source states it. Parameters: `advisor/estimate/parameters.json`; runs:
`tests/measured/decode_speed.csv`; cells: `tests/measured/speed_errors.csv`.
"""

NOISE_TEXT = """### The noise floor

What two sources state for the same device with the same backend, program, model, file type and
depth differs by {median} in the median and by {tail} in one case of ten ({pairs} pairs; some are
two runs of one person). No estimate can be near to both.
"""

WORST_TEXT = """### Where it is worst

Cells that are off by more than a quarter, on single devices, llamafile apart:
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One line of `speed_errors.csv`."""

    test: str
    device: str
    units: int
    speed_class: str
    runtime: str
    era: str
    is_moe: bool
    depth_tokens: int
    measured: float
    predicted: float
    rule_of_thumb: float | None
    group: str
    is_inside: bool = False

    @property
    def error(self) -> float:
        """How far the prediction is off, of the measured speed."""
        return abs(self.predicted / self.measured - 1)

    @property
    def is_plain(self) -> bool:
        """One GPU decoding under llama.cpp or Ollama: what the targets are stated for."""
        return (
            self.test == "decode"
            and self.units == 1
            and self.speed_class != "cpu"
            and self.runtime != "llamafile"
        )


def main() -> None:
    """Write the report."""
    cells = with_coverage(read_cells(ERRORS))
    memory = memory_section(
        [compare(row) for row in reserved_rows()], [compare(row) for row in log_rows()]
    )
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(
        "\n".join(
            [HEAD, size_section(*compare_sizes()), memory, speed_section(cells, load_runs())]
        ),
        encoding="utf-8",
    )


def read_cells(path: Path) -> list[Cell]:
    """The cells of the file that `make fit` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return [_cell(row) for row in rows]


def _cell(row: dict[str, str]) -> Cell:
    rule = row["rule_of_thumb_tokens_per_s"]
    return Cell(
        test=row["test"],
        device=row["device"],
        units=int(row["units"]),
        speed_class=row["speed_class"],
        runtime=row["runtime"],
        era=row["era"],
        is_moe=row["is_moe"] == "yes",
        depth_tokens=int(row["depth_tokens"]),
        measured=float(row["tokens_per_s"]),
        predicted=float(row["predicted_tokens_per_s"]),
        rule_of_thumb=float(rule) if rule else None,
        group=row["group"],
    )


def with_coverage(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with whether each is inside the interval that the other devices give."""
    from dataclasses import replace

    errors = [
        Error(
            device=cell.device,
            speed_class=cell.speed_class,
            group=f"{cell.test} {cell.group}",
            log_error=log(cell.measured / cell.predicted),
        )
        for cell in cells
    ]
    inside = coverage(errors)
    return [replace(cell, is_inside=one) for cell, one in zip(cells, inside, strict=True)]


def speed_section(cells: Sequence[Cell], runs: Iterable[Run]) -> str:
    """Everything about speed."""
    return "\n".join(
        [
            SPEED_TEXT,
            overview(cells),
            "### By class\n\nDecoding on one GPU, llamafile apart.\n",
            by_class([cell for cell in cells if cell.is_plain]),
            noise_floor(runs),
            WORST_TEXT,
            worst([cell for cell in cells if cell.is_plain]),
        ]
    )


KINDS: tuple[tuple[str, Callable[[Cell], bool]], ...] = (
    ("decode, one GPU", lambda cell: cell.is_plain),
    ("… builds since June 2024", lambda cell: cell.is_plain and not cell.era),
    ("… mixtures of experts", lambda cell: cell.is_plain and cell.is_moe),
    (
        "… 2,048 tokens deep or more",
        lambda cell: cell.is_plain and cell.depth_tokens >= DEEP_TOKENS,
    ),
    (
        "decode, several GPUs",
        lambda cell: cell.test == "decode" and cell.units > 1 and cell.runtime != "llamafile",
    ),
    (
        "decode, one GPU, llamafile",
        lambda cell: (
            cell.test == "decode" and cell.runtime == "llamafile" and cell.speed_class != "cpu"
        ),
    ),
    ("decode, CPU", lambda cell: cell.speed_class == "cpu"),
    ("prefill, one GPU", lambda cell: cell.test == "prefill" and cell.runtime != "llamafile"),
    (
        "prefill, one GPU, llamafile",
        lambda cell: cell.test == "prefill" and cell.runtime == "llamafile",
    ),
)


def overview(cells: Sequence[Cell]) -> str:
    """One line per kind of estimate."""
    lines = [_heading("kind")]
    lines += [_line(name, [cell for cell in cells if wanted(cell)]) for name, wanted in KINDS]
    return "\n".join(lines) + "\n"


def by_class(cells: Sequence[Cell]) -> str:
    """One line per class, the smallest together."""
    classes: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        classes[cell.speed_class].append(cell)
    few = [cell for found in classes.values() if len(found) < FEW_CELLS for cell in found]
    lines = [_heading("class")]
    lines += [
        _line(f"`{name}`", found)
        for name, found in sorted(classes.items())
        if len(found) >= FEW_CELLS
    ]
    if few:
        lines.append(_line("the rest", few))
    return "\n".join(lines) + "\n"


def _heading(what: str) -> str:
    return (
        f"| {what} | cells | devices | median | median of devices | 90th percentile | inside "
        "| rule of thumb, median | 90th percentile |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    )


def _line(name: str, cells: Sequence[Cell]) -> str:
    errors = [cell.error for cell in cells]
    devices: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        devices[cell.device].append(cell.error)
    thumb = [abs(c.rule_of_thumb / c.measured - 1) for c in cells if c.rule_of_thumb is not None]
    inside = sum(cell.is_inside for cell in cells) / len(cells)
    return (
        f"| {name} | {len(cells)} | {len(devices)} | {_percent(median(errors))} "
        f"| {_percent(median(median(found) for found in devices.values()))} "
        f"| {_percent(percentile(errors, 0.9))} | {100 * inside:.0f} % "
        f"| {_percent(median(thumb)) if thumb else ''} "
        f"| {_percent(percentile(thumb, 0.9)) if thumb else ''} |"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the others does not exceed.

    Raises:
        ValueError: There is no value.
    """
    if not values:
        msg = "no value, no percentile"
        raise ValueError(msg)
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def noise_floor(runs: Iterable[Run]) -> str:
    """How far different people's runs of the same thing are apart."""
    same: dict[tuple[object, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.test == "decode" and run.device is not None:
            key = (run.device_name, run.units, run.backend, run.runtime, run.era, run.shape.model)
            same[(*key, run.quant, run.start_depth_tokens)][run.source].append(run.tokens_per_s)
    apart = [
        expm1(abs(log(median(one) / median(other))))
        for sources in same.values()
        for place, one in enumerate(list(sources.values()))
        for other in list(sources.values())[:place]
    ]
    return NOISE_TEXT.format(
        median=_percent(median(apart)), tail=_percent(percentile(apart, 0.9)), pairs=len(apart)
    )


def worst(cells: Sequence[Cell]) -> str:
    """Where the large errors are, by device and backend, and the percentile without the first."""
    far: dict[tuple[str, str], int] = defaultdict(int)
    count: dict[tuple[str, str], int] = defaultdict(int)
    for cell in cells:
        key = (cell.device, cell.speed_class.partition("/")[2])
        count[key] += 1
        far[key] += cell.error > 0.25
    ranked = sorted(far.items(), key=lambda item: (-item[1], item[0]))[:6]
    lines = ["| device | backend | cells off by more than 25 % | of |", "|---|---|--:|--:|"]
    lines += [f"| {name[0]} | {name[1]} | {bad} | {count[name]} |" for name, bad in ranked]
    first = {name for name, _ in ranked[:2]}
    rest = [c.error for c in cells if (c.device, c.speed_class.partition("/")[2]) not in first]
    lines.append(
        f"\nWithout the first two, the 90th percentile of all cells is "
        f"{_percent(percentile(rest, 0.9))}."
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
