"""Marks which NVIDIA devices the environment hides from CUDA programs.

Holds the joint between NVML's list and `probes.visible`, which knows CUDA's rules, and the words
for what they come to. A finding never repeats the variable's value: it may hold UUIDs, and
findings are shown to strangers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorState
from probes.finding import Finding, Severity
from probes.nvidia.bus import PROBE
from probes.visible import CudaGpu, CudaInstance, Doubt, Place, Visible, visible_devices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.ask import Asker
    from probes.nvidia.gpu import Gpu

VARIABLE = "CUDA_VISIBLE_DEVICES"

_SEVERAL_INSTANCES_SINCE = 570
"""The driver with which a program may use several MIG instances, one of each GPU instance."""

_DOUBTS = {
    Doubt.AMBIGUOUS: (
        "selects by number among NVIDIA GPUs whose order only CUDA knows, so that all are shown",
        "set `CUDA_DEVICE_ORDER=PCI_BUS_ID`, or name GPUs by UUID (`nvidia-smi -L`)",
    ),
    Doubt.INVALID: (
        "has an entry that names no device of this machine, where CUDA stops reading it",
        "compare it with `nvidia-smi -L`",
    ),
    Doubt.REPEATED: (
        "names a device twice, for which CUDA shows programs no device at all",
        "name each device once",
    ),
}


def with_visibility(
    gpus: Sequence[Gpu], asker: Asker, *, all_answer: bool
) -> tuple[tuple[Gpu, ...], tuple[Finding, ...]]:
    """The same GPUs, those that CUDA programs do not see in the state `HIDDEN`."""
    answering = [gpu for gpu in gpus if gpu.answers]
    if not answering:
        return tuple(gpus), ()
    visible = visible_devices(
        [_as_cuda_names_it(gpu) for gpu in answering],
        asker.environ.get(VARIABLE),
        device_order=asker.environ.get("CUDA_DEVICE_ORDER"),
        all_answer=all_answer,
        single_instance=_has_single_instance(answering),
    )
    marked: list[Gpu] = []
    position = 0
    for gpu in gpus:
        marked.append(_marked(gpu, position, visible) if gpu.answers else gpu)
        position += gpu.answers
    return tuple(marked), _findings(marked, visible)


def _as_cuda_names_it(gpu: Gpu) -> CudaGpu:
    return CudaGpu(
        uuid=gpu.whole.uuid,
        name=gpu.whole.name,
        pci_address=None if gpu.whole.pci is None else gpu.whole.pci.address,
        is_partitioned=gpu.whole.state is AcceleratorState.PARTITIONED,
        instances=tuple(
            CudaInstance(
                uuid=instance.accelerator.uuid,
                gpu_instance=instance.gpu_instance,
                compute_instance=instance.compute_instance,
            )
            for instance in gpu.instances
        ),
    )


def _marked(gpu: Gpu, position: int, visible: Visible) -> Gpu:
    if gpu.whole.state is AcceleratorState.PARTITIONED:
        instances = tuple(
            replace(
                instance,
                accelerator=_seen(
                    instance.accelerator, Place(gpu=position, instance=number), visible
                ),
            )
            for number, instance in enumerate(gpu.instances)
        )
        return replace(gpu, instances=instances)
    return replace(gpu, whole=_seen(gpu.whole, Place(gpu=position), visible))


def _seen(device: Accelerator, place: Place, visible: Visible) -> Accelerator:
    if place not in visible.places:
        return replace(device, state=AcceleratorState.HIDDEN)
    return replace(device, cuda_index=visible.places.index(place) if visible.is_ordered else None)


def _has_single_instance(gpus: Sequence[Gpu]) -> bool:
    """True unless the driver is known to be R570 or later."""
    version = next((gpu.whole.driver for gpu in gpus if gpu.whole.driver), "")
    branch = version.partition(".")[0]
    return not branch.isdigit() or int(branch) < _SEVERAL_INSTANCES_SINCE


def _findings(gpus: Sequence[Gpu], visible: Visible) -> tuple[Finding, ...]:
    findings: list[Finding] = []
    if visible.doubt is not None:
        predicate, hint = _DOUBTS[visible.doubt]
        findings.append(
            Finding(
                probe=PROBE,
                code=f"nvidia-visible-{visible.doubt.value}",
                severity=Severity.WARNING,
                sentence=f"`{VARIABLE}` {predicate}",
                hint=hint,
            )
        )
    hidden = [
        device.name
        for gpu in gpus
        for device in gpu.devices
        if device.state is AcceleratorState.HIDDEN
    ]
    if hidden:
        findings.append(
            Finding(
                probe=PROBE,
                code="nvidia-hidden",
                severity=Severity.NOTE,
                sentence=f"`{VARIABLE}` hides {' and '.join(hidden)} from CUDA programs",
                hint=f"unset `{VARIABLE}` to use everything",
            )
        )
    if len(visible.places) > 1 and any(place.instance is not None for place in visible.places):
        findings.append(_several_instances(gpus))
    return tuple(findings)


def _several_instances(gpus: Sequence[Gpu]) -> Finding:
    if _has_single_instance(gpus):
        return Finding(
            probe=PROBE,
            code="nvidia-mig-single",
            severity=Severity.NOTE,
            sentence="a CUDA program uses one MIG instance and no whole GPU beside it, so the"
            " memory of several does not add up",
            hint=f"choose one with `{VARIABLE}` (`nvidia-smi -L` lists their UUIDs)",
        )
    return Finding(
        probe=PROBE,
        code="nvidia-mig-several",
        severity=Severity.NOTE,
        sentence="a CUDA program sees one MIG instance of each GPU instance as a device of its"
        " own, so a model runs in the memory of one unless it is split among them",
        hint=f"choose one with `{VARIABLE}` (`nvidia-smi -L` lists their UUIDs)",
    )
