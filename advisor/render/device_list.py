"""The devices that run a model, as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from advisor.render.paper import Column, Paper, Row
from advisor.render.units import gib, speed, tokens
from catalog.device import DeviceKind

if TYPE_CHECKING:
    from advisor.report.device_list import DeviceList, DeviceRow

_MEMORY = re.compile(r" \d+GB$")


def device_list_text(found: DeviceList, paper: Paper) -> str:
    """The whole list."""
    subject = found.subject
    if not found.considered:
        paper.say("No device of the catalog is of this kind and maker.")
        return paper.text()
    paper.heading(
        f"{subject.model.name} in {subject.quant.name}, {tokens(found.context_tokens)} tokens:"
        f" {len(found.rows)} of {found.considered} devices hold it whole"
    )
    if found.rows:
        paper.say(f"It takes {gib(found.rows[0].estimate.total_bytes)} on the first.")
        write_device_rows(paper, found.rows)
    return paper.text()


def write_device_rows(paper: Paper, rows: Sequence[DeviceRow], *, most: int | None = None) -> int:
    """A table of devices, in the order given; sizes of one machine share a line.

    Args:
        paper: What it is written on.
        rows: The devices.
        most: Lines to write at most; ``None`` for all.

    Returns:
        How many devices were left out.
    """
    columns = [
        Column(title="Device", folds=True),
        Column(title="GiB", right=True),
        Column(title="GB/s", right=True),
        Column(title="Fit"),
        Column(title="Tokens/s", right=True),
    ]
    groups: dict[tuple[str, ...], list[DeviceRow]] = {}
    for row in rows:
        groups.setdefault(_alike(row), []).append(row)
    shown = list(groups.values())[:most]
    paper.table(columns, [_row(group) for group in shown])
    return len(rows) - sum(len(group) for group in shown)


def _alike(row: DeviceRow) -> tuple[str, ...]:
    """What machines that differ only in memory have in common."""
    name = row.device.full_name
    if row.device.kind is DeviceKind.UNIFIED:
        name = _MEMORY.sub("", name)
    answer = row.estimate
    return (name, answer.fit.verdict.value, speed(answer.decode))


def _row(group: Sequence[DeviceRow]) -> Row:
    device, answer = group[0].device, group[0].estimate
    sizes = sorted({row.device.memory_bytes * row.device.unit_count >> 30 for row in group})
    return Row(
        cells=(
            _alike(group[0])[0],
            ", ".join(f"{size:,}" for size in sizes),
            f"{device.bandwidth_bytes_per_s / 1e9:,.0f}",
            answer.fit.verdict.value,
            speed(answer.decode),
        )
    )
