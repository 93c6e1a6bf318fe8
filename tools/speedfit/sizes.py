"""How many bytes a published run read for one token, from its file's size and its model's shape.

The sources state a file's size, or only its type. A stated size is shared out over embedding, head,
routed experts and the rest, whose types differ, so that what one token reads can be summed; that is
within a few per cent of the sum over a tensor table, which the program itself uses. Where only a
type is stated, `speed_sizes.csv` has that sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speedfit.runs import Run, Shape

HEAD_BITS = {"F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q8_K_XL": 8.5}
"""Bits per weight of the head; llama-quantize raises it to q6_K in every smaller file type."""

EMBEDDING_BITS = {
    "F16": 16.0,
    "BF16": 16.0,
    "Q8_0": 8.5,
    "Q8_K_XL": 8.5,
    "Q6_K": 6.5625,
    "Q5_K_M": 5.5,
}
"""Bits per weight of an untied embedding; 4.5 for the rest, which are 4-bit types or near them."""

BLOCK_BITS = {
    "F16": 16.0,
    "BF16": 16.0,
    "Q8_0": 8.5,
    "Q6_K": 6.5625,
    "Q5_K_M": 5.67,
    "Q4_K_M": 4.82,
    "Q4_K_S": 4.6,
    "Q4_K_XL": 4.9,
    "Q4_0": 4.5,
    "Q4_1": 5.0,
    "IQ4_NL": 4.55,
    "IQ4_XS": 4.3,
    "Q3_K_M": 3.9,
}
"""Bits per weight of the layers, where neither a size nor a table is known (Llama 3.1 8B's)."""

DEFAULT_HEAD_BITS = 6.5625
DEFAULT_EMBEDDING_BITS = 4.5

GPT_OSS = "gpt-oss"
GPT_OSS_EXPERT_BITS = 4.25
"""gpt-oss keeps its experts in MXFP4 whatever the file is called."""

GPT_OSS_FILE_BYTES = {24: 12_101_071_176, 36: 63_372_244_910}
"""Of ggml-org's files, by layers: 11.27 and 59.02 GiB as `llama-bench` prints them."""

KERNEL_FAMILIES = (
    ("IQ4_NL", "legacy"),
    ("IQ4_XS", "k"),
    ("IQ", "i"),
    ("F16", "float"),
    ("BF16", "float"),
    ("Q8", "q8"),
    ("Q4_0", "legacy"),
    ("Q4_1", "legacy"),
    ("Q5_0", "legacy"),
    ("Q2", "k-low"),
    ("Q3", "k-low"),
)
"""Beginnings of a file type's name, and the kernels that most of its weights run through."""


def kernel_of(run: Run) -> str:
    """The kernel family of a run's file (see `advisor.estimate.classes.KERNELS`)."""
    if run.shape.architecture == GPT_OSS:
        return "fp4"
    quant = plain(run.quant)
    for beginning, family in KERNEL_FAMILIES:
        if quant.startswith(beginning):
            return family
    return "k"


def plain(quant: str) -> str:
    """A file type without unsloth's prefix, which only says who chose the types."""
    return quant.removeprefix("UD-")


def file_bytes(run: Run) -> float:
    """Bytes of the file, as stated or from its type.

    Raises:
        KeyError: No source states the size, and the type is not known here.
    """
    if run.file_bytes is not None:
        return float(run.file_bytes)
    if run.table_bytes is not None:
        return float(run.table_bytes[1])
    shape, quant = run.shape, plain(run.quant)
    if shape.architecture == GPT_OSS:
        return float(GPT_OSS_FILE_BYTES[shape.layers])
    blocks = (shape.rest + shape.routed_experts) * BLOCK_BITS[quant]
    return (blocks + _tables_bits(shape, quant)) / 8


def read_bytes(run: Run) -> float:
    """Bytes of weights that one token reads: no input table, and of the experts those used."""
    if run.table_bytes is not None:
        return float(run.table_bytes[0])
    shape, quant = run.shape, plain(run.quant)
    total = file_bytes(run)
    head = _head_bytes(shape, quant)
    used = shape.experts_used_share
    if shape.architecture == GPT_OSS:
        experts = shape.routed_experts * GPT_OSS_EXPERT_BITS / 8
        others = (total - experts) / (shape.rest + 2 * shape.embedding)
        return experts * used + (shape.rest + shape.embedding) * others
    blocks = total - _tables_bits(shape, quant) / 8
    per_weight = blocks / (shape.rest + shape.routed_experts)
    return (shape.rest + shape.routed_experts * used) * per_weight + head


def _head_bytes(shape: Shape, quant: str) -> float:
    return shape.embedding * HEAD_BITS.get(quant, DEFAULT_HEAD_BITS) / 8


def _tables_bits(shape: Shape, quant: str) -> float:
    """Bits of embedding, head and lookup tables together."""
    head = HEAD_BITS.get(quant, DEFAULT_HEAD_BITS)
    if shape.is_tied:
        return (shape.embedding + shape.lookup) * head
    embedding = EMBEDDING_BITS.get(quant, DEFAULT_EMBEDDING_BITS)
    return shape.embedding * (head + embedding) + shape.lookup * embedding
