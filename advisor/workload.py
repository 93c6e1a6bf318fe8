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
    """Also llama-cpp-python and llama-fit-params: logits for the whole micro-batch."""

    OLLAMA = "ollama"
    LMSTUDIO = "lmstudio"
    LLAMAFILE = "llamafile"
    """As LocalScore runs it: no flash attention."""


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

    ubatch_tokens: int = 512
    sequences: int | None = None
    """Parallel sequences; ``None`` for the runtime's own number."""

    kv_unified: bool | None = None
    """Whether sequences share one cache; ``None`` for the runtime's own way."""

    kv_type_k: str = "f16"
    kv_type_v: str = "f16"
    flash_attention: FlashAttention = FlashAttention.AUTO
    runtime: Runtime = Runtime.LLAMA_SERVER
    backend: str | None = None
    """`cuda`, `rocm`, `vulkan`, `metal`, `sycl` or `cpu`; ``None`` for the device's usual one."""

    gpu_layers: int | None = None
    """Layers to offload, the output counted as one; ``None`` to solve for it."""

    offload_all: bool = False
    """True to offload every layer whether it fits or not (`--gpu-layers all`)."""
