"""Where one architecture's header means something else than the others', or leaves it to llama.cpp.

Holds one short function an architecture: it takes the shape as every header is read, and puts right
what its own loader puts right. Nothing here knows a byte or a cache.

Source: llama.cpp, October 2026: `load_arch_hparams` in the file of `src/models/` that each function
names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from catalog.gguf.errors import DamagedHeaderError

if TYPE_CHECKING:
    from catalog.gguf.keys import Keys
    from catalog.model import Hyperparameters

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Shapes of tensors by name (without `blk.N.`), prediction blocks left out."""

Convention: TypeAlias = Callable[["Hyperparameters", "Keys", Shapes], "Hyperparameters"]

NEEDS_PATTERN = frozenset(
    {"dots3note", "gemma4", "granite_swa", "maple", "mimo2", "spark2_5", "step35"}
)
"""Architectures that list which layers slide, and have no rule of their own."""

READS_WINDOW = NEEDS_PATTERN | {
    "afmoe",
    "cohere2",
    "cohere2moe",
    "deepseek4",
    "exaone-moe",
    "exaone4",
    "gemma-embedding",
    "gemma2",
    "gemma3",
    "gemma3n",
    "gpt-oss",
    "laguna",
    "lfm2",
    "llama4",
    "mellum",
    "modern-bert",
    "muse-glimmer",
    "olmo2",
    "plamo3",
    "smallthinker",
}
"""Architectures in which llama.cpp makes something of a window; the others' windows it ignores."""

PERIODIC = {"minimax-01": 8, "qwen35": 4, "qwen35moe": 4, "qwen3next": 4, "qwen4exp": 4}
"""Of so many layers one attends and the others have a state, unless the header lists them."""

GLM_5_2_CONTEXT_TOKENS = 1_048_576
"""From this context on, a `glm-dsa` file that lists no indexers shares them in groups of four."""


def _windowed(default_tokens: int | None = None) -> Convention:
    """A window that every file states, or that has a default; and a listed pattern where needed."""

    def read(hp: Hyperparameters, keys: Keys, _shapes: Shapes) -> Hyperparameters:
        tokens = default_tokens if hp.sliding_window is None else hp.sliding_window
        if tokens is None:
            raise DamagedHeaderError(keys.missing("attention.sliding_window"))
        listed = isinstance(hp.sliding_window_pattern, tuple)
        if keys.architecture in NEEDS_PATTERN and not listed:
            raise DamagedHeaderError(keys.missing("attention.sliding_window_pattern"))
        return replace(hp, sliding_window=tokens)

    return read


def _exaone4(hp: Hyperparameters, _keys: Keys, _shapes: Shapes) -> Hyperparameters:
    """exaone4.cpp: only the model of 64 layers slides, by 4096 tokens if it states no other."""
    if hp.block_count != 64:
        return replace(hp, sliding_window=None, sliding_window_pattern=None)
    return replace(hp, sliding_window=4096 if hp.sliding_window is None else hp.sliding_window)


def _smallthinker(hp: Hyperparameters, _keys: Keys, _shapes: Shapes) -> Hyperparameters:
    """smallthinker.cpp: where a window is stated it is 4096 tokens, whatever the header says."""
    return replace(hp, sliding_window=4096 if hp.sliding_window else None)


def _llama4(hp: Hyperparameters, _keys: Keys, _shapes: Shapes) -> Hyperparameters:
    """llama4.cpp: chunks of 8192 tokens, or none where the header says 0."""
    return replace(hp, sliding_window=0 if hp.sliding_window == 0 else 8192)


def _gemma3n(hp: Hyperparameters, keys: Keys, shapes: Shapes) -> Hyperparameters:
    """gemma3n.cpp: streams and ranks are in no key; the table per layer has rows of its own."""
    hp = _windowed()(hp, keys, shapes)
    router, rank = shapes.get("altup_router.weight", ()), shapes.get("laurel_l.weight", ())
    table = shapes.get("per_layer_token_embd.weight", ())
    return replace(
        hp,
        altup_num_inputs=router[1] if len(router) == 2 else None,
        laurel_rank=rank[1] if len(rank) == 2 else None,
        vocab_size_per_layer_input=table[1] if len(table) == 2 else None,
    )


def _periodic(hp: Hyperparameters, keys: Keys, _shapes: Shapes) -> Hyperparameters:
    """qwen35.cpp, qwen3next.cpp, minimax-01.cpp: a list of recurrent layers, or a period."""
    listed = keys.flags("attention.recurrent_layers", kept=hp.block_count)
    if listed is not None:
        heads = hp.head_count_kv
        own = heads if isinstance(heads, tuple) else (heads,) * hp.block_count
        marked = tuple(0 if is_so else one for is_so, one in zip(listed, own, strict=True))
        return replace(hp, head_count_kv=marked)
    interval = keys.integer("full_attention_interval")
    if interval == 0:
        msg = f"`{keys.name('full_attention_interval')}` is 0, not a count of layers"
        raise DamagedHeaderError(msg)
    return replace(hp, full_attention_interval=interval or PERIODIC[keys.architecture])


