"""What a GPU holds to compute experts that are kept on the host: a copy, and what lives beside it.

llama.cpp gives large batches of a host's experts to the first GPU, which copies one stacked matrix
at a time into its scratch. Holds that one formula, for graphs that `graph.helping` does not draw;
never which blocks are where.

Source: llama.cpp's `op_offload` (batches of 32 tokens and more), October 2026, whose scheduler was
compared: its buffers for Mixtral 8x7B, Qwen3 30B-A3B, gpt-oss 20B, DeepSeek V2 Lite and Gemma 4
26B-A4B with `--n-cpu-moe` lie within 6 % of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.compute import F32_BYTES, input_bytes

if TYPE_CHECKING:
    from advisor.estimate.costs import ContextCosts
    from advisor.estimate.weights import Weights
    from catalog.tensors import TensorGroup

RESIDUAL_ROWS = 3
"""Rows as wide as the embedding that live while experts are computed; two to four were seen."""

ROWS_OF_OTHERS = 4
"""Such rows more, where the experts of another GPU's blocks are computed, and where whole blocks
are on the host."""


def expert_peak_bytes(
    weights: Weights,
    context: ContextCosts,
    *,
    for_other_gpus: bool = False,
    for_host_blocks: bool = False,
) -> int:
    """Scratch of the GPU that computes the host's experts, with their copy.

    ``max(matrix + 4 × U × (used × rows + 3 × embedding)) + inputs`` over the stacked matrices,
    where rows are what the matrix reads and writes for each expert that a token uses.

    Args:
        weights: The model's, with its matrices.
        context: Its graph, caches and setup.
        for_other_gpus: True when some of the experts are of blocks that another GPU has: what
            they put out then lives on beside what it hands back.
        for_host_blocks: True when whole blocks are on the host.

    Returns:
        Zero where there are no experts. [bytes]
    """
    shape, setup = context.shape, context.setup
    batch = F32_BYTES * setup.ubatch_tokens
    matrices = list(weights.expert_matrices())
    if not matrices:
        return 0
    used = round(weights.expert_read_share * matrices[0].shape[2])
    residual = RESIDUAL_ROWS
    if for_other_gpus or for_host_blocks:
        residual += ROWS_OF_OTHERS
    handed = max((_rows(one) for one in matrices if _is_apart(one)), default=0)
    beside = residual * shape.embedding + (used * handed if for_other_gpus else 0)
    peak = max(one.bytes_each + batch * used * _rows(one) for one in matrices)
    return peak + batch * beside + input_bytes(shape, context.caches, setup)


def _rows(matrix: TensorGroup) -> int:
    """What lives of each expert: gate and up side by side, or their product and its image."""
    reads, writes = matrix.shape[:2]
    if matrix.name.startswith("ffn_down"):
        return reads + writes
    return 2 * writes if _is_apart(matrix) else writes


def _is_apart(matrix: TensorGroup) -> bool:
    """True for a gate or an up projection that is a matrix of its own."""
    return not matrix.name.startswith(("ffn_down", "ffn_gate_up"))
