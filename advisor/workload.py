"""What somebody wants to run a model for: how much context, which cache, which program."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_CONTEXT_TOKENS = 8192
"""Asked of every model trained for as much; enough for work, small enough for a laptop."""


class Runtime(StrEnum):
    """The program that will run the model; each reserves memory in its own way."""

    LLAMA_SERVER = "llama-server"
    """Caps the logits rows at its slots; four slots share one cache unless told otherwise."""

    LLAMA_BENCH = "llama-bench"
    """Also llama-fit-params: logits for the whole micro-batch."""

    LLAMA_CPP_PYTHON = "llama-cpp-python"
    """As its `Llama` leaves it: no flash attention, windowed layers keep the whole context."""

    OLLAMA = "ollama"
    LMSTUDIO = "lmstudio"
    LLAMAFILE = "llamafile"
    """As LocalScore runs it: no flash attention."""


class Era(StrEnum):
    """How old the build of llama.cpp is; what it reserves changed at the end of May 2026."""

    CURRENT = "current"
    """Masks in F16 under flash attention, and rows of logits as the program caps them."""

    BEFORE_JUNE_2026 = "before-june-2026"
    """Masks in F32, with a copy in F16 under flash attention; a row of logits for each token."""


class FlashAttention(StrEnum):
    """Whether attention is computed without storing its scores."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One way of running a model."""

    context_tokens: int | None = None
    """Prompt and answer together; ``None`` for the default, or the model's own if smaller."""

    depth_tokens: int = 0
    """Tokens already in the cache when decode speed is stated."""

    ubatch_tokens: int | None = None
    """Tokens of one micro-batch; ``None`` for the runtime's own, 512 for most."""

    sequences: int | None = None
    """Parallel sequences; ``None`` for the runtime's own number."""

    kv_unified: bool | None = None
    """Whether sequences share one cache; ``None`` for the runtime's own way."""

    kv_type_k: str = "f16"
    kv_type_v: str = "f16"
    flash_attention: FlashAttention = FlashAttention.AUTO
    runtime: Runtime = Runtime.LLAMA_SERVER
    era: Era = Era.CURRENT
    backend: str | None = None
    """`cuda`, `rocm`, `vulkan`, `metal`, `sycl` or `cpu`; ``None`` for the device's usual one."""

    gpu_layers: int | None = None
    """Layers to offload, the output counted as one; ``None`` to solve for it."""

    offload_all: bool = False
    """True to offload every layer whether it fits or not (`--gpu-layers all`)."""

    n_cpu_moe: int | None = None
    """First layers whose experts stay on the CPU; ``None`` to solve for it."""

    cpu_moe: bool = False
    """True to keep the experts of all layers on the CPU (`--n-cpu-moe all`)."""

    tensor_split: tuple[float, ...] | None = None
    """Shares of the GPUs in the layers, in their order; ``None`` for their free memory."""
