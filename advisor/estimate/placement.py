"""Which layers are on which device, as llama.cpp decides it for a number of GPU layers.

Holds ranges of layers only; never a byte. Layers are numbered from 0; the output layer comes
after the last block and counts as one. The experts of a block may be kept on the host while the
rest of it is on a GPU (`--n-cpu-moe`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

Span = tuple[int, int]
"""Blocks from the first to before the second; equal for none."""

NO_BLOCKS: Span = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The blocks of one device, and whether it has the output layer."""

    first: int
    last: int
    """One past the last block; equal to ``first`` for none."""

    has_output: bool

    bare: Span = NO_BLOCKS
    """Of its blocks, those whose experts are on the host."""

    experts: tuple[Span, ...] = ()
    """Blocks of other devices whose experts are here; only the host has any."""

    @property
    def blocks(self) -> int:
        """How many blocks it has."""
        return self.last - self.first

    @property
    def is_bare(self) -> bool:
        """True when the experts of some of its blocks are on the host."""
        return self.bare[1] > self.bare[0]

    @property
    def is_used(self) -> bool:
        """True when something of the model is here."""
        return self.last > self.first or self.has_output or bool(self.experts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where everything is: one share for each GPU, and the host's."""

    gpu_layers: int
    """Offloaded layers, the output layer counted."""

    layers: int
    """Blocks, prediction blocks that the file has, and the output layer, as llama.cpp counts."""

    gpus: tuple[Share, ...]
    host: Share

    split: tuple[float, ...] | None = None
    """Shares of the GPUs that somebody asked for; ``None`` for llama.cpp's own."""

    n_cpu_moe: int = 0
    """The experts of so many first blocks are kept on the host. 0 for none."""

    unused_blocks: int = 0
    """Prediction blocks among the layers, of which nothing is loaded."""

    @property
    def blocks(self) -> int:
        """Blocks that are loaded, on whichever device."""
        return self.layers - self.unused_blocks - 1

    @property
    def has_all_layers(self) -> bool:
        """True when every layer is on a GPU, with or without its experts."""
        return self.gpu_layers >= self.layers

    @property
    def bare_blocks(self) -> int:
        """Blocks of GPUs whose experts are on the host."""
        return sum(last - first for first, last in self.host.experts)

    @property
    def is_whole(self) -> bool:
        """True when every layer is on a GPU, experts and all."""
        return self.has_all_layers and not self.host.experts

    @property
    def is_pipeline(self) -> bool:
        """True when GPUs share all the layers, so that llama.cpp runs them as a pipeline.

        Source: llama.cpp `src/llama-context.cpp` (`pipeline_parallel`, October 2026): not with
        tensors that were sent elsewhere.
        """
        is_overridden = self.n_cpu_moe or self.host.experts
        return self.has_all_layers and len(self.gpus) > 1 and not is_overridden


def place(  # noqa: PLR0913  (two say what there is to place, four where)
    *,
    block_count: int,
    gpu_layers: int,
    weights: Sequence[float],
    split: Sequence[float] | None = None,
    n_cpu_moe: int = 0,
    unused_blocks: int = 0,
) -> Placement:
    """Place the layers of one model.

    The output layer is offloaded first, then blocks from the last towards the first; the
    offloaded ones are split over the GPUs in proportion to ``split``, or else to ``weights``.

    Args:
        block_count: Layers without the output layer. [count]
        gpu_layers: How many to offload, the output counted; more than there are means all.
        weights: One number per GPU, such as its free memory; empty for none.
        split: What `--tensor-split` says; GPUs that it does not name get nothing.
        n_cpu_moe: First blocks whose experts stay on the host, wherever the rest is. [count]
        unused_blocks: Prediction blocks between the last block and the output layer: they count
            as layers, and nothing of them is loaded. [count]

    Source:
        llama.cpp `src/llama-model.cpp` (`i_gpu_start = n_layer_all + 1 - n_gpu_layers`) and
        `common/arg.cpp` (`--n-cpu-moe`), October 2026.
    """
    layers = block_count + unused_blocks + 1
    wanted = min(max(gpu_layers, 0), layers) if weights else 0
    parts = (*split, *[0.0] * len(weights))[: len(weights)] if split else ()
    is_asked = len(weights) > 1 and any(parts)
    spans = _spans(layers, wanted, parts if is_asked else tuple(weights))
    count = min(n_cpu_moe, block_count) if wanted else 0
    bare = [(first, max(first, min(last, count))) for first, last in spans] if count else None
    return placed(
        block_count=block_count,
        spans=spans,
        bare=bare,
        split=parts if is_asked and wanted else None,
        n_cpu_moe=count,
        unused_blocks=unused_blocks,
    )


def placed(  # noqa: PLR0913  (as above)
    *,
    block_count: int,
    spans: Sequence[Span],
    bare: Sequence[Span] | None = None,
    split: tuple[float, ...] | None = None,
    n_cpu_moe: int = 0,
    unused_blocks: int = 0,
) -> Placement:
    """The placement that gives each GPU some layers, the output layer counted as the last.

    Args:
        block_count: Layers without the output layer. [count]
        spans: Layers of each GPU, in order; the host has those before the first.
        bare: Of each GPU, blocks whose experts are on the host; ``None`` for none at all.
        split: What was asked for, to be told.
        n_cpu_moe: Likewise.
        unused_blocks: Prediction blocks behind the others. [count]
    """
    layers = block_count + unused_blocks + 1
    start = min((first for first, last in spans if last > first), default=layers)
    gpus = tuple(
        Share(
            first=min(first, block_count),
            last=min(last, block_count),
            has_output=first < last == layers,
            bare=bare[number] if bare else NO_BLOCKS,
        )
        for number, (first, last) in enumerate(spans)
    )
    host = Share(
        first=0,
        last=min(start, block_count),
        has_output=start == layers,
        experts=tuple((first, last) for first, last in bare or () if last > first),
    )
    return Placement(
        gpu_layers=layers - start,
        layers=layers,
        gpus=gpus,
        host=host,
        split=split,
        n_cpu_moe=n_cpu_moe,
        unused_blocks=unused_blocks,
    )


@lru_cache(maxsize=1024)
def _spans(layers: int, wanted: int, weights: tuple[float, ...]) -> tuple[Span, ...]:
    """Layers of each GPU: the last ``wanted``, shared out; a scan asks for the same again."""
    start = layers - wanted
    if not wanted or len(weights) < 2:
        return ((start, layers),) * len(weights)
    bounds, last_gpu = _bounds(weights), len(weights) - 1
    owners = [
        min(bisect_right(bounds, _single((layer - start) / wanted)), last_gpu)
        for layer in range(start, layers)
    ]
    edges = [start + bisect_left(owners, gpu) for gpu in range(len(weights) + 1)]
    return tuple(pairwise(edges))


def _bounds(weights: Sequence[float]) -> list[float]:
    """Cumulated shares, in single precision as llama.cpp adds them up.

    A layer goes to the first GPU whose bound is above the layer's place in the row.
    """
    sums = []
    total = 0.0
    for weight in weights:
        total = _single(total + _single(weight))
        sums.append(total)
    return [_single(one / total) for one in sums]


def _single(value: float) -> float:
    """The nearest number of single precision."""
    from struct import pack, unpack

    return float(unpack("f", pack("f", value))[0])
