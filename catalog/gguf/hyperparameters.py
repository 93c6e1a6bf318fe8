"""A model's shape, from the keys of its header and the shapes of its tensors.

Holds what llama.cpp reads alike for every architecture, defaults included; where one differs from
the rest is said in `conventions`. A figure that the tensors show is taken from them, because it is
what is loaded, whatever a key says.

Source: llama.cpp `load_hparams` in `src/llama-model.cpp`, October 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catalog.gguf.conventions import CONVENTIONS, READS_WINDOW, Shapes
from catalog.gguf.errors import DamagedHeaderError
from catalog.gguf.header import SkippedArray
from catalog.gguf.keys import MOST_LAYERS, SCALARS
from catalog.model import Hyperparameters
from catalog.tensors import Role

if TYPE_CHECKING:
    from collections.abc import Collection

    from catalog.gguf.keys import Keys
    from catalog.tensors import TensorTable


def layer_counts(keys: Keys, names: Collection[str]) -> tuple[int, int]:
    """Layers of the file, and those of them that are not prediction blocks.

    DeepSeek V4 files may count a prediction block that they do not carry.

    Raises:
        DamagedHeaderError: The count is missing, or more than llama.cpp takes.
    """
    stored = keys.required("block_count")
    predicting = keys.integer("nextn_predict_layers") or 0
    if not 0 < stored <= MOST_LAYERS or predicting > stored:
        msg = f"`{keys.name('block_count')}` is {stored}, {predicting} of them prediction blocks"
        raise DamagedHeaderError(f"{msg}; llama.cpp takes 1 to {MOST_LAYERS}")
    probe = f"blk.{stored - predicting}.nextn.eh_proj.weight"
    if keys.architecture == "deepseek4" and probe not in names:
        predicting = 0
    return stored, stored - predicting


def shapes_of(table: TensorTable) -> Shapes:
    """Shape by name; the first layer's where layers differ."""
    found: dict[str, tuple[int, ...]] = {}
    for group in table.groups:
        if group.role not in {Role.MTP, Role.VISION}:
            found.setdefault(group.name, group.shape)
    return found


def hyperparameters(keys: Keys, shapes: Shapes, *, stored: int, kept: int) -> Hyperparameters:
    """The model's shape, as llama.cpp reads it.

    Args:
        keys: The header's metadata.
        shapes: Of the tensors, by name.
        stored: Layers of the file.
        kept: Those that are not prediction blocks.

    Raises:
        DamagedHeaderError: A key that llama.cpp cannot do without is missing, or no number.
    """
    values: dict[str, Any] = {
        field: keys.integer(key) or None
        for field, key in SCALARS.items()
        if field != "leading_dense_block_count"
    }
    values |= _widths(keys, shapes, stored=stored, kept=kept)
    values |= _heads(keys, values["embedding_length"], stored=stored, kept=kept)
    values |= _experts(keys, shapes, values, stored=stored, kept=kept)
    values |= _window(keys, kept) if keys.architecture in READS_WINDOW else {}
    values |= _shown_by_tensors(shapes)
    if values["key_length_mla"] is None:
        values["kv_lora_rank"] = None  # it only factors the weights; the cache has every head
    common = Hyperparameters(**values)
    own = CONVENTIONS.get(keys.architecture)
    return common if own is None else own(common, keys, shapes)


def _widths(keys: Keys, shapes: Shapes, *, stored: int, kept: int) -> dict[str, Any]:
    table = shapes.get("token_embd.weight", ())
    return {
        "block_count": kept,
        "nextn_predict_layers": stored - kept or None,
        "embedding_length": keys.required("embedding_length"),
        "vocab_size": table[1] if len(table) == 2 else _vocabulary(keys),
        "feed_forward_length": keys.layers("feed_forward_length", kept=kept, stored=stored),
    }


def _vocabulary(keys: Keys) -> int:
    """Tokens, of a file whose token table does not show them."""
    stated = keys.integer("vocab_size")
    tokens = keys.metadata.get("tokenizer.ggml.tokens")
    listed = tokens.count if isinstance(tokens, SkippedArray) else 0
    return stated or listed


def _heads(keys: Keys, width: int, *, stored: int, kept: int) -> dict[str, Any]:
    """Heads and their lengths, which follow from the first layer's heads where no key says so."""
    heads = keys.layers("attention.head_count", kept=kept, stored=stored) or 0
    kv_heads = keys.layers("attention.head_count_kv", kept=kept, stored=stored)
    first = heads[0] if isinstance(heads, tuple) else heads
    length = width // first if first else 0
    key = keys.integer("attention.key_length") if first else 0
    value = keys.integer("attention.value_length") if first else 0
    key = length if key is None else key
    rotated = keys.integer("rope.dimension_count") if first else 0
    return {
        "head_count": heads,
        "head_count_kv": heads if kv_heads is None else kv_heads,
        "key_length": key,
        "value_length": length if value is None else value,
        "rope_dimension_count": key if rotated is None else rotated,
    }


def _experts(
    keys: Keys, shapes: Shapes, values: Mapping[str, Any], *, stored: int, kept: int
) -> dict[str, Any]:
    """Experts of the widest layer; their lengths as the tensors have them."""
    used = keys.layers("expert_used_count", kept=kept, stored=stored)
    length = keys.layers("expert_feed_forward_length", kept=kept, stored=stored)
    shown = shapes.get("ffn_down_exps.weight", ())
    shared = shapes.get("ffn_down_shexp.weight", ())
    return {
        "expert_used_count": _most(used) or None,
        "expert_feed_forward_length": shown[0] if shown else _most(length) or None,
        "expert_shared_feed_forward_length": (
            shared[0] if shared else values["expert_shared_feed_forward_length"]
        ),
        "leading_dense_block_count": keys.integer("leading_dense_block_count"),
    }


def _most(value: int | tuple[int, ...] | None) -> int:
    return max(value) if isinstance(value, tuple) else value or 0


def _window(keys: Keys, kept: int) -> dict[str, Any]:
    """The window as stated: zero says that there is none, which is not the same as silence."""
    pattern: int | tuple[bool, ...] | None = keys.flags(
        "attention.sliding_window_pattern", kept=kept
    )
    if pattern is None:
        pattern = keys.integer("attention.sliding_window_pattern")
        if pattern == 0:
            pattern = (True,) * kept  # a period of none: every layer slides
    return {
        "sliding_window": keys.integer("attention.sliding_window"),
        "sliding_window_pattern": pattern,
    }


def _shown_by_tensors(shapes: Shapes) -> dict[str, Any]:
    """What only the tensors tell."""
    types, positions = shapes.get("token_types.weight"), shapes.get("position_embd.weight")
    return {
        "tied_embeddings": "output.weight" not in shapes,
        "qk_norm": "attn_q_norm.weight" in shapes,
        "qkv_bias": "attn_q.bias" in shapes or "attn_qkv.bias" in shapes,
        "router_has_bias": any(name.startswith("exp_probs_b") for name in shapes),
        "ssm_has_norm": "ssm_norm.weight" in shapes,
        "token_type_count": types[1] if types and len(types) == 2 else None,
        "position_count": positions[1] if positions and len(positions) == 2 else None,
    }
