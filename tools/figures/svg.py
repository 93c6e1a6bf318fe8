"""The smallest SVG that the figures need: text, lines, rectangles and many dots.

Holds how a shape is written, and the colours, which follow the reader's light or dark scheme; no
figure and no figures' meaning. The same shapes give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

COLOURS = {
    "nvidia": ("#00875f", "#3fd0a0"),
    "amd": ("#d1480c", "#ff9257"),
    "apple": ("#0067a8", "#63b7f2"),
    "intel": ("#b5478a", "#f08cc8"),
    "cpu": ("#a87400", "#f0bc3c"),
    "ours": ("#0067a8", "#63b7f2"),
    "thumb": ("#8a8f98", "#7d838c"),
}
"""Class of a shape → its colour on a light and on a dark background."""

_STYLE = """text{{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:{text}}}
.small{{font-size:11px}}.title{{font-size:13px;font-weight:600}}.quiet{{fill:{quiet}}}
.paper{{fill:{paper}}}.grid{{stroke:{grid};fill:none}}.axis{{stroke:{quiet};fill:none}}
.exact{{stroke:{text};fill:none}}.near{{stroke:{quiet};fill:none;stroke-dasharray:4 3}}
.dots{{fill:none;stroke-width:5;stroke-linecap:round;stroke-opacity:{dots}}}"""
_LIGHT = {
    "paper": "#ffffff",
    "text": "#1f2328",
    "quiet": "#59636e",
    "grid": "#e4e7eb",
    "dots": ".5",
}
_DARK = {
    "paper": "#0d1117",
    "text": "#e6edf3",
    "quiet": "#9198a1",
    "grid": "#262c36",
    "dots": ".7",
}


def number(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, *, css: str = "", anchor: str = "start") -> str:
    """Words at a place; `anchor` is `start`, `middle` or `end`."""
    shown = f' class="{css}"' if css else ""
    placed = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{number(x)}" y="{number(y)}"{shown}{placed}>{escape(words)}</text>'


def sideways(x: float, y: float, words: str, *, css: str = "") -> str:
    """Words that run upwards, their middle at a place."""
    shown = f' class="{css}"' if css else ""
    turned = f'transform="translate({number(x)} {number(y)}) rotate(-90)"'
    return f'<text {turned} text-anchor="middle"{shown}>{escape(words)}</text>'


def line(points: Sequence[tuple[float, float]], css: str) -> str:
    """A line through some points."""
    path = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return f'<path class="{css}" d="M{path}"/>'


def bar(x: float, y: float, width: float, height: float, css: str) -> str:
    """A filled rectangle."""
    return (
        f'<rect class="{css}" x="{number(x)}" y="{number(y)}" '
        f'width="{number(width)}" height="{number(height)}"/>'
    )


def dots(points: Iterable[tuple[float, float]], css: str) -> str:
    """Many dots of one colour, as one path."""
    path = "".join(f"M{number(x)} {number(y)}h0" for x, y in points)
    return f'<path class="dots s-{css}" d="{path}"/>' if path else ""


def document(width: int, height: int, title: str, shapes: Iterable[str]) -> str:
    """A whole file.

    Args:
        width: Of the drawing. [pixels]
        height: Of the drawing. [pixels]
        title: What a screen reader says.
        shapes: In the order of drawing.
    """
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_scheme(_LIGHT, 0)}",
        f"@media (prefers-color-scheme:dark){{{_scheme(_DARK, 1)}}}</style>",
        bar(0, 0, width, height, "paper"),
        *(shape for shape in shapes if shape),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _scheme(colours: dict[str, str], place: int) -> str:
    """The style sheet of one scheme."""
    named = "".join(
        f".f-{name}{{fill:{pair[place]}}}.s-{name}{{stroke:{pair[place]}}}"
        for name, pair in COLOURS.items()
    )
    return _STYLE.format(**colours) + "\n" + named
