"""Names of ARM cores by the numbers in their identification register.

`/proc/cpuinfo` of 64-bit ARM gives a core's implementer and part, not its name. These are names,
not figures, and so no business of the catalog. Cores that never met 2 GB of memory are left out.

Source: Arm's published MIDR values as listed in util-linux `sys-utils/lscpu-arm.c` and Linux
`arch/arm64/include/asm/cputype.h`, checked 2026-11-23.
"""

from __future__ import annotations

IMPLEMENTERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "APM",
    0x51: "Qualcomm",
    0x53: "Samsung",
    0x56: "Marvell",
    0x61: "Apple",
    0x6D: "Microsoft",
    0x70: "Phytium",
    0xC0: "Ampere",
}

PARTS = {
    0x41: {
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD06: "Cortex-A65",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD0E: "Cortex-A76AE",
        0xD40: "Neoverse-V1",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD43: "Cortex-A65AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4A: "Neoverse-E1",
        0xD4B: "Cortex-A78C",
        0xD4C: "Cortex-X1C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD83: "Neoverse-V3AE",
        0xD84: "Neoverse-V3",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
        0xD88: "Cortex-A520AE",
        0xD89: "Cortex-A720AE",
        0xD8A: "C1-Nano",
        0xD8B: "C1-Pro",
        0xD8C: "C1-Ultra",
        0xD8E: "Neoverse-N3",
        0xD8F: "Cortex-A320",
        0xD90: "C1-Premium",
    },
    0x42: {0x516: "ThunderX2"},
    0x43: {0x0A0: "ThunderX", 0x0A1: "ThunderX 88XX", 0x0AF: "ThunderX2 99xx"},
    0x46: {0x001: "A64FX", 0x003: "MONAKA"},
    0x48: {0xD01: "Kunpeng 920 (TaiShan v110)", 0xD02: "TaiShan v120"},
    0x4E: {0x003: "Denver 2", 0x004: "Carmel", 0x010: "Olympus"},
    0x50: {0x000: "X-Gene"},
    0x51: {
        0x001: "Oryon",
        0x800: "Falkor V1/Kryo",
        0x801: "Kryo V2",
        0x802: "Kryo 3XX Gold",
        0x803: "Kryo 3XX Silver",
        0x804: "Kryo 4XX Gold",
        0x805: "Kryo 4XX Silver",
        0xC00: "Falkor",
    },
    0x61: {
        0x022: "M1 Icestorm",
        0x023: "M1 Firestorm",
        0x024: "M1 Pro Icestorm",
        0x025: "M1 Pro Firestorm",
        0x028: "M1 Max Icestorm",
        0x029: "M1 Max Firestorm",
        0x032: "M2 Blizzard",
        0x033: "M2 Avalanche",
        0x034: "M2 Pro Blizzard",
        0x035: "M2 Pro Avalanche",
        0x038: "M2 Max Blizzard",
        0x039: "M2 Max Avalanche",
    },
    0x6D: {0xD49: "Azure Cobalt 100"},
    0x70: {0x660: "FTC660", 0x661: "FTC661", 0x662: "FTC662", 0x663: "FTC663"},
    0xC0: {0xAC3: "Ampere-1", 0xAC4: "Ampere-1a"},
}


def core_name(implementer: int, part: int) -> str:
    """A core's maker and name; the bare numbers where this list does not have it."""
    maker = IMPLEMENTERS.get(implementer)
    name = PARTS.get(implementer, {}).get(part)
    if maker is None or name is None:
        return f"{maker or f'ARM implementer {implementer:#04x}'} core {part:#05x}"
    return name if name.startswith(maker) else f"{maker} {name}"
