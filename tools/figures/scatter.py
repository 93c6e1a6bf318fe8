"""Predicted against measured, on logarithmic axes: one dot a cell, the diagonal where they agree.

Holds the panel; which cells are in it is decided by who draws it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from figures.svg import dots, line, sideways, text

NEAR = 1.25
"""The dashed lines: a quarter off."""

Pair = tuple[float, float]
"""Measured and predicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A square plot at a place of the drawing."""

    x: float
    y: float
    side: float
    least: float
    most: float
    """The ends of both axes; what lies beyond is drawn at the edge."""

    title: str
    unit: str = "tokens/s"
    has_vertical_name: bool = True

    def at(self, pair: Pair) -> tuple[float, float]:
        """Where a pair is drawn."""
        across, up = (self._along(value) for value in pair)
        return self.x + across, self.y + self.side - up

    def _along(self, value: float) -> float:
        low, high = log10(self.least), log10(self.most)
        share = (log10(min(max(value, self.least), self.most)) - low) / (high - low)
        return share * self.side

    def draw(self, series: Mapping[str, Sequence[Pair]]) -> list[str]:
        """The panel, with one colour a series."""
        right, bottom = self.x + self.side, self.y + self.side
        shapes = [text(self.x, self.y - 8, self.title, css="title"), *self._grid()]
        shapes += [self._diagonal(1.0, "exact")]
        shapes += [self._diagonal(factor, "near") for factor in (NEAR, 1 / NEAR)]
        shapes += [
            line([(self.x, self.y), (self.x, bottom), (right, bottom)], "axis"),
            text(
                self.x + self.side / 2,
                bottom + 32,
                f"measured [{self.unit}]",
                css="small quiet",
                anchor="middle",
            ),
        ]
        if self.has_vertical_name:
            middle = self.y + self.side / 2
            shapes.append(
                sideways(self.x - 34, middle, f"predicted [{self.unit}]", css="small quiet")
            )
        return shapes + [dots(map(self.at, pairs), name) for name, pairs in series.items()]

    def _grid(self) -> list[str]:
        shapes = []
        for power in range(ceil(log10(self.least)), floor(log10(self.most)) + 1):
            value = 10.0**power
            along, (left, up) = self._along(value), self.at((self.least, value))
            place, bottom = self.x + along, self.y + self.side
            shapes += [
                line([(left, up), (left + self.side, up)], "grid"),
                line([(place, bottom), (place, self.y)], "grid"),
                text(place, bottom + 15, _short(value), css="small quiet", anchor="middle"),
                text(left - 6, up + 4, _short(value), css="small quiet", anchor="end"),
            ]
        return shapes

    def _diagonal(self, factor: float, css: str) -> str:
        low = max(self.least, self.least / factor)
        high = min(self.most, self.most / factor)
        return line([self.at((low, low * factor)), self.at((high, high * factor))], css)


def _short(value: float) -> str:
    """A round number on an axis: `0.1`, `100`, `10k`."""
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:g}"
