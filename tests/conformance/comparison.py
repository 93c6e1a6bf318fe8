"""The library's answer beside the program's, for every draw of an architecture.

Holds how the two are brought together and how far apart they are; never what is tolerated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.tables import tensor_table
from tests.conformance.draws import Where, draws
from tests.conformance.library import Question, Refused, Started
from tests.conformance.parameters import context_parameters
from tests.conformance.prediction import Predicted, predict
from tests.conformance.skeleton import write_skeleton

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.workload import Workload
    from tests.conformance.draws import Draw
    from tests.conformance.library import Library, Reserved

HOST = "host"
"""The host's place among the buffers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """One device's part of an answer."""

    place: str
    ours: Reserved
    theirs: Reserved
    error_bytes: float
    """What the program states of its scratch: half the width of the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One context, as both would start it."""

    draw: Draw
    workload: Workload
    ours: Predicted | Refused
    theirs: Started | Refused

    @property
    def name(self) -> str:
        """All settings, for a message."""
        workload = self.workload
        shared = "shared" if workload.kv_unified else "separate"
        return (
            f"{self.draw.model.name} {self.draw.quant.name} {self.draw.where}"
            f" ({self.draw.gpu_layers} layers, {self.draw.cpu_moe_layers} of experts),"
            f" -c {workload.context_tokens} -ub {workload.ubatch_tokens}"
            f" -np {workload.sequences} {shared} -fa {workload.flash_attention}"
            f" -ctk {workload.kv_type_k} -ctv {workload.kv_type_v} ({workload.runtime})"
        )

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """Every device and the host; none where one of the two refuses."""
        ours, theirs = self.ours, self.theirs
        if isinstance(ours, Refused) or isinstance(theirs, Refused):
            return ()
        return tuple(
            Buffer(place=name, ours=mine, theirs=its, error_bytes=error)
            for name, mine, its, error in zip(
                (*(f"device {place}" for place in range(len(ours.devices))), HOST),
                (*ours.devices, ours.host),
                (*theirs.devices, theirs.all_host),
                ours.errors_bytes,
                strict=True,
            )
        )


def compare(library: Library, architecture: str, folder: Path) -> Iterator[Compared]:
    """Ask both about every draw of an architecture; on the host alone if there is no device."""
    for count, draw in enumerate(draws(architecture)):
        path = folder / f"{architecture}-{count}.gguf"
        if len(draw.split) > library.device_count:
            continue
        table = tensor_table(draw.model, draw.quant)
        write_skeleton(path, draw.model, table, file_type=draw.quant.number)
        for workload in draw.workloads:
            question = Question(
                path=path,
                gpu_layers=draw.gpu_layers,
                split=draw.split,
                cpu_moe_layers=draw.cpu_moe_layers,
                may_rearrange=draw.where is Where.REARRANGED,
                takes_over=draw.takes_over,
                context=context_parameters(workload, architecture),
            )
            yield Compared(
                draw=draw,
                workload=workload,
                ours=predict(draw, workload, library.instruction_sets),
                theirs=library.ask(question),
            )
        path.unlink()
