"""Numbers as people read them: GiB of memory, GB to download, tokens per second.

Holds rounding and units; never a choice of what to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate, Timed
    from advisor.figure import Figure

GIB = 1 << 30
MIB = 1 << 20
GB = 10**9
MB = 10**6


def gib(size_bytes: float) -> str:
    """Memory: `5.2 GiB`; below a GiB in MiB."""
    if size_bytes < GIB:
        return f"{size_bytes / MIB:,.0f} MiB"
    return f"{gib_number(size_bytes)} GiB"


def gib_number(size_bytes: float) -> str:
    """Memory in GiB without the unit: `5.2`, `0.76`, `142`."""
    value = size_bytes / GIB
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def memory(estimate: Estimate) -> str:
    """A sum of memory with its interval: `5.2 GiB (5.1–5.4)`; without where both ends look alike.

    Where the ends are of different units they keep them: `1.1 GiB (980 MiB–1.2 GiB)`.
    """
    total = gib(estimate.total_bytes)
    low, high = gib(estimate.low_bytes), gib(estimate.high_bytes)
    if low == high == total:
        return total
    unit = total[-4:]
    if low.endswith(unit) and high.endswith(unit):
        low, high = low.removesuffix(unit), high.removesuffix(unit)
    return f"{total} ({low}–{high})"


def gb(size_bytes: float) -> str:
    """A file's size as the Hub shows it: `808 MB`, `21.2 GB`."""
    if size_bytes < GB:
        return f"{size_bytes / MB:,.0f} MB"
    return f"{gb_number(size_bytes)} GB"


def gb_interval(low_bytes: float, high_bytes: float) -> str:
    """A file's predicted size: `15.4–15.5 GB`; one number where both ends look the same."""
    low, high = gb(low_bytes), gb(high_bytes)
    if low == high:
        return high
    return f"{gb_number(low_bytes)}–{high}" if low[-2:] == high[-2:] == "GB" else f"{low}–{high}"


def gb_number(size_bytes: float) -> str:
    """A file's size in GB without the unit."""
    value = size_bytes / GB
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def exact(size_bytes: float) -> str:
    """All digits: `807,694,464 B`."""
    return f"{size_bytes:,.0f} B"


def rate(bytes_per_s: float) -> str:
    """A bandwidth: `1,008 GB/s`."""
    value = bytes_per_s / GB
    return f"{value:,.0f} GB/s" if value >= 100 else f"{value:.3g} GB/s"


def flops(flops_per_s: float) -> str:
    """A rate of arithmetic: `165 TFLOPS`."""
    value = flops_per_s / 1e12
    return f"{value:,.0f} TFLOPS" if value >= 99.5 else f"{value:.3g} TFLOPS"


def speed_number(tokens_per_s: float) -> str:
    """Tokens per second with two or three digits: `0.8`, `9.4`, `127`."""
    if tokens_per_s < 10:
        return f"{tokens_per_s:.1f}"
    return f"{tokens_per_s:,.0f}"


def speed(timed: Timed | None) -> str:
    """A speed with its interval: `127 (112–141)`; `unknown` without one."""
    if timed is None:
        return "unknown"
    one = timed.speed
    return f"{speed_number(one.tokens_per_s)} ({speed_number(one.low)}–{speed_number(one.high)})"


def rate_interval(figure: Figure) -> str:
    """A bandwidth with its interval where the two ends differ."""
    if figure.low is None or figure.high is None:
        return rate(figure.value)
    low, high = rate(figure.low), rate(figure.high)
    return high if low == high else f"{low.removesuffix(' GB/s')}–{high}"


def tokens(count: int) -> str:
    """A count of tokens: `8,192`."""
    return f"{count:,}"


def params(count: int) -> str:
    """A count of weights: `8.03B`, `270M`."""
    for unit, letter in ((10**12, "T"), (10**9, "B")):
        if count >= 0.9995 * unit:
            return f"{count / unit:.3g}{letter}"
    return f"{count / 10**6:.0f}M"


def seconds(value: float) -> str:
    """A duration: `0.21 s`, `41 ms`, `12 µs`."""
    if value >= 9.95:
        return f"{value:,.0f} s"
    if value >= 0.0995:
        return f"{value:.2g} s"
    return f"{value * 1e3:.2g} ms" if value >= 0.9995e-3 else f"{value * 1e6:.0f} µs"


def seconds_between(low: float, high: float) -> str:
    """An interval of durations, with one unit if it is the same: `0.78–1.4 s`."""
    first, last = seconds(low), seconds(high)
    number, unit = first.split(" ")
    return f"{number}–{last}" if last.endswith(f" {unit}") else f"{first}–{last}"
