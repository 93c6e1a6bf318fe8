"""The options with which llama-server sets up what was estimated.

Holds llama.cpp's option names and its own defaults, which are left out; never a choice of its own.

Source: llama.cpp `common/arg.cpp`, `common/common.h` and `tools/server/server.cpp` (October 2026);
`--load-mode` in place of `--no-mmap` and `--mlock`: its pull request 20834 (2026).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from advisor.estimate.runtimes import preset
from advisor.workload import Era, LoadMode, Runtime
from catalog.cache import Window
from catalog.purposes import purposes

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate
    from advisor.estimate.setup import Setup

USUAL_UBATCH_TOKENS = 512
USUAL_BATCH_TOKENS = 2048

ALL_LAYERS = 99
"""More layers than most models have; `-ngl all` is not known to older builds."""

OLDER_LOAD_MODES: dict[LoadMode, tuple[str, ...]] = {
    LoadMode.AUTO: (),
    LoadMode.NONE: ("--no-mmap",),
    LoadMode.MMAP: ("--mmap",),
    LoadMode.MLOCK: ("--no-mmap", "--mlock"),
    LoadMode.MMAP_MLOCK: ("--mlock",),
    LoadMode.DIO: ("--direct-io",),
}
"""The same in builds before June 2026."""


def server_words(estimate: Estimate) -> list[str]:
    """The words after the file's, in the order in which people read them."""
    setup = estimate.setup
    held = setup.context_tokens
    if preset(setup.runtime).is_context_of_each:
        held *= setup.sequences
    words = chain(
        ["-c", str(held)],
        _slots(setup),
        _batches(setup, held),
        _layers(estimate),
        _cache(estimate),
        _loading(setup),
        ["--embedding"] if "embedding" in purposes(estimate.subject.model) else [],
    )
    return list(words)


def _slots(setup: Setup) -> Iterator[str]:
    """Slots: four that share one cache unless they are counted, then each with its own."""
    if setup.sequences == preset(Runtime.LLAMA_SERVER).sequences and setup.unified:
        return
    yield from ("-np", str(setup.sequences))
    if setup.unified and setup.sequences > 1:
        yield "--kv-unified"


def _batches(setup: Setup, held_tokens: int) -> Iterator[str]:
    """The micro-batch, and the batch where it is smaller."""
    size = setup.ubatch_tokens
    if size == min(USUAL_UBATCH_TOKENS, held_tokens):
        return
    if size > USUAL_BATCH_TOKENS:
        yield from ("-b", str(size))
    yield from ("-ub", str(size))


def _layers(estimate: Estimate) -> Iterator[str]:
    """The GPUs, the layers on them, the experts that stay, and the split."""
    devices, placement = estimate.devices, estimate.placement
    if devices:
        yield from ("--device", ",".join(devices))
    if len(estimate.allocations) == 1:
        if devices is not None and not devices:
            yield from ("-ngl", "0")
        return
    every = max(ALL_LAYERS, placement.layers)
    yield from ("-ngl", str(every if placement.has_all_layers else placement.gpu_layers))
    if placement.n_cpu_moe:
        yield from ("--n-cpu-moe", str(placement.n_cpu_moe))
    if placement.split:
        yield from ("--tensor-split", ",".join(f"{share:g}" for share in placement.split))


def _cache(estimate: Estimate) -> Iterator[str]:
    """The cache's types, flash attention where it was decided, and windows that are kept whole."""
    setup = estimate.setup
    if setup.kv_type_k != "f16":
        yield from ("-ctk", setup.kv_type_k)
    if setup.kv_type_v != "f16":
        yield from ("-ctv", setup.kv_type_v)
    if not setup.flash_attention:
        yield from ("-fa", "off")
    elif setup.insists_on_flash:
        yield from ("-fa", "on")
    caches = estimate.subject.caches or ()
    if setup.keeps_whole_windows and any(one.window is not Window.FULL for one in caches):
        yield "--swa-full"


def _loading(setup: Setup) -> Iterator[str]:
    if setup.load_mode is LoadMode.AUTO:
        return
    if setup.era is Era.BEFORE_JUNE_2026:
        yield from OLDER_LOAD_MODES[setup.load_mode]
    else:
        yield from ("--load-mode", setup.load_mode.value)
