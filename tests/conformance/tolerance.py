"""What may differ between the program and the library, and by how much.

Holds every difference that is accepted, each with its reason; never a comparison. A difference that
is not named here is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from advisor.estimate.graph_shape import ENCODERS
from advisor.estimate.setup import round_up
from advisor.estimate.subject import subject_of
from catalog.tensors import Role
from tests.conformance.draws import ALONE, Where

if TYPE_CHECKING:
    from advisor.workload import Workload
    from tests.conformance.comparison import Buffer, Compared
    from tests.conformance.draws import Draw

MIB = 1 << 20
LOGIT_BYTES = 4

LOG_STEP_BYTES = 0.01 * MIB
"""What llama.cpp's own log rounds a buffer to. Padding of tensors and the 64 rope factors that each
device gets a copy of stay below it."""

COUNTS_TABLE_TWICE = frozenset({"gemma3n", "gemma4"})
"""On the host alone, llama.cpp counts their token table as a head too, though both are the same
pages of the file (its loader creates the head first). The program counts them once."""

WITHOUT_SCRATCH = {
    Where.TWO: "the remote backend has no events, so that llama.cpp runs no pipeline on it",
    Where.EXPERTS: "the remote backend takes no products over from the host, as a GPU does",
}
"""Places whose scratch the remote device does not show as a GPU would."""

SCRATCH_SLACK_BYTES = MIB
"""Beside twice the stated interval: small buffers have tensors that no formula counts."""

SCRATCH_EXCEPTIONS: Mapping[str, Callable[[Draw, Workload], bool]] = {
    "BitNet's head is the token table itself, on the host, with its logits": (
        lambda draw, _: draw.model.architecture == "bitnet"
    ),
    "flash attention copies an F32 cache to F16, a layer at a time": (
        lambda _, workload: "f32" in {workload.kv_type_k, workload.kv_type_v}
    ),
    "a device with the output layer alone computes no block": (
        lambda draw, _: draw.gpu_layers == 1
    ),
    "an encoder's micro-batch may be as long as the context rounded up": (
        lambda draw, _: draw.model.architecture in ENCODERS
    ),
}
"""Scratch that the program does not know how to predict, and why."""


def scratch_exception(draw: Draw, workload: Workload) -> str | None:
    """Why the scratch of a context is no finding; ``None`` for most."""
    found = (why for why, holds in SCRATCH_EXCEPTIONS.items() if holds(draw, workload))
    return next(found, None)


def weights_beside_bytes(draw: Draw, place: str) -> int:
    """What the library is known to count of weights beside what the program does, in bytes.

    Gemma's table on the host alone, and BitNet's head, which the program puts on the last device
    and the library on none.
    """
    architecture = draw.model.architecture
    last_device = f"device {len(draw.split) - 1}"
    if architecture in COUNTS_TABLE_TWICE and draw.where in ALONE:
        return _table_bytes(draw)
    return -_table_bytes(draw) if architecture == "bitnet" and place == last_device else 0


def _table_bytes(draw: Draw) -> int:
    return subject_of(draw.model, draw.quant).table.bytes_of([Role.TOKEN_EMBEDDING])


def output_beside_bytes(draw: Draw, workload: Workload) -> int:
    """What the library reserves for handing over beside what the program says, in bytes.

    It reserves logits for encoders too, which have none.
    """
    is_encoder = draw.model.architecture in ENCODERS
    row = draw.model.hyperparameters.vocab_size * LOGIT_BYTES
    return (workload.sequences or 1) * row if is_encoder else 0


def pads_before_it_shares(workload: Workload) -> bool:
    """True where sequences with caches of their own get more cells than the program says.

    llama.cpp rounds the context up before it divides it among them, and once more after; the
    program only after.
    """
    context, sequences = workload.context_tokens or 0, workload.sequences or 1
    if workload.kv_unified:
        return False
    return round_up(context // sequences) != round_up(round_up(context) // sequences)


def is_inside(one: Compared, buffer: Buffer) -> bool:
    """True when the stated interval of the scratch holds what the library reserves."""
    return _distance(buffer) <= one.ours.stated_error * buffer.ours.scratch


def is_far(one: Compared, buffer: Buffer) -> bool:
    """True when not even twice the interval holds it."""
    allowed = 2 * one.ours.stated_error * buffer.ours.scratch + SCRATCH_SLACK_BYTES
    return _distance(buffer) > allowed


def _distance(buffer: Buffer) -> int:
    return abs(buffer.ours.scratch - buffer.theirs.scratch)