def _qwen4exp(hp: Hyperparameters, keys: Keys, shapes: Shapes) -> Hyperparameters:
    """qwen4exp.cpp: its table is of n-grams; its indexer keeps no choice of cells."""
    table = shapes.get("per_layer_token_embd.weight", ())
    hp = _periodic(hp, keys, shapes)
    return replace(
        hp,
        embedding_length_per_layer_input=None,
        indexer_top_k=None,
        ple_embedding_length=hp.embedding_length_per_layer_input,
        ple_layers=keys.numbers("ple.layers"),
        ple_ngram_size=keys.integer("ple.ngram_size"),
        ple_conv_kernel=keys.integer("ple.conv_kernel"),
        ple_table_rows=table[1] if len(table) == 2 else None,
    )


def _minimax_m3(hp: Hyperparameters, _keys: Keys, _shapes: Shapes) -> Hyperparameters:
    """minimax-m3.cpp: its indexer picks blocks of tokens, and keeps no choice of cells."""
    return replace(hp, indexer_top_k=None)


def _nemotron_h(hp: Hyperparameters, _keys: Keys, _shapes: Shapes) -> Hyperparameters:
    """nemotron-h.cpp: a layer attends where it has KV heads, and feeds where it has a length."""
    heads, lengths = hp.head_count_kv, hp.feed_forward_length
    heads = heads if isinstance(heads, tuple) else (heads,) * hp.block_count
    lengths = lengths if isinstance(lengths, tuple) else (lengths or 0,) * hp.block_count
    feeds = "E" if hp.expert_count else "-"
    return replace(
        hp,
        head_count_kv=heads,
        feed_forward_length=lengths,
        layer_pattern="".join(
            feeds if length else "*" if own else "M"
            for own, length in zip(heads, lengths, strict=True)
        ),
    )


def _deepseek4(hp: Hyperparameters, keys: Keys, shapes: Shapes) -> Hyperparameters:
    """deepseek4.cpp: how many tokens one cell of each layer stands for."""
    ratios = keys.numbers("attention.compress_ratios")
    if ratios is None or len(ratios) < hp.block_count:
        raise DamagedHeaderError(keys.missing("attention.compress_ratios"))
    return replace(_windowed()(hp, keys, shapes), compress_ratios=ratios[: hp.block_count])


def _with_listed_indexers(hp: Hyperparameters, keys: Keys, _shapes: Shapes) -> Hyperparameters:
    """glm-dsa.cpp, glm5-next.cpp, hy-v4.cpp: which layers have an indexer of their own."""
    layers = range(hp.block_count)
    listed = keys.flags("attention.indexer.types", kept=hp.block_count)
    long = (keys.integer("context_length") or 0) >= GLM_5_2_CONTEXT_TOKENS
    if listed is None and keys.architecture == "glm-dsa" and long:
        listed = tuple(layer < 2 or (layer - 2) % 4 == 0 for layer in layers)
    if listed is None or all(listed):
        return hp
    return replace(hp, indexer_full_layers=tuple(layer for layer in layers if listed[layer]))


def _plamo2(hp: Hyperparameters, keys: Keys, _shapes: Shapes) -> Hyperparameters:
    """plamo2.cpp: the keys state the lengths of heads even if the first layer has none."""
    return replace(
        hp,
        key_length=keys.integer("attention.key_length") or hp.key_length,
        value_length=keys.integer("attention.value_length") or hp.value_length,
    )


CONVENTIONS: Mapping[str, Convention] = {
    **dict.fromkeys(NEEDS_PATTERN, _windowed()),
    **dict.fromkeys(PERIODIC, _periodic),
    **dict.fromkeys(("cohere2", "cohere2moe", "gemma-embedding", "gpt-oss"), _windowed()),
    **dict.fromkeys(("exaone-moe", "muse-glimmer"), _windowed()),
    **dict.fromkeys(("glm-dsa", "glm5-next", "hy_v4"), _with_listed_indexers),
    **dict.fromkeys(("nemotron_h", "nemotron_h_moe"), _nemotron_h),
    "deepseek4": _deepseek4,
    "exaone4": _exaone4,
    "gemma2": _windowed(4096),
    "gemma3n": _gemma3n,
    "llama4": _llama4,
    "minimax-m3": _minimax_m3,
    "plamo2": _plamo2,
    "qwen4exp": _qwen4exp,
    "smallthinker": _smallthinker,
}
"""By llama.cpp's name of the architecture; one that is missing has nothing of its own."""
