"""The memory section of `docs/accuracy.md`: how far predictions are from what llama.cpp reserves.

Holds the tables and their sentences; `memoryrows` has the rows and their predictions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from memoryrows import PARTS, Compared

from advisor.estimate.compute import ERRORS

if TYPE_CHECKING:
    from advisor.estimate.graph_shape import GraphKind

MEMORY_TEXT = """## Memory

What the program predicts beside what llama.cpp of October 2026 reserves without allocating: a
sample of its own answers, kept in `tests/measured/llama_cpp_memory.csv`, which says how each table
was made. The error of a part is |predicted - reserved| / reserved, of 1 MiB or more; tables in
whole MiB are rounded down, so that less than one too many is no error. `gpu` is the device, `host`
the system's memory beside it or alone. Each column has the median and the 95th percentile.
"""

EXCEPTIONS_TEXT = """### Known exceptions

Weights of these rows, and so their sums, are left out above:

{excluded}

When the last attention of LFM2, Nemotron Nano or Granite 4.0 H Micro on the host has no recurrent
layer behind it there, llama.cpp finds that attention on another device than its layer, and switches
flash attention off for the whole model: the scratch of LFM2.5 1.2B grows from 0.1 to 2 GiB (`-fa
on` avoids that). The program predicts it. BitNet's head stays on the host, with its logits.

The tables' device is reached by RPC and leaves the host's blocks to the host. A GPU takes their
large products over, as the log of an RTX 2060 below shows: it holds a copy, which the program
counts in `overhead_bytes`, and the host has nothing to compute. The program counts the host's
scratch all the same, so that a partial placement is never said to need less than it does.
"""

INTERVAL_TEXT = """### Intervals

`low_bytes` and `high_bytes` hold the scratch's share below for each kind of graph (and the driver
context's own interval). *Inside* is the share of rows whose scratch lies in it; 80 % is meant.
The program draws these graphs and allocates them as llama.cpp does, and comes out exact on its own
backend: the intervals are as wide as they are because kernels of other backends and other builds
ask for a little more or less, as the logs below show.
"""

LOGS_TEXT = """### Logs of real GPUs

Buffers that runs on real GPUs logged (`tests/measured/gpu_logs.csv`), one device each, all of
which worked; no log of a run that ran out of memory states its buffers. Each is predicted with the
era of its own build (`--era`). The sum is weights, cache and scratch.
"""


@dataclass(frozen=True, slots=True)
class _Exception:
    """Rows whose weights cannot be compared, and why."""

    holds: Callable[[Compared], bool]
    reason: str


EXCEPTIONS = (
    _Exception(
        lambda one: one.architecture == "gpt-oss" and one.row.weights is not None,
        "gpt-oss: the table's file was made from F16 experts, and everybody's real one from MXFP4",
    ),
    _Exception(
        lambda one: (
            one.architecture in {"gemma3n", "gemma4"}
            and one.row.gpu_layers == 0
            and one.row.weights is not None
        ),
        "Gemma 3n and Gemma 4 on the host alone: llama.cpp counts the token embedding twice, though"
        " both are the same pages of the file",
    ),
)


def memory_section(reserved: Sequence[Compared], logs: Sequence[Compared]) -> str:
    """Everything about memory."""
    known = [one for one in reserved if exception_of(one) is None]
    return "\n".join(
        [
            MEMORY_TEXT,
            by_table(reserved, known),
            "### By architecture\n",
            by_architecture(reserved, known),
            _exceptions(reserved),
            INTERVAL_TEXT,
            intervals(reserved),
            LOGS_TEXT,
            by_build(logs),
        ]
    )


def exception_of(one: Compared) -> str | None:
    """Why a row's weights are not compared; ``None`` for most."""
    return next((known.reason for known in EXCEPTIONS if known.holds(one)), None)


def spread(errors: Iterable[float | None]) -> tuple[float, float] | None:
    """Median and 95th percentile of what is known; ``None`` when nothing is."""
    known = sorted(error for error in errors if error is not None)
    if not known:
        return None
    return median(known), known[min(len(known) - 1, int(0.95 * len(known)))]


def _cell(errors: Iterable[float | None]) -> str:
    found = spread(errors)
    return "" if found is None else f"{100 * found[0]:.2f} %, {100 * found[1]:.1f} %"


def by_table(reserved: Sequence[Compared], known: Sequence[Compared]) -> str:
    """One line per table and device."""
    lines = [
        "| table | device | rows | weights | cache | scratch | sum |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    keys = {(one.row.table, one.row.place): None for one in reserved}
    for key in keys:
        here = [one for one in reserved if (one.row.table, one.row.place) == key]
        sure = [one for one in known if (one.row.table, one.row.place) == key]
        cells = [
            _cell(one.error("weights") for one in sure),
            _cell(one.error("cache") for one in here),
            _cell(one.error("scratch") for one in here),
            _cell(one.sum_error() for one in sure),
        ]
        lines.append(f"| `{key[0]}` | {key[1]} | {len(here)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def by_architecture(reserved: Sequence[Compared], known: Sequence[Compared]) -> str:
    """One line per architecture; weights and cache are exact, so only scratch and sum are shown."""
    lines = [
        "| architecture | kind of graph | rows | scratch, gpu | … host | sum, gpu | … host |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    kinds = {(one.architecture, one.kind): None for one in reserved}
    for architecture, kind in sorted(kinds):
        key = (architecture, kind)
        here = [one for one in reserved if (one.architecture, one.kind) == key]
        sure = [one for one in known if (one.architecture, one.kind) == key]
        cells = [
            _cell(one.error("scratch") for one in here if one.row.place == place)
            for place in ("gpu", "host")
        ] + [
            _cell(one.sum_error() for one in sure if one.row.place == place)
            for place in ("gpu", "host")
        ]
        lines.append(f"| `{architecture}` | {kind.value} | {len(here)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _exceptions(reserved: Sequence[Compared]) -> str:
    lines = []
    for known in EXCEPTIONS:
        rows = [one for one in reserved if known.holds(one)]
        far = max(abs(one.difference("weights") or 0.0) for one in rows)
        lines.append(f"- {known.reason} ({len(rows)} rows, up to {far:,.0f} MiB apart).")
    return EXCEPTIONS_TEXT.format(excluded="\n".join(lines))


def intervals(reserved: Sequence[Compared]) -> str:
    """One line per kind of graph: what is stated, and how often it holds."""
    kinds: dict[GraphKind, list[Compared]] = defaultdict(list)
    for one in reserved:
        kinds[one.kind].append(one)
    lines = ["| kind of graph | rows | stated | inside |", "|---|--:|--:|--:|"]
    for kind, stated in ERRORS.items():
        inside = sum(one.is_inside for one in kinds[kind]) / len(kinds[kind])
        lines.append(
            f"| {kind.value} | {len(kinds[kind])} | ±{100 * stated:.0f} % | {100 * inside:.0f} % |"
        )
    return "\n".join(lines) + "\n"


def by_build(logs: Sequence[Compared]) -> str:
    """One line per era of builds."""
    lines = ["| build | rows | weights | cache | scratch | sum |", "|---|--:|--:|--:|--:|--:|"]
    for build in ("before", "since"):
        here = [one for one in logs if one.row.build == build]
        cells = [_cell(one.error(part) for one in here) for part in PARTS]
        cells.append(_cell(one.sum_error() for one in here))
        lines.append(f"| {build} June 2026 | {len(here)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
