"""How an NVIDIA card is at the moment: why its clocks are lowered, how hot it is, bad memory.

Holds what NVML answers, put into this program's words. Whether that is good enough for a job is
never decided here.

Source: `nvmlClocksEventReasons`, `nvmlMemoryErrorType_t` and `nvmlComputeMode_t` in NVIDIA's NVML
API reference (https://docs.nvidia.com/deploy/nvml-api/) and nvidia-ml-py 13.615.71. Checked
2026-11-24.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.accelerator import ComputeMode, Condition, Slowdown

if TYPE_CHECKING:
    from probes.nvidia.nvml import Nvml

_SLOWDOWNS = {
    0x04: Slowdown.POWER_CAP,
    0x08: Slowdown.HARDWARE,
    0x20: Slowdown.SOFTWARE_THERMAL,
    0x40: Slowdown.HARDWARE_THERMAL,
    0x80: Slowdown.POWER_BRAKE,
    0x10: Slowdown.SYNC_BOOST,
    0x02: Slowdown.CLOCK_SETTING,
}
"""Bits of the reasons. Being idle (0x01) and drawing a desktop (0x100) slow no program down."""

_COMPUTE_MODES = {
    0: ComputeMode.SHARED,
    1: ComputeMode.EXCLUSIVE,
    2: ComputeMode.PROHIBITED,
    3: ComputeMode.EXCLUSIVE,
}

_SENSOR_OF_THE_CHIP = 0
_THRESHOLD_OF_SLOWDOWN = 1
_UNCORRECTED = 1
_SINCE_THE_DRIVER_WAS_LOADED = 0

HOTTEST_CELSIUS = 200
"""No card lives at this; a threshold of 0 or beyond means that there is none."""


def ask_condition(nvml: Nvml, handle: object) -> Condition | None:
    """The card's condition; ``None`` when it answers no question about it."""
    pending, failed = _repair(nvml, handle)
    condition = Condition(
        slowdowns=_slowdowns(nvml, handle),
        temperature_celsius=_celsius(
            nvml.number("nvmlDeviceGetTemperature", handle, _SENSOR_OF_THE_CHIP)
        ),
        slowdown_celsius=_celsius(
            nvml.number("nvmlDeviceGetTemperatureThreshold", handle, _THRESHOLD_OF_SLOWDOWN)
        ),
        uncorrected_errors=nvml.number(
            "nvmlDeviceGetTotalEccErrors", handle, _UNCORRECTED, _SINCE_THE_DRIVER_WAS_LOADED
        ),
        repair_pending=pending,
        repair_failed=failed,
        compute_mode=_compute_mode(nvml.number("nvmlDeviceGetComputeMode", handle)),
    )
    return None if condition == Condition() else condition


def _slowdowns(nvml: Nvml, handle: object) -> tuple[Slowdown, ...] | None:
    """Drivers before R535 know the question under its old name alone."""
    bits = nvml.number("nvmlDeviceGetCurrentClocksEventReasons", handle)
    if bits is None:
        bits = nvml.number("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    if bits is None:
        return None
    return tuple(reason for bit, reason in _SLOWDOWNS.items() if bits & bit)


def _compute_mode(number: int | None) -> ComputeMode | None:
    return None if number is None else _COMPUTE_MODES.get(number)


def _celsius(value: int | None) -> float | None:
    return float(value) if value is not None and 0 < value < HOTTEST_CELSIUS else None


def _repair(nvml: Nvml, handle: object) -> tuple[bool | None, bool | None]:
    """Cards since Ampere put rows of memory out of use, earlier ones pages."""
    rows = nvml.numbers("nvmlDeviceGetRemappedRows", handle)
    if len(rows) == 4:
        return bool(rows[2]), bool(rows[3])
    pages = nvml.number("nvmlDeviceGetRetiredPagesPendingStatus", handle)
    return (None if pages is None else bool(pages)), None
