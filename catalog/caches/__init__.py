"""What each layer of a model remembers, per architecture, from its hyperparameters.

Follows what llama.cpp does rather than what a paper says: which layers slide, which own a cache,
which keep a state. Holds descriptions only; bytes are the estimator's business.

Source: llama.cpp, October 2026: `load_arch_hparams` in `src/models/*.cpp` for windows and states,
`create_memory` in `src/llama-model.cpp` for which cache an architecture gets,
`n_embd_r` and `n_embd_s` in `src/llama-hparams.cpp` for the states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from catalog.cache import LayerCache, Window
from catalog.caches import latent, states, windows

if TYPE_CHECKING:
    from catalog.caches.windows import Caches
    from catalog.model import Hyperparameters, Model

_FULL_ATTENTION = (
    "apertus",
    "arcee",
    "bailingmoe2",
    "bitnet",
    "command-r",
    "ernie4_5",
    "ernie4_5-moe",
    "exaone",
    "glm4",
    "glm4moe",
    "granite",
    "granitemoe",
    "hunyuan-dense",
    "hunyuan-moe",
    "hy_v3",
    "internlm2",
    "llama",
    "minicpm",
    "minimax-m2",
    "mistral3",
    "olmoe",
    "phi3",
    "phimoe",
    "qwen2",
    "qwen2vl",
    "qwen3",
    "qwen3moe",
    "qwen3vl",
    "qwen3vlmoe",
    "seed_oss",
    "smollm3",
    "starcoder2",
)
"""Every layer keeps everything. Phi-3's window is switched off in llama.cpp."""

CACHES: Mapping[str, Callable[[Hyperparameters], Caches]] = {
    **dict.fromkeys(_FULL_ATTENTION, windows.full),
    "afmoe": windows.windowed(4),
    "bert": windows.none,
    "cohere2": windows.windowed(4),
    "cohere2moe": windows.windowed(4, dense_first=True),
    "deci": windows.deci,
    "deepseek2": latent.latent,
    "deepseek32": latent.indexed_latent,
    "deepseek4": latent.deepseek4,
    "exaone4": windows.exaone4,
    "falcon-h1": states.falcon_h1,
    "gemma-embedding": windows.none,
    "gemma2": windows.windowed(2),
    "gemma3": windows.windowed(6),
    "gemma3n": windows.gemma3n,
    "gemma4": windows.gemma4,
    "glm-dsa": latent.indexed_latent,
    "glm5-next": states.glm5_next,
    "gpt-oss": windows.windowed(2),
    "granitehybrid": states.hybrid,
    "kimi-linear": states.kimi_linear,
    "laguna": windows.windowed(4, dense_first=True),
    "lfm2": states.lfm2,
    "lfm2moe": states.lfm2,
    "llama4": windows.windowed(4, window=Window.CHUNKED, fixed_tokens=8192),
    "mellum": windows.windowed(4),
    "mimo2": windows.windowed(1),
    "mistral4": latent.latent,
    "minimax-m3": latent.minimax_m3,
    "muse-glimmer": windows.windowed(4),
    "nemotron_h": states.hybrid,
    "nemotron_h_moe": states.hybrid,
    "nomic-bert": windows.none,
    "olmo2": windows.windowed(4),
    "qwen35": states.hybrid,
    "qwen35moe": states.hybrid,
    "qwen3next": states.hybrid,
    "qwen4exp": states.qwen4exp,
    "step35": windows.windowed(4, dense_first=True),
}
"""By llama.cpp's name of the architecture."""


@cache
def layer_caches(model: Model) -> tuple[LayerCache, ...]:
    """What the layers of a model keep; nothing for an encoder, which llama.cpp gives no cache.

    Raises:
        UnknownArchitectureError: Nothing is known of the architecture's cache.
    """
    return caches_of(model.architecture, model.hyperparameters)


def caches_of(architecture: str, hp: Hyperparameters) -> tuple[LayerCache, ...]:
    """What the layers of any model keep, also of architectures that no model of the catalog has.

    Args:
        architecture: llama.cpp's name of it.
        hp: The model's shape.

    Raises:
        UnknownArchitectureError: Nothing is known of the architecture's cache, or what is known
            does not cover this model.
    """
    describe = CACHES.get(architecture)
    if describe is None:
        from catalog.caches.outside import outside_caches

        return tuple(outside_caches(architecture, hp))
    return tuple(describe(hp))
