"""Which devices of the catalog hold a model whole, and how fast each is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.estimate.estimator import estimate
from advisor.estimate.result import Verdict
from advisor.estimate.setup import default_context_tokens
from advisor.target import target_of_devices
from catalog.hardware import load_devices
from catalog.lookup import Found

if TYPE_CHECKING:
    from advisor.estimate.result import Estimate
    from advisor.estimate.subject import Subject
    from advisor.workload import Workload
    from catalog.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """One device of the catalog that runs the model."""

    device: Device
    estimate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList:
    """The devices that hold a subject whole, fastest first."""

    subject: Subject
    context_tokens: int
    considered: int
    """Devices that were tried."""

    rows: tuple[DeviceRow, ...]


def device_list(
    subject: Subject, workload: Workload, *, kind: str | None = None, vendor: str | None = None
) -> DeviceList:
    """Try every device of the catalog, or those of a kind and a maker."""
    devices = [
        one
        for one in load_devices()
        if kind in {None, one.kind.value}
        and (vendor is None or one.vendor.casefold() == vendor.casefold())
    ]
    rows = devices_that_run(subject, workload, devices)
    context = workload.context_tokens or default_context_tokens(subject.model.context_tokens)
    return DeviceList(subject=subject, context_tokens=context, considered=len(devices), rows=rows)


def devices_that_run(
    subject: Subject, workload: Workload, devices: Iterable[Device]
) -> tuple[DeviceRow, ...]:
    """The devices that hold a subject whole, fastest first, then by name."""
    rows = []
    for device in devices:
        target = target_of_devices([Found(count=1, device=device)])
        answer = estimate(subject, workload, target, brief=True, whole_only=True)
        if answer.fit.verdict in {Verdict.FITS, Verdict.TIGHT}:
            rows.append(DeviceRow(device=device, estimate=answer))
    rows.sort(key=lambda row: (-_tokens_per_s(row), row.device.full_name))
    return tuple(rows)


def _tokens_per_s(row: DeviceRow) -> float:
    decode = row.estimate.decode
    return decode.speed.tokens_per_s if decode else 0.0
