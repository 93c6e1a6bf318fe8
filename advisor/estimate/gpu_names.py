"""What llama.cpp calls the GPUs: `CUDA0`, `Vulkan1`, as `--device` takes them.

Source: llama.cpp `ggml/src/ggml-*` backends' device names (October 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.target import Gpu

_NAMES = {"cuda": "CUDA", "rocm": "ROCm", "vulkan": "Vulkan", "sycl": "SYCL", "metal": "MTL"}


def gpu_names(gpus: Sequence[Gpu]) -> tuple[str, ...]:
    """Their names: by CUDA's own number where the driver said it, else in the order of use."""
    return tuple(
        f"{_NAMES.get(gpu.backend, 'GPU')}{_number(gpu, place)}" for place, gpu in enumerate(gpus)
    )


def _number(gpu: Gpu, place: int) -> int:
    known = gpu.cuda_index if gpu.backend == "cuda" else None
    return place if known is None else known


def names_to_give(all_names: Sequence[str], used: int) -> tuple[str, ...] | None:
    """The names that `--device` must list so that the first so many are used, in this order.

    Args:
        all_names: Of all GPUs, in the order of use.
        used: How many of them are. [count]

    Returns:
        ``None`` where llama.cpp takes them so by itself: all, by their numbers.
    """
    names = tuple(all_names[:used])
    by_number = sorted(all_names, key=lambda name: (len(name), name))
    return None if names == tuple(by_number) else names
