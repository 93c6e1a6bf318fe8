"""Loads the devices, and refuses a row that contradicts itself.

Holds how a row of `devices/*.csv` becomes a `Device` and what must agree within it. Which row a
driver or a person means is the business of `identify` and `lookup`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from catalog.device import Device, DeviceKind
from catalog.errors import RowError, UnknownNameError
from catalog.load import FOLDER, csv_rows, optional_float, optional_int

DEVICE_FILES = ("nvidia", "amd", "intel", "apple", "unified")
"""`devices/*.csv`, in the order their rows are listed; `systems.csv` follows."""

BANDWIDTH_TOLERANCE = 0.005
"""How far bandwidth may be from pin rate × bus / 8: sheets round to three or four digits."""

FP16_TOLERANCE = 0.03
"""How far the FP16 rate may be from cores × rate × clock: sheets round the boost clock."""

DRIVER_MEMORY_SHARE = (0.90, 1.0)
"""What a driver reports of the label: all of it, less up to a sixteenth for ECC and some more."""

Row = dict[str, str]


@cache
def load_devices() -> tuple[Device, ...]:
    """Every device of the catalog, by vendor, then the systems made of them.

    Raises:
        RowError: A row lacks its source, contradicts itself, or repeats a name.
    """
    return read_devices(FOLDER)


def read_devices(folder: Path) -> tuple[Device, ...]:
    """The devices of a catalog in another folder; `load_devices` for the catalog's own.

    Raises:
        RowError: A row lacks its source, contradicts itself, or repeats a name.
    """
    devices: dict[str, Device] = {}
    for stem in DEVICE_FILES:
        for row in csv_rows(f"devices/{stem}.csv", folder=folder):
            _add(devices, _device(row))
    for row in csv_rows("devices/systems.csv", folder=folder):
        _add(devices, _system(row, devices))
    return tuple(devices.values())


@cache
def devices_by_name() -> dict[str, Device]:
    """Every device by the name of its row."""
    return {device.name: device for device in load_devices()}


def device_named(name: str) -> Device:
    """The row of exactly this name; `lookup.find_devices` for what a person typed.

    Raises:
        UnknownNameError: There is no such row.
    """
    try:
        return devices_by_name()[name]
    except KeyError:
        msg = f"`{name}` is not the name of a device in the catalog"
        raise UnknownNameError(msg) from None


def _add(devices: dict[str, Device], device: Device) -> None:
    if device.name in devices:
        msg = f"`{device.name}`: two rows have this name"
        raise RowError(msg)
    devices[device.name] = device


def _device(row: Row) -> Device:
    try:
        device = Device(
            name=row["name"],
            vendor=row["vendor"],
            kind=DeviceKind(row["kind"]),
            memory_bytes=int(row["memory_bytes"]),
            driver_memory_bytes=optional_int(row["driver_memory_bytes"]),
            memory_bus_bits=optional_int(row["memory_bus_bits"]),
            memory_rate_bits_per_s=optional_float(row["memory_rate_bits_per_s"]),
            memory_rate_varies=row["memory_rate_varies"] == "yes",
            bandwidth_bytes_per_s=float(row["bandwidth_bytes_per_s"]),
            fp16_flops_per_s=optional_float(row["fp16_flops_per_s"]),
            core_count=optional_int(row["core_count"]),
            core_clock_hz=optional_float(row["core_clock_hz"]),
            fp16_flops_per_core_and_clock=optional_int(row["fp16_flops_per_core_and_clock"]),
            architecture=row["architecture"],
            year=int(row["year"]),
            unit_count=1,
            unit_name=None,
            driver_names=_names(row["driver_names"]),
            aliases=_names(row["aliases"]),
            note=row["note"] or None,
            source=row["source"],
            checked=row["checked"],
        )
    except (KeyError, ValueError) as error:
        msg = f"`{row.get('name')}`: {error} in its row of `devices/*.csv`"
        raise RowError(msg) from error
    check(device)
    return device


def _system(row: Row, devices: dict[str, Device]) -> Device:
    """A row of `systems.csv`, whose figures are those of its units."""
    unit = devices.get(row["unit_name"])
    if unit is None:
        msg = f"`{row['name']}`: its unit `{row['unit_name']}` is not a device in the catalog"
        raise RowError(msg)
    count, total = int(row["unit_count"]), int(row["memory_bytes"])
    if count < 2 or count * unit.memory_bytes != total:
        msg = (
            f"`{row['name']}`: {count} × {unit.memory_bytes:,} bytes are not the {total:,} bytes "
            "that its row says"
        )
        raise RowError(msg)
    return Device(
        name=row["name"],
        vendor=row["vendor"],
        kind=DeviceKind.SYSTEM,
        memory_bytes=unit.memory_bytes,
        driver_memory_bytes=unit.driver_memory_bytes,
        memory_bus_bits=unit.memory_bus_bits,
        memory_rate_bits_per_s=unit.memory_rate_bits_per_s,
        memory_rate_varies=unit.memory_rate_varies,
        bandwidth_bytes_per_s=unit.bandwidth_bytes_per_s,
        fp16_flops_per_s=unit.fp16_flops_per_s,
        core_count=unit.core_count,
        core_clock_hz=unit.core_clock_hz,
        fp16_flops_per_core_and_clock=unit.fp16_flops_per_core_and_clock,
        architecture=unit.architecture,
        year=int(row["year"]),
        unit_count=count,
        unit_name=unit.name,
        driver_names=(),
        aliases=_names(row["aliases"]),
        note=row["note"] or None,
        source=row["source"],
        checked=row["checked"],
    )


def _names(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()


def check(device: Device) -> None:
    """Refuse a row whose redundant columns do not agree.

    Raises:
        RowError: The message holds the figures that contradict each other.
    """
    _check_bandwidth(device)
    _check_fp16(device)
    _check_driver_memory(device)


def _check_bandwidth(device: Device) -> None:
    bus, rate = device.memory_bus_bits, device.memory_rate_bits_per_s
    if rate is None:
        return
    if bus is None:
        msg = f"`{device.name}`: a pin rate without a bus width says nothing"
        raise RowError(msg)
    computed, said = rate * bus / 8, device.bandwidth_bytes_per_s
    if abs(computed - said) > BANDWIDTH_TOLERANCE * said:
        msg = (
            f"`{device.name}`: {bus} bits at {rate / 1e9:g} Gbit/s is {computed / 1e9:g} GB/s, "
            f"but the row says {said / 1e9:g} GB/s"
        )
        raise RowError(msg)


def _check_fp16(device: Device) -> None:
    cores, clock = device.core_count, device.core_clock_hz
    per_clock, said = device.fp16_flops_per_core_and_clock, device.fp16_flops_per_s
    if cores is None or clock is None or per_clock is None:
        return
    computed = cores * per_clock * clock
    if said is None or abs(computed - said) > FP16_TOLERANCE * said:
        rate = "none" if said is None else f"{said / 1e12:g} TFLOPS"
        msg = (
            f"`{device.name}`: {cores} cores × {per_clock} × {clock / 1e6:g} MHz is "
            f"{computed / 1e12:g} TFLOPS, but the row says {rate}"
        )
        raise RowError(msg)


def _check_driver_memory(device: Device) -> None:
    total = device.driver_memory_bytes
    low, high = DRIVER_MEMORY_SHARE
    if total is not None and not low <= total / device.memory_bytes <= high:
        msg = (
            f"`{device.name}`: its driver cannot report {total:,} bytes of the "
            f"{device.memory_bytes:,} that its label says"
        )
        raise RowError(msg)
