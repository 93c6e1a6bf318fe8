"""Which layers are on which device, as llama.cpp decides it for a number of GPU layers.

Holds ranges of layers only; never a byte. Layers are numbered from 0; the output layer comes
after the last block and counts as one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The blocks of one device, and whether it has the output layer."""

    first: int
    last: int
    """One past the last block; equal to ``first`` for none."""

    has_output: bool

    @property
    def blocks(self) -> int:
        """How many blocks it has."""
        return self.last - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where everything is: one share for each GPU, and the host's."""

    gpu_layers: int
    """Offloaded layers, the output layer counted."""

    layers: int
    """Blocks and the output layer."""

    gpus: tuple[Share, ...]
    host: Share

    @property
    def is_whole(self) -> bool:
        """True when every layer is on a GPU."""
        return self.gpu_layers >= self.layers

    @property
    def is_pipeline(self) -> bool:
        """True when GPUs share all the layers, so that llama.cpp runs them as a pipeline."""
        return self.is_whole and len(self.gpus) > 1


def place(*, block_count: int, gpu_layers: int, weights: Sequence[float]) -> Placement:
    """Place the layers of one model.

    The output layer is offloaded first, then blocks from the last towards the first; the
    offloaded ones are split over the GPUs in proportion to ``weights``.

    Args:
        block_count: Layers without the output layer. [count]
        gpu_layers: How many to offload, the output counted; more than there are means all.
        weights: One number per GPU, such as its free memory; empty for none.

    Source:
        llama.cpp `src/llama-model.cpp` (`i_gpu_start = n_layer_all + 1 - n_gpu_layers`,
        October 2026).
    """
    layers = block_count + 1
    wanted = min(max(gpu_layers, 0), layers) if weights else 0
    start = layers - wanted
    host = Share(first=0, last=min(start, block_count), has_output=wanted == 0)
    if not wanted:
        empty = Share(first=block_count, last=block_count, has_output=False)
        return Placement(gpu_layers=0, layers=layers, gpus=(empty,) * len(weights), host=host)
    if len(weights) == 1:
        only = Share(first=min(start, block_count), last=block_count, has_output=True)
        return Placement(gpu_layers=wanted, layers=layers, gpus=(only,), host=host)
    return Placement(
        gpu_layers=wanted, layers=layers, gpus=_split(start, layers, weights), host=host
    )


def _split(start: int, layers: int, weights: Sequence[float]) -> tuple[Share, ...]:
    """Layer ``i`` goes to the first GPU whose cumulated share is above its place in the row."""
    total = sum(weights)
    bounds = [part / total for part in accumulate(weights)]
    last_gpu = len(weights) - 1
    owner = [
        min(bisect_right(bounds, (layer - start) / (layers - start)), last_gpu)
        for layer in range(start, layers)
    ]
    shares = []
    for gpu in range(len(weights)):
        first = start + sum(1 for one in owner if one < gpu)
        after = first + owner.count(gpu)
        has_output = owner[-1] == gpu
        blocks_end = layers - 1
        shares.append(
            Share(first=min(first, blocks_end), last=min(after, blocks_end), has_output=has_output)
        )
    return tuple(shares)
