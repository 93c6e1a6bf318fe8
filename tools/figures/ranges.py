"""How far predictions lie from what was measured, in a row for each kind of cell.

A bar reaches from the 10th to the 90th percentile of predicted over measured, with a gap at the
median. Holds the chart; which cells make a row is decided by who draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from figures.svg import bar, line, text

LEAST, MOST = 0.25, 4.0
"""Ends of the axis; what lies beyond is cut off there, with an arrow."""

TICKS = (
    (0.25, "a quarter"),
    (0.5, "half"),
    (0.8, "−20 %"),
    (1.0, "exact"),
    (1.25, "+25 %"),
    (2.0, "double"),
    (4.0, "four times"),
)

ROW = 30
LABELS = 210
"""Room for a row's name and its count, left of the axis. [pixels]"""

FEWEST = 3
"""Ratios that a bar needs; fewer are drawn as a tick each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of cell."""

    name: str
    ours: Sequence[float]
    """Predicted over measured, by the program."""

    thumb: Sequence[float] = ()
    """The same by the rule of thumb; nothing where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Rows of bars over one axis."""

    rows: Sequence[Row]
    x: float
    y: float
    width: float
    """All in pixels."""

    @property
    def height(self) -> int:
        """With its axis."""
        return ROW * len(self.rows) + 26

    def draw(self) -> list[str]:
        """All shapes."""
        shapes = self._axis()
        for number, row in enumerate(self.rows):
            top, left = self.y + ROW * number, self.x + LABELS
            shapes += [
                text(left - 46, top + 18, row.name, anchor="end"),
                text(left - 10, top + 18, f"{len(row.ours):,}", css="small quiet", anchor="end"),
                *self._bar(row.ours, top + 5, 11, "ours"),
                *self._bar(row.thumb, top + 19, 5, "thumb"),
            ]
        return shapes

    def _axis(self) -> list[str]:
        bottom = self.y + ROW * len(self.rows)
        shapes: list[str] = []
        for value, name in TICKS:
            place = self._place(value)
            css = "exact" if value == 1 else "grid"
            shapes += [
                line([(place, self.y), (place, bottom)], css),
                text(place, bottom + 16, name, css="small quiet", anchor="middle"),
            ]
        return shapes

    def _place(self, ratio: float) -> float:
        inside = min(max(ratio, LEAST), MOST)
        share = log(inside / LEAST) / log(MOST / LEAST)
        return self.x + LABELS + (self.width - LABELS) * share

    def _bar(self, ratios: Sequence[float], top: float, height: float, css: str) -> list[str]:
        """A bar with a gap at the median; ticks for a few values."""
        if len(ratios) < FEWEST:
            return [bar(self._place(one) - 1, top, 2, height, f"f-{css}") for one in ratios]
        ends = [quantile(ratios, share) for share in (0.1, 0.5, 0.9)]
        low, middle, high = map(self._place, ends)
        shapes = [
            bar(low, top, max(high - low, 2), height, f"f-{css}"),
            bar(middle - 1, top - 1, 2, height + 2, "paper"),
        ]
        if ends[0] < LEAST:
            shapes.append(_arrow(low, top + height / 2, -1))
        if ends[2] > MOST:
            shapes.append(_arrow(high, top + height / 2, 1))
        return shapes


def _arrow(x: float, y: float, way: int) -> str:
    """A sign that a bar goes on beyond the axis."""
    return line([(x + way * 3, y - 4), (x + way * 8, y), (x + way * 3, y + 4)], "axis")


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the others lies, between two where it falls between."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
