"""What llama.cpp logs of the buffers it allocates, read from any program built on it.

Pure: text in, bytes out. Within one context caches add up, and of a buffer of scratch that was
reserved more than once the largest counts. Where a program starts several contexts, one after the
other, the largest of them counts.

Source: llama.cpp `src/llama-model.cpp`, `src/llama-kv-cache.cpp`, `src/llama-memory-recurrent.cpp`
and `src/llama-context.cpp` (October 2026): `<name> model|KV|RS|compute|output buffer size = N MiB`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MIB = 1 << 20

_LINE = re.compile(
    r":\s+(?P<name>\S+)\s+(?P<part>model|KV|RS|compute|\s?output) buffer size\s*="
    r"\s*(?P<mib>\d+(?:\.\d+)?) MiB"
)
_CONTEXT = "constructing llama_context"
_PARTS = {
    "model": "weights",
    "KV": "cache",
    "RS": "cache",
    "compute": "scratch",
    "output": "output",
}

_Key = tuple[str, str]
"""A buffer's name and part."""

BACKENDS = {
    "CUDA": "cuda",
    "ROCm": "rocm",
    "HIP": "rocm",
    "Vulkan": "vulkan",
    "Metal": "metal",
    "MTL": "metal",
    "SYCL": "sycl",
}
"""Beginning of a device buffer's name → the backend that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffers:
    """What was allocated on the GPUs together or on the host. In bytes."""

    weights_bytes: int
    cache_bytes: int
    scratch_bytes: int
    output_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocated:
    """What a log says of memory."""

    gpu: Buffers | None
    """All GPUs together; ``None`` where none was used."""

    host: Buffers
    backend: str
    """`cpu` where no GPU has a buffer."""


def allocated(text: str) -> Allocated | None:
    """The buffers in a log; ``None`` for a log that names none."""
    largest: dict[_Key, float] = {}
    for context in text.split(_CONTEXT):
        for key, mib in _sizes(context).items():
            largest[key] = max(mib, largest.get(key, 0.0))
    if not largest:
        return None
    on_gpu = {key: mib for key, mib in largest.items() if backend_of(key[0])}
    on_host = {key: mib for key, mib in largest.items() if key not in on_gpu}
    backends = [backend_of(name) or "" for name, _ in on_gpu]
    return Allocated(
        gpu=_buffers(on_gpu.items()) if on_gpu else None,
        host=_buffers(on_host.items()),
        backend=backends[0] if backends else "cpu",
    )


def _sizes(text: str) -> dict[_Key, float]:
    """MiB by name and part within one context, or in what was loaded before the first."""
    sizes: dict[_Key, float] = {}
    for found in _LINE.finditer(text):
        key, mib = (found["name"], found["part"].strip()), float(found["mib"])
        before = sizes.get(key, 0.0)
        sizes[key] = max(before, mib) if key[1] == "compute" else before + mib
    return sizes


def backend_of(name: str) -> str | None:
    """The backend whose device holds a buffer of this name; ``None`` for the host's memory.

    `CUDA0` is a device, `CUDA_Host` memory of the host that the device reads.
    """
    if name.endswith("_Host"):
        return None
    return next((one for start, one in BACKENDS.items() if name.startswith(start)), None)


def _buffers(sizes: Iterable[tuple[_Key, float]]) -> Buffers:
    sums = dict.fromkeys(_PARTS.values(), 0.0)
    for (_, part), mib in sizes:
        sums[_PARTS[part]] += mib
    return Buffers(
        **{f"{name}_bytes": round(mib * MIB) for name, mib in sums.items()},
    )
