"""Numbers as people read them: GiB of memory, GB to download, tokens per second.

Holds rounding and units; never a choice of what to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.estimate.result import Timed
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


def gb(size_bytes: float) -> str:
    """A file's size as the Hub shows it: `808 MB`, `21.2 GB`."""
    if size_bytes < GB:
        return f"{size_bytes / MB:,.0f} MB"
    return f"{gb_number(size_bytes)} GB"


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
    return f"{flops_per_s / 1e12:.3g} TFLOPS"


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
    if count < 10**9:
        return f"{count / 10**6:.0f}M"
    return f"{count / 10**9:.3g}B" if count < 10**12 else f"{count / 10**12:.3g}T"


def seconds(value: float) -> str:
    """A duration: `0.21 s`, `41 ms`, `12 µs`."""
    if value >= 0.1:
        return f"{value:.2g} s" if value < 10 else f"{value:,.0f} s"
    return f"{value * 1e3:.2g} ms" if value >= 1e-3 else f"{value * 1e6:.0f} µs"
