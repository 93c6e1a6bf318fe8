"""Where a graph's tensors lie in a buffer, one after another: ggml's allocator, without memory.

Knows offsets and sizes only; never what a tensor is. The peak of what it hands out is the size of
the buffer that llama.cpp reserves.

Source: llama.cpp `ggml/src/ggml-alloc.c` (`ggml_dyn_tallocr`, October 2026): the smallest hole that
is large enough, of equal ones the last, and the end of the buffer only where none is.
"""

from __future__ import annotations

from collections.abc import Iterable

ALIGNMENT_BYTES = 32
"""What the processor's buffers are aligned to; a GPU's 128 makes no difference to speak of."""


def aligned(sizes_bytes: Iterable[int]) -> list[int]:
    """Sizes rounded up to whole lines."""
    return [-(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES for size in sizes_bytes]


ENDLESS = 1 << 62


class Arena:
    """One buffer: its holes in order, one of which has no end, and the most ever in use."""

    __slots__ = ("_sizes", "_starts", "peak_bytes")

    def __init__(self) -> None:
        self._starts = [0]
        self._sizes = [ENDLESS]
        self.peak_bytes = 0

    def take(self, size: int) -> int:
        """The offset of so many bytes, a multiple of the alignment, from now on in use."""
        starts, sizes = self._starts, self._sizes
        last = len(sizes) - 1
        best, best_size = last, ENDLESS
        for place in range(last):
            hole = sizes[place]
            if size <= hole <= best_size:
                best, best_size = place, hole
        offset = starts[best]
        if best_size == size:
            del starts[best], sizes[best]
            return offset
        starts[best] = offset + size
        sizes[best] -= size
        if starts[best] > self.peak_bytes:  # noqa: PLR1730  (for every tensor; the endless hole need not be last)
            self.peak_bytes = starts[best]
        return offset

    def give(self, offset: int, size: int) -> None:
        """Make so many bytes at an offset a hole again, one with a hole that it touches.

        Of an empty tensor a hole without bytes may stay, which keeps its neighbours apart: holes
        are joined with the first that they touch, and with no more than one behind that.
        """
        starts, sizes = self._starts, self._sizes
        end = offset + size
        for place, start in enumerate(starts):
            if start + sizes[place] == offset:
                sizes[place] += size
                if place + 1 < len(starts) and starts[place + 1] == end:
                    sizes[place] += sizes[place + 1]
                    del starts[place + 1], sizes[place + 1]
                return
            if start == end:
                starts[place] = offset
                sizes[place] += size
                if place and starts[place - 1] + sizes[place - 1] == offset:
                    sizes[place - 1] += sizes[place]
                    del starts[place], sizes[place]
                return
        before = sum(start < offset for start in starts)
        starts.insert(before, offset)
        sizes.insert(before, size)
