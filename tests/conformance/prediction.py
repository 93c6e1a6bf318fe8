"""What the program predicts for a draw, by the door that `advisor estimate` uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.estimate.estimator import costs_of, estimate
from advisor.estimate.memory import scratch_error_bytes
from advisor.estimate.subject import subject_of
from advisor.figure import Figure, Origin
from advisor.target import Gpu, Host, Target
from tests.conformance.library import Refused, Reserved

if TYPE_CHECKING:
    from advisor.estimate.graph_shape import GraphKind
    from advisor.estimate.memory import Allocation
    from advisor.workload import Workload
    from tests.conformance.draws import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What the program says that the library would reserve."""

    devices: tuple[Reserved, ...]
    host: Reserved
    rearranged_bytes: int
    output_bytes: int
    errors_bytes: tuple[float, ...]
    """Half the width of the scratch's interval, on each device and the host."""

    kind: GraphKind


def predict(
    draw: Draw, workload: Workload, instruction_sets: tuple[str, ...]
) -> Predicted | Refused:
    """What the program says of one way of running a file.

    Args:
        draw: The file, and where its layers are.
        workload: How it is run.
        instruction_sets: The processor's.
    """
    subject = subject_of(draw.model, draw.quant)
    try:
        answer = estimate(subject, workload, _target(draw.split, instruction_sets), brief=True)
    except UsageError as error:
        return Refused(reason=str(error))
    *devices, host = answer.allocations
    costs = costs_of(subject, answer.setup)
    placement, count = answer.placement, len(devices)
    scratch = [costs.context.gpu_compute_bytes(placement, place) for place in range(count)]
    copies = [
        costs.copied_bytes(placement, place) if draw.takes_over else 0 for place in range(count)
    ]
    scratch.append(host.compute_bytes)
    copies.append(0)
    errors = (
        scratch_error_bytes(costs, size, copied)
        for size, copied in zip(scratch, copies, strict=True)
    )
    return Predicted(
        devices=tuple(map(_reserved, devices, map(sum, zip(scratch, copies, strict=True)))),
        host=_reserved(host, host.compute_bytes),
        rearranged_bytes=host.repack_bytes,
        output_bytes=host.overhead_bytes - host.repack_bytes,
        errors_bytes=tuple(errors),
        kind=subject.shape.kind,
    )


def _reserved(allocation: Allocation, scratch: int) -> Reserved:
    return Reserved(
        weights=allocation.weights_bytes,
        cache=allocation.kv_cache_bytes,
        scratch=scratch,
    )


def _target(split: tuple[float, ...], instruction_sets: tuple[str, ...]) -> Target:
    """Cards whose free memory is in the proportion of the split, and a host without a limit."""
    host = Host(
        name="a processor",
        capacity_bytes=None,
        available_bytes=None,
        read_bytes_per_s=None,
        cores=None,
        instruction_sets=instruction_sets,
    )
    gpus = tuple(_gpu(share) for share in split)
    return Target(name="a machine", gpus=gpus, host=host, is_imagined=True)


def _gpu(share: float) -> Gpu:
    memory = Figure(value=share * (1 << 50), origin=Origin.ASSUMED, source="room for everything")
    return Gpu(
        name="a card",
        vendor="nvidia",
        architecture=None,
        backend="cuda",
        kind="desktop",
        capacity_bytes=memory,
        available_bytes=memory,
        bandwidth_bytes_per_s=None,
        fp16_flops_per_s=None,
        shares_host_memory=False,
        row_name=None,
    )
