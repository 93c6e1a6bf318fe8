"""What llama-quantize takes a tensor for: its category, and whether it leaves it as it is.

Holds the judgement of names and shapes only, as `llama-quant.cpp` makes it (by parts of the name);
which type a category gets in which file type is `catalog.recipe_rules`.

Source: `tensor_get_category` and `tensor_allows_quantization` in llama.cpp's src/llama-quant.cpp,
and `prepare_tensors` in its conversion/base.py for the types that tensors arrive in, October 2026.
"""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """A kind of tensor that a recipe treats alike."""

    TOKEN_EMBEDDING = "token-embedding"  # noqa: S105  (no password)
    OUTPUT = "output"
    ATTENTION_V = "attention-v"
    """V, a fused QKV, or the fused up-projection of multi-head latent attention."""

    ATTENTION_K = "attention-k"
    ATTENTION_Q = "attention-q"
    ATTENTION_OUTPUT = "attention-output"
    FFN_UP = "ffn-up"
    FFN_GATE = "ffn-gate"
    FFN_DOWN = "ffn-down"
    OTHER = "other"


_BY_NAME = {
    "output.weight": Category.OUTPUT,
    "token_embd.weight": Category.TOKEN_EMBEDDING,
    "per_layer_token_embd.weight": Category.TOKEN_EMBEDDING,
}

_BY_PART = (
    ("attn_qkv.weight", Category.ATTENTION_V),
    ("attn_kv_b.weight", Category.ATTENTION_V),
    ("attn_v.weight", Category.ATTENTION_V),
    ("attn_k.weight", Category.ATTENTION_K),
    ("attn_q.weight", Category.ATTENTION_Q),
    ("attn_output.weight", Category.ATTENTION_OUTPUT),
    ("ffn_up", Category.FFN_UP),
    ("ffn_gate", Category.FFN_GATE),
    ("ffn_down", Category.FFN_DOWN),
)
"""The first part that a name contains decides, so `indexer.attn_k.weight` counts as a K."""


def category_of(name: str) -> Category:
    """The category of a tensor's name (without `blk.N.`)."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    return next((category for part, category in _BY_PART if part in name), Category.OTHER)


_KEPT_F32 = (
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "altup_correct_coef",
    "altup_predict_coef",
    "time_mix_first.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
)
"""Left as they are, and single precision in what llama-quantize is given."""

_KEPT_HALF = (
    "altup",
    "laurel",
    "per_layer_model_proj",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    "time_mix_w0.weight",
    "time_mix_v0.weight",
    "time_mix_v1.weight",
    "time_mix_v2.weight",
    "time_mix_a0.weight",
    "time_mix_a1.weight",
    "time_mix_a2.weight",
    "time_mix_g1.weight",
    "time_mix_g2.weight",
    "attn_rel_b.weight",
)
"""Left as they are, and half precision in what llama-quantize is given."""

_KEPT_F32_GLM5_NEXT = ("hc_", "indexer.proj", "indexer_compressor_gate", "indexer_compressor_ape")

_KEPT_HALF_GLM5_NEXT = (
    "indexer.attn_q_b",
    "indexer.attn_k",
    "ssm_f_a.weight",
    "ssm_f_b.weight",
    "ssm_g_a.weight",
    "ssm_g_b.weight",
    "ssm_beta.weight",
    "attn_kv_a_mqa.weight",
    "attn_k_b.weight",
    "attn_v_b.weight",
)

_KEPT_F32_EXACT = frozenset({"position_embd.weight", "token_types.weight"})

HALF = "half"
"""Stands for `f16` or `bf16`, whichever the file that is quantized has."""


def kept_type(name: str, shape: tuple[int, ...], architecture: str) -> str | None:
    """How a tensor that is left as it is arrives: `f32`, `i32` or `HALF`.

    Returns:
        ``None`` for a tensor that is quantized.
    """
    if "ffn_gate_tid2eid.weight" in name:
        return "i32"
    if len(shape) < 2 or max(shape[1:]) == 1 or not name.endswith("weight"):
        return "f32"
    is_glm5_next = architecture == "glm5-next"
    single = _KEPT_F32 + (_KEPT_F32_GLM5_NEXT if is_glm5_next else ())
    half = _KEPT_HALF + (_KEPT_HALF_GLM5_NEXT if is_glm5_next else ())
    if name in _KEPT_F32_EXACT or any(part in name for part in single):
        return "f32"
    return HALF if any(part in name for part in half) else None


def is_f32_in_half_files(name: str) -> bool:
    """True for a tensor that the converter writes as F32 even in an F16 or BF16 file."""
    return "indexer.proj.weight" in name
