"""Which of a machine's accelerators one llama.cpp process would use.

Holds the choice between what the probes saw; what those are to a model is `advisor.target`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from probes.accelerator import AcceleratorKind, AcceleratorState

if TYPE_CHECKING:
    from probes.accelerator import Accelerator

    Chosen = tuple[list[Accelerator], list[str]]

_CARDS = frozenset({AcceleratorKind.DISCRETE, AcceleratorKind.VGPU})


def chosen_gpus(accelerators: Sequence[Accelerator]) -> Chosen:
    """The accelerators in use, and a sentence for each that is left out.

    Cards come before all else, and of several vendors' those with the most memory together; then
    the largest MIG slice; then the GPU that shares the system's memory.
    """
    usable = [gpu for gpu in accelerators if gpu.state is AcceleratorState.READY]
    cards = [gpu for gpu in usable if gpu.kind in _CARDS]
    slices = [gpu for gpu in usable if gpu.kind is AcceleratorKind.MIG]
    shared = [gpu for gpu in usable if gpu.kind is AcceleratorKind.UNIFIED]
    if not cards:
        return _largest_slice(slices) if slices else (shared[:1], [])
    left = [f"`{gpu.name}` shares the system's memory and is left to the desktop" for gpu in shared]
    chosen, notes = _of_one_vendor(cards)
    return chosen, left + notes


def _largest_slice(slices: Sequence[Accelerator]) -> Chosen:
    best = max(slices, key=_memory_bytes)
    if len(slices) == 1:
        return [best], []
    note = f"a model is put on one MIG slice: `{best.name}` is the largest of {len(slices)}"
    return [best], [note]


def _of_one_vendor(cards: Sequence[Accelerator]) -> Chosen:
    sums: dict[str, int] = {}
    for gpu in cards:
        sums[gpu.vendor] = sums.get(gpu.vendor, 0) + _memory_bytes(gpu)
    vendor = max(sums, key=lambda name: sums[name])
    notes = [
        f"`{gpu.name}` is left out: one build of llama.cpp runs on one vendor's GPUs"
        for gpu in cards
        if gpu.vendor != vendor
    ]
    return [gpu for gpu in cards if gpu.vendor == vendor], notes


def _memory_bytes(gpu: Accelerator) -> int:
    return gpu.memory_usable_bytes or 0
