"""How much memory some work takes."""

from __future__ import annotations

import tracemalloc


def peak_bytes(work):
    """What it needs at most beyond what is there already."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
