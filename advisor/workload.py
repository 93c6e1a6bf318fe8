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


class LoadMode(StrEnum):
    """How the weights that the host keeps are read: `--load-mode` in llama.cpp's words."""

    AUTO = "auto"
    """As the runtime does it: for most, as pages of the file."""

    NONE = "none"
    """Read into memory (`--no-mmap` in older builds)."""

    MMAP = "mmap"
    """Pages of the file, which the kernel may drop and read again."""

    MLOCK = "mlock"
    """Read into memory and locked there."""

    MMAP_MLOCK = "mmap+mlock"
    """Pages of the file, locked (`--mlock` in older builds)."""

    DIO = "dio"
    """Read into memory past the kernel's cache."""

    @property
    def is_mapped(self) -> bool | None:
        """True for pages of the file; ``None`` where the runtime decides."""
        if self is LoadMode.AUTO:
            return None
        return self in {LoadMode.MMAP, LoadMode.MMAP_MLOCK}

    @property
    def is_locked(self) -> bool:
        """True where the kernel may not drop or swap any of it."""
        return self in {LoadMode.MLOCK, LoadMode.MMAP_MLOCK}


class FlashAttention(StrEnum):
    """Whether attention is computed without storing its scores."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


PROMPT_TOKENS = 512
"""Length of the prompt that time to first token is stated for, as `llama-bench` pp512 has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One way of running a model."""

    context_tokens: int | None = None
    """Prompt and answer together; ``None`` for the default, or the model's own if smaller."""

    depth_tokens: int = 0
    """Tokens already in the cache when decode speed is stated."""

    prompt_tokens: int = PROMPT_TOKENS
    """Length of the prompt that prefill and the time to the first token are stated for."""

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
    load_mode: LoadMode = LoadMode.AUTO
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
