"""What may differ between the program and the library, and by how much.

Holds every difference that is accepted, each with its reason; never a comparison. A difference that
is not named here is a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.estimate.subject import subject_of
from catalog.tensors import Role
from tests.conformance.comparison import HOST
from tests.conformance.draws import ALONE, Where

if TYPE_CHECKING:
    from tests.conformance.comparison import Buffer
    from tests.conformance.draws import Draw

MIB = 1 << 20

LOG_STEP_BYTES = 0.01 * MIB
"""What llama.cpp's own log rounds a buffer to. Padding of tensors and the 64 rope factors that each
device gets a copy of stay below it."""

COUNTS_TABLE_TWICE = frozenset({"gemma3n", "gemma4"})
"""On the host alone, llama.cpp counts their token table as a head too, though both are the same
pages of the file (its loader creates the head first). The program counts them once."""

WITHOUT_SCRATCH = {
    (Where.HELPED, HOST): (
        "a GPU leaves a host nothing to compute; the program counts its scratch all the same"
    ),
}
"""Buffers whose scratch is not compared."""

SCRATCH_SLACK_BYTES = MIB
"""Beside twice the stated interval: small buffers have tensors that no formula counts."""


def weights_beside_bytes(draw: Draw) -> int:
    """What the library is known to count of weights on the host beside what the program does."""
    if draw.model.architecture in COUNTS_TABLE_TWICE and draw.where in ALONE:
        return subject_of(draw.model, draw.quant).table.bytes_of([Role.TOKEN_EMBEDDING])
    return 0


def is_compared(draw: Draw, buffer: Buffer) -> bool:
    """True for scratch that the program predicts as the library reserves it."""
    return (draw.where, buffer.place) not in WITHOUT_SCRATCH


def is_inside(buffer: Buffer) -> bool:
    """True when the stated interval of the scratch holds what the library reserves."""
    return _distance(buffer) <= buffer.error_bytes


def is_far(buffer: Buffer) -> bool:
    """True when not even twice the interval holds it."""
    return _distance(buffer) > 2 * buffer.error_bytes + SCRATCH_SLACK_BYTES


def _distance(buffer: Buffer) -> int:
    return abs(buffer.ours.scratch - buffer.theirs.scratch)
