"""The speed section of the accuracy report: errors of devices that the fit has not seen.

Holds the tables and the words; the cells come from `speedcells`, the figures from `speedfigures`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import expm1, log
from statistics import median
from typing import TYPE_CHECKING

from speedfit import leave_out
from speedfit.runs import OLD_ERAS

if TYPE_CHECKING:
    from speedcells import Cell
    from speedfit.runs import Run

DEEP_TOKENS = 2048
"""Cached tokens from which a run counts as deep."""

FEW_CELLS = 3
"""Classes with fewer cells are summed up in one line."""

SPEED_TEXT = """## Speed

Every device is left out of the fit in turn, and its published runs are predicted from the other
devices, as they would be for a device that nobody has measured. A *cell* is one device, backend,
program, model, file type and depth (the median of the runs that differ only in their source). The
error is |predicted / measured - 1|. *Inside* is the share of cells that lie in the 80 % interval
which the other devices give. The *rule of thumb* (bandwidth / file size × 0.65, × 0.55 for AMD) is
judged on the same cells.

![Predicted against measured decode speed, by vendor](figures/decode_by_vendor.svg)

Runs of builds before June 2024, and deep ones of Vulkan before its attention was rewritten in 2026,
are judged with the cost that the fit finds for their age; the program predicts builds of today.
CPUs are judged with the memory rate that another model on the same CPU implies, since no source
states it. Parameters: `advisor/estimate/parameters.json`; runs: `tests/measured/decode_speed.csv`;
cells: `tests/measured/speed_errors.csv`.
"""

FIGURES = """![Mixtures, several GPUs, CPUs and prompts](figures/other_kinds.svg)

![Errors by what one token reads](figures/decode_by_size.svg)

![Errors by what is in the cache](figures/decode_by_depth.svg)
"""

KNOWN_TEXT = """Of a device that is among the runs with other models, one that was not run on it is
off by {median} in the median and by {tail} in one case of ten.
"""

CLASS_TEXT = """### By class

Decoding on one GPU, llamafile apart.

![Errors by class of device](figures/decode_by_class.svg)
"""

INTERVAL_TEXT = f"""### Intervals

`low` and `high` are meant to hold four of five cells of a device that the fit has not seen. A
class's interval is the quantile of its own errors, every device counting as one, and of as many of
all other classes as {leave_out.POOLED_DEVICES} devices would have: a class of many devices speaks
for itself, and one of few is as wide as the others are. It leaves {100 * leave_out.OUTSIDE:.0f} %
of them out, less where devices are few. In a class of two devices each is judged by the other, and
its cells share one bias: of a card unlike its only sister (`amd-rdna4/rocm`), many are outside
together. Of a vendor that no run names, the interval holds what leaving whole vendors out showed.
"""

NOISE_TEXT = """### The noise floor

What two sources state for the same device with the same backend, program, model, file type and
depth differs by {median} in the median and by {tail} in one case of ten ({pairs} pairs; some are
two runs of one person). No estimate can be near to both. The estimates above, of devices that the
fit has not seen, are off by {our_median} and {our_tail}.
"""

WORST_TEXT = """### Where it is worst

Cells that are off by more than a quarter, on single devices, llamafile apart:
"""


def speed_section(cells: Sequence[Cell], runs: Iterable[Run]) -> str:
    """Everything about speed."""
    plain = [cell for cell in cells if cell.is_plain]
    return "\n".join(
        [
            SPEED_TEXT,
            overview(cells),
            known_devices(plain),
            FIGURES,
            CLASS_TEXT,
            by_class(plain),
            INTERVAL_TEXT,
            noise_floor(runs, plain),
            WORST_TEXT,
            worst(plain),
        ]
    )


KINDS: tuple[tuple[str, Callable[[Cell], bool]], ...] = (
    ("decode, one GPU", lambda cell: cell.is_plain),
    ("… builds since June 2024", lambda cell: cell.is_plain and cell.era not in OLD_ERAS),
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


def known_devices(cells: Sequence[Cell]) -> str:
    """How far a device's other models help."""
    errors = [
        abs(cell.predicted_with_device / cell.measured - 1)
        for cell in cells
        if cell.predicted_with_device is not None
    ]
    return KNOWN_TEXT.format(
        median=_percent(median(errors)), tail=_percent(percentile(errors, 0.9))
    )


def noise_floor(runs: Iterable[Run], cells: Sequence[Cell]) -> str:
    """How far different people's runs of the same thing are apart, and how near the cells are."""
    same: dict[tuple[object, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.test == "decode" and run.device is not None:
            era = run.era if run.is_old else ""
            key = (run.device_name, run.units, run.backend, run.runtime, era, run.shape.model)
            same[(*key, run.quant, run.start_depth_tokens)][run.source].append(run.tokens_per_s)
    apart = [
        expm1(abs(log(median(one) / median(other))))
        for sources in same.values()
        for place, one in enumerate(list(sources.values()))
        for other in list(sources.values())[:place]
    ]
    errors = [cell.error for cell in cells]
    return NOISE_TEXT.format(
        median=_percent(median(apart)),
        tail=_percent(percentile(apart, 0.9)),
        pairs=len(apart),
        our_median=_percent(median(errors)),
        our_tail=_percent(percentile(errors, 0.9)),
    )


def worst(cells: Sequence[Cell]) -> str:
    """Where the large errors are, by device and backend."""
    far: dict[tuple[str, str], int] = defaultdict(int)
    count: dict[tuple[str, str], int] = defaultdict(int)
    for cell in cells:
        key = (cell.device, cell.speed_class.partition("/")[2])
        count[key] += 1
        far[key] += cell.error > 0.25
    ranked = sorted(far.items(), key=lambda item: (-item[1], item[0]))[:6]
    lines = ["| device | backend | cells off by more than 25 % | of |", "|---|---|--:|--:|"]
    lines += [f"| {name[0]} | {name[1]} | {bad} | {count[name]} |" for name, bad in ranked]
    return "\n".join(lines) + "\n"
