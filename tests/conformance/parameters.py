"""A workload in llama.cpp's own parameters, as each program hands them over.

Source: llama.cpp `tools/server/server-context.cpp` (`server_output_limits`), `common/common.cpp`
and `tools/llama-bench/llama-bench.cpp`; llama-cpp-python 0.3.36 `llama_cpp/llama.py`; October 2026.
"""

from __future__ import annotations

from advisor.estimate.graph_shape import ENCODERS
from advisor.workload import FlashAttention, Runtime, Workload
from catalog.quants import ggml_type

Parameters = dict[str, int | bool]

BATCH_TOKENS = 2048
"""What one call may hand over, unless the micro-batch is larger."""

FLASH = {FlashAttention.AUTO: -1, FlashAttention.OFF: 0, FlashAttention.ON: 1}
"""`llama_flash_attn_type`."""


def context_parameters(workload: Workload, architecture: str) -> Parameters:
    """`llama_context_params` of one way of running a model."""
    assert workload.context_tokens is not None
    assert workload.ubatch_tokens is not None
    is_encoder = architecture in ENCODERS
    return {
        "n_ctx": workload.context_tokens,
        "n_batch": max(BATCH_TOKENS, workload.ubatch_tokens),
        "n_ubatch": workload.ubatch_tokens,
        "n_seq_max": workload.sequences or 1,
        "n_outputs_max": 0 if is_encoder else _output_rows(workload),
        "kv_unified": bool(workload.kv_unified),
        "swa_full": workload.runtime is Runtime.LLAMA_CPP_PYTHON,
        "flash_attn_type": _flash(workload),
        "type_k": ggml_type(workload.kv_type_k).number,
        "type_v": ggml_type(workload.kv_type_v).number,
        "embeddings": is_encoder,
    }


def _output_rows(workload: Workload) -> int:
    """Rows of logits that a program asks for; zero for as many as tokens."""
    return (workload.sequences or 1) if workload.runtime is Runtime.LLAMA_SERVER else 0


def _flash(workload: Workload) -> int:
    """llama-cpp-python leaves flash attention off unless it is asked for."""
    asked = workload.flash_attention
    if workload.runtime is Runtime.LLAMA_CPP_PYTHON and asked is FlashAttention.AUTO:
        asked = FlashAttention.OFF
    return FLASH[asked]
