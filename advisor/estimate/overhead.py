"""What a GPU holds that no buffer line shows: the driver's context, and pools of the backend.

Holds the lookups in `overheads.csv` and `overhead_parts.csv`; their rows are measured differences,
each with its source.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from advisor.figure import Figure, Origin
from catalog.load import csv_rows

_HERE = Path(__file__).parent

MIXTURE = "mixture"
"""The graph of a row of pools that only mixtures of experts need."""

_Key = tuple[str, str, str]


@cache
def _contexts() -> dict[_Key, Figure]:
    return {
        (row["backend"], row["architecture"], row["kind"]): Figure(
            value=int(row["value_bytes"]),
            low=int(row["low_bytes"]),
            high=int(row["high_bytes"]),
            origin=Origin.PUBLISHED,
            source=row["source"],
        )
        for row in csv_rows("overheads.csv", folder=_HERE)
    }


@cache
def _parts() -> tuple[dict[str, str], ...]:
    return tuple(csv_rows("overhead_parts.csv", folder=_HERE))


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
    rows = _contexts()
    for key in ((backend, architecture or "", kind), (backend, architecture or "", "")):
        if key in rows:
            return rows[key]
    return rows[backend, "", ""]


@cache
def pool_bytes(*, backend: str, is_mixture: bool, ubatch_tokens: int) -> Figure:
    """Memory that the backend takes for a while during a long prompt, above what loading takes.

    It is there at the peak only, so that the figure is nothing and its upper end the pools, in
    proportion to the micro-batch they were seen with.

    Args:
        backend: `cuda`, `rocm`, `vulkan`, `sycl` or `metal`.
        is_mixture: True for a mixture of experts.
        ubatch_tokens: Tokens of one micro-batch.
    """
    graphs = (MIXTURE, "") if is_mixture else ("",)
    row = next(
        row
        for graph in graphs
        for row in _parts()
        if (row["part"], row["backend"], row["graph"]) == ("pools", backend, graph)
    )
    high = int(row["high_bytes"]) * ubatch_tokens // int(row["ubatch_tokens"])
    return Figure(
        value=0,
        low=int(row["low_bytes"]),
        high=high,
        origin=Origin.PUBLISHED,
        source=row["source"],
    )


@cache
def overhead_bytes(
    *, backend: str, architecture: str | None, kind: str, is_mixture: bool, ubatch_tokens: int
) -> Figure:
    """The driver's context, and in the interval's upper end the backend's pools.

    For the arguments see `driver_context_bytes` and `pool_bytes`.
    """
    context = driver_context_bytes(backend=backend, architecture=architecture, kind=kind)
    pools = pool_bytes(backend=backend, is_mixture=is_mixture, ubatch_tokens=ubatch_tokens)
    return Figure(
        value=context.value,
        low=context.low,
        high=(context.high or context.value) + (pools.high or 0),
        origin=context.origin,
        source=f"{context.source}; {pools.source}",
    )


def desktop_note() -> str:
    """What to say of a card that may draw a desktop, and was not asked how much it has left."""
    return next(row["note"] for row in _parts() if row["part"] == "desktop")
