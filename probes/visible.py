"""Which NVIDIA devices CUDA programs may see, and in what order: `CUDA_VISIBLE_DEVICES`.

Pure functions from the variable's value and the devices that NVML lists. They never guess: where
a number cannot be assigned to a device without asking CUDA, the answer is that it is ambiguous.

Source: CUDA Programming Guide, "CUDA Environment Variables"; NVIDIA Multi-Instance GPU User
Guide, "CUDA Device Enumeration"; repeated and partly numeric entries as PyTorch found them to
work (`torch.cuda._parse_visible_devices`). Checked 2026-11-23.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ORDINAL = re.compile(r"\s*([+-]?\d+)")
"""What C's `strtol` takes of an entry: `1gpu` is 1."""


class Doubt(StrEnum):
    """Why the variable does not say what its author may have meant."""

    AMBIGUOUS = "ambiguous"
    """Numbers select among different models, whose order only CUDA knows."""

    INVALID = "invalid"
    """An entry names no device, though it is not the usual `-1`; CUDA stops reading there."""

    REPEATED = "repeated"
    """A device is named twice, for which CUDA shows none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaInstance:
    """A MIG instance, by what the variable may call it."""

    uuid: str | None

    gpu_instance: int | None = None

    compute_instance: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaGpu:
    """A GPU, by what the variable may call it."""

    uuid: str | None

    name: str

    pci_address: str | None

    is_partitioned: bool = False

    instances: tuple[CudaInstance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A device, by its position in the list of GPUs and in that GPU's list of instances."""

    gpu: int

    instance: int | None = None
    """``None`` for the whole GPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """What CUDA programs may see."""

    places: tuple[Place, ...]
    """Devices that are not hidden; in CUDA's order if `is_ordered`."""

    is_ordered: bool
    """True when the position in `places` is certainly CUDA's ordinal."""

    doubt: Doubt | None = None


def visible_devices(
    gpus: Sequence[CudaGpu],
    value: str | None,
    *,
    device_order: str | None = None,
    all_answer: bool = True,
    single_instance: bool = False,
) -> Visible:
    """Applies the variable to the devices.

    Args:
        gpus: Those that answer, as NVML lists them.
        value: Of `CUDA_VISIBLE_DEVICES`; ``None`` when it is not set.
        device_order: Of `CUDA_DEVICE_ORDER`. CUDA's default, fastest first, can be foretold
            only where all are of one model: they then come by bus address too.
        all_answer: False when NVML counts more, of which it is not known whether CUDA does.
        single_instance: True for drivers before R570, under which a program gets one MIG
            instance, and no whole GPU beside it.
    """
    by_bus = sorted(range(len(gpus)), key=lambda at: gpus[at].pci_address or "")
    is_certain = all_answer and (
        device_order == "PCI_BUS_ID" or len({gpu.name for gpu in gpus}) <= 1
    )
    if value is None:
        return Visible(
            places=_expanded(gpus, [Place(gpu=at) for at in by_bus]),
            is_ordered=is_certain and not any(gpu.is_partitioned for gpu in gpus),
        )
    if value.startswith(("GPU-", "MIG-")):
        chosen, doubt = _chosen(value, lambda entry: _named(gpus, entry))
        return _seen(gpus, chosen, doubt, single_instance=single_instance)
    chosen, doubt = _chosen(value, lambda entry: _numbered(by_bus, entry))
    if not is_certain and 0 < len(chosen) < len(gpus):
        everything = _expanded(gpus, [Place(gpu=at) for at in by_bus])
        return Visible(places=everything, is_ordered=False, doubt=Doubt.AMBIGUOUS)
    seen = _seen(gpus, chosen, doubt, single_instance=single_instance)
    return Visible(places=seen.places, is_ordered=seen.is_ordered and is_certain, doubt=seen.doubt)


def _chosen(
    value: str, place_of: Callable[[str], Place | None]
) -> tuple[list[Place], Doubt | None]:
    """The entries up to the first that is none; nothing when one comes twice."""
    chosen: list[Place] = []
    for entry in value.split(","):
        place = place_of(entry)
        if place is None:
            is_meant = entry.strip() == "-1" or not value.strip()
            return chosen, None if is_meant else Doubt.INVALID
        if place in chosen:
            return [], Doubt.REPEATED
        chosen.append(place)
    return chosen, None


def _numbered(by_bus: Sequence[int], entry: str) -> Place | None:
    number = _ORDINAL.match(entry)
    ordinal = int(number[1]) if number else -1
    return Place(gpu=by_bus[ordinal]) if 0 <= ordinal < len(by_bus) else None


def _named(gpus: Sequence[CudaGpu], entry: str) -> Place | None:
    return _instance_named(gpus, entry) if entry.startswith("MIG-") else _gpu_named(gpus, entry)


def _gpu_named(gpus: Sequence[CudaGpu], entry: str) -> Place | None:
    """By UUID or the beginning of it, which must fit one GPU only."""
    if not entry.startswith("GPU-"):
        return None
    fitting = [at for at, gpu in enumerate(gpus) if (gpu.uuid or "").startswith(entry)]
    return Place(gpu=fitting[0]) if len(fitting) == 1 else None


def _instance_named(gpus: Sequence[CudaGpu], entry: str) -> Place | None:
    """By UUID, or as before R470 by `MIG-<the GPU's UUID>/<GPU instance>/<compute instance>`."""
    for at, gpu in enumerate(gpus):
        for number, instance in enumerate(gpu.instances):
            old = f"MIG-{gpu.uuid}/{instance.gpu_instance}/{instance.compute_instance}"
            if entry in {instance.uuid, old}:
                return Place(gpu=at, instance=number)
    return None


def _seen(
    gpus: Sequence[CudaGpu], chosen: list[Place], doubt: Doubt | None, *, single_instance: bool
) -> Visible:
    is_ordered = not any(gpus[at.gpu].is_partitioned for at in chosen if at.instance is None)
    places = _expanded(gpus, _one_per_gpu_instance(gpus, chosen))
    named = [place for place in chosen if place.instance is not None]
    if single_instance and named:
        places = (named[0],)
    return Visible(places=places, is_ordered=is_ordered, doubt=doubt)


def _one_per_gpu_instance(gpus: Sequence[CudaGpu], chosen: list[Place]) -> list[Place]:
    """Of several compute instances of one GPU instance, CUDA uses the first that is named."""
    taken: set[tuple[int, int]] = set()
    kept: list[Place] = []
    for place in chosen:
        owner = None if place.instance is None else gpus[place.gpu].instances[place.instance]
        if owner is not None and owner.gpu_instance is not None:
            if (place.gpu, owner.gpu_instance) in taken:
                continue
            taken.add((place.gpu, owner.gpu_instance))
        kept.append(place)
    return kept


def _expanded(gpus: Sequence[CudaGpu], places: Sequence[Place]) -> tuple[Place, ...]:
    """A GPU in MIG mode stands for its instances, of which CUDA uses those it can."""
    expanded: list[Place] = []
    for place in places:
        gpu = gpus[place.gpu]
        if place.instance is None and gpu.is_partitioned:
            expanded += [Place(gpu=place.gpu, instance=at) for at in range(len(gpu.instances))]
        else:
            expanded.append(place)
    return tuple(expanded)
