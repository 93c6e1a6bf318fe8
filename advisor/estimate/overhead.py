"""What a GPU's driver takes for itself when a model is loaded: the context no buffer line shows.

Holds the lookup in `overheads.csv`; its rows are measured differences, each with its source.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from advisor.figure import Figure, Origin
from catalog.load import csv_rows

_Key = tuple[str, str, str]


@cache
def _rows() -> dict[_Key, Figure]:
    return {
        (row["backend"], row["architecture"], row["kind"]): Figure(
            value=int(row["value_bytes"]),
            low=int(row["low_bytes"]),
            high=int(row["high_bytes"]),
            origin=Origin.PUBLISHED,
            source=row["source"],
        )
        for row in csv_rows("overheads.csv", folder=Path(__file__).parent)
    }


@cache
def driver_context_bytes(*, backend: str, architecture: str | None, kind: str) -> Figure:
    """Memory the driver's context takes on one GPU.

    Args:
        backend: `cuda`, `rocm`, `vulkan`, `sycl` or `metal`.
        architecture: Compute capability or gfx target; ``None`` when it is not known.
        kind: `desktop`, `laptop`, `datacenter`, `unified`, …

    Returns:
        The figure of the same architecture and kind, else of the architecture, else of the
        backend. [bytes]
    """
    rows = _rows()
    for key in ((backend, architecture or "", kind), (backend, architecture or "", "")):
        if key in rows:
            return rows[key]
    return rows[backend, "", ""]
