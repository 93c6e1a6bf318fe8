"""From a driver's facts to a row: all of NVIDIA's names, and what must never happen."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from catalog.device import DeviceKind
from catalog.hardware import device_named
from catalog.identify import identify

GIB = 1 << 30
MIB = 1 << 20


def read_cases() -> list[dict[str, str]]:
    path = Path(__file__).with_name("nvidia_names.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


CASES = read_cases()
FOUND = [case for case in CASES if case["device"]]
MISSING = [case for case in CASES if not case["device"]]


def facts_of(case: dict[str, str]) -> dict[str, object]:
    vendor, device = case["board"].split(":") if case["board"] else ("0", "0")
    return {
        "vendor": "nvidia",
        "memory_bytes": int(float(case["memory_gib"]) * GIB) if case["memory_gib"] else 8 * GIB,
        "pci_device": int(case["pci_device"], 16),
        "pci_subsystem_vendor": int(vendor, 16),
        "pci_subsystem_device": int(device, 16),
    }


def shown(case: dict[str, str]) -> str:
    return f"{case['driver_name']} {case['pci_device']} {case['memory_gib']}"


# NVIDIA's own list of names


def test_the_cases_are_all_222_names_and_nine_tenths_are_in_the_catalog():
    names = {case["driver_name"] for case in CASES}
    found = {case["driver_name"] for case in FOUND}
    assert len(names) == 222
    assert len(found) == 203
    assert found.isdisjoint(case["driver_name"] for case in MISSING)


@pytest.mark.parametrize("case", FOUND, ids=shown)
def test_a_driver_name_with_its_pci_id_and_memory_is_its_row(case):
    found = identify(name=case["driver_name"], **facts_of(case))
    assert found.device is not None
    assert found.device.name == case["device"]
    assert (found.problem is not None) == (case["is_doubtful"] == "yes")


@pytest.mark.parametrize("case", MISSING, ids=shown)
def test_a_name_that_the_catalog_lacks_is_said_to_be_lacking(case):
    found = identify(name=case["driver_name"], **facts_of(case))
    assert found.device is None
    assert found.problem == f"`{case['driver_name']}` is not in the catalog"


@pytest.mark.parametrize("case", FOUND, ids=shown)
def test_the_pci_id_alone_finds_a_row_of_the_same_bandwidth_or_says_what_it_doubts(case):
    found = identify(**facts_of(case))
    assert found.device is not None
    expected = device_named(case["device"])
    if found.problem is None:
        assert found.device.bandwidth_bytes_per_s == expected.bandwidth_bytes_per_s
    else:
        assert found.device.bandwidth_bytes_per_s <= expected.bandwidth_bytes_per_s


@pytest.mark.parametrize("case", FOUND, ids=shown)
def test_the_driver_name_and_memory_never_promise_more_bandwidth_than_the_row_has(case):
    found = identify(
        vendor="nvidia",
        name=case["driver_name"],
        memory_bytes=int(float(case["memory_gib"]) * GIB),
    )
    assert found.device is not None
    expected = device_named(case["device"])
    assert found.device.bandwidth_bytes_per_s <= expected.bandwidth_bytes_per_s
    if found.problem is None:
        assert found.device == expected or found.device.kind is expected.kind


@pytest.mark.parametrize(
    "case",
    [case for case in FOUND if "Laptop" in case["driver_name"] or "Max-Q D" in case["driver_name"]],
    ids=shown,
)
def test_a_laptops_name_is_never_a_desktop_row(case):
    for facts in (facts_of(case), {"vendor": "nvidia", "memory_bytes": 3 * GIB}):
        found = identify(name=case["driver_name"], **facts)
        assert found.device is not None
        assert found.device.kind is DeviceKind.LAPTOP


def test_the_parts_that_share_a_desktops_name_are_told_by_their_pci_id():
    name = "NVIDIA GeForce RTX 2080"
    desktop = identify(vendor="nvidia", name=name, memory_bytes=8 * GIB, pci_device=0x1E87)
    laptop = identify(vendor="nvidia", name=name, memory_bytes=8 * GIB, pci_device=0x1E90)
    assert desktop.device.name == "GeForce RTX 2080"
    assert laptop.device.name == "GeForce RTX 2080 Laptop GPU"


def test_a_name_shared_by_desktop_and_laptop_is_doubted_without_a_pci_id():
    found = identify(vendor="nvidia", name="NVIDIA GeForce RTX 2080", memory_bytes=8 * GIB)
    assert found.device.name == "GeForce RTX 2080 Laptop GPU"
    assert found.problem == (
        "`NVIDIA GeForce RTX 2080` is taken for GeForce RTX 2080 Laptop GPU, "
        "the slowest or smallest it can be (GeForce RTX 2080)"
    )


def test_letter_case_tells_a_laptops_super_from_a_desktops():
    for name, row in (
        ("SUPER", "GeForce RTX 2070 SUPER"),
        ("Super", "GeForce RTX 2070 Super Laptop GPU"),
    ):
        found = identify(vendor="nvidia", name=f"NVIDIA GeForce RTX 2070 {name}")
        assert found.device.name == row


@pytest.mark.parametrize(
    ("name", "row"),
    [
        # a table of substrings takes each of these for the name inside it
        ("NVIDIA RTX A1000", "RTX A1000"),  # A100
        ("NVIDIA T400", "T400"),  # T4
        ("NVIDIA T400 4GB", "T400 4GB"),
        ("NVIDIA L40", "L40"),  # L4
        ("NVIDIA A10G", "A10G"),  # A10
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H100 NVL", "H100 NVL"),
        ("NVIDIA GeForce RTX 5090 D v2", "GeForce RTX 5090 D V2"),
    ],
)
def test_a_name_is_never_taken_for_a_part_of_it(name, row):
    assert identify(vendor="nvidia", name=name).device.name == row


@pytest.mark.parametrize(
    "name", ["GeForce RTX 4090", "nvidia geforce rtx 4090", "NVIDIA  GeForce RTX 4090"]
)
def test_older_spellings_of_a_name_are_the_same_name(name):
    assert identify(vendor="nvidia", name=name).device.name == "GeForce RTX 4090"


def test_another_vendors_card_of_the_name_is_not_meant():
    assert identify(vendor="amd", name="NVIDIA GeForce RTX 4090").device is None


# Memory decides


@pytest.mark.parametrize(
    ("name", "memory_mib", "row"),
    [
        ("NVIDIA GeForce RTX 3060", 12288, "GeForce RTX 3060 12 GB"),
        ("NVIDIA GeForce RTX 3060", 8192, "GeForce RTX 3060 8 GB"),
        ("NVIDIA GeForce RTX 4060 Ti", 16380, "GeForce RTX 4060 Ti 16 GB"),
        ("NVIDIA GeForce RTX 4060 Ti", 8188, "GeForce RTX 4060 Ti 8 GB"),
        ("NVIDIA GeForce RTX 3080", 10240, "GeForce RTX 3080"),
        ("NVIDIA GeForce RTX 3080", 12288, "GeForce RTX 3080 12 GB"),
        ("NVIDIA GeForce RTX 5060 Ti", 16311, "GeForce RTX 5060 Ti 16 GB"),
        ("NVIDIA GeForce RTX 3050", 6144, "GeForce RTX 3050 6 GB"),
        ("NVIDIA GeForce RTX 2080 Ti", 22528, "GeForce RTX 2080 Ti 22GB (mod)"),
    ],
)
def test_memory_tells_rows_of_one_name_apart(name, memory_mib, row):
    found = identify(vendor="nvidia", name=name, memory_bytes=memory_mib * MIB)
    assert (found.device.name, found.problem) == (row, None)


@pytest.mark.parametrize(
    ("name", "memory_mib"),
    [
        ("Tesla T4", 15360),  # ECC keeps a sixteenth
        ("Tesla T4", 15109),  # an older driver
        ("NVIDIA L4", 22731),
        ("NVIDIA A10G", 22731),
        ("NVIDIA L40S", 46068),
        ("NVIDIA H100 80GB HBM3", 81559),
        ("NVIDIA B300 SXM6 AC", 275040),
    ],
)
def test_what_ecc_and_drivers_keep_makes_no_other_card(name, memory_mib):
    found = identify(vendor="nvidia", name=name, memory_bytes=memory_mib * MIB)
    assert found.device is not None
    assert found.problem is None


def test_a_card_with_more_memory_than_its_row_keeps_the_rows_bandwidth_and_is_doubted():
    found = identify(
        vendor="nvidia", name="NVIDIA GeForce RTX 4090", memory_bytes=49140 * MIB, pci_device=0x2684
    )
    assert found.device.name == "GeForce RTX 4090"
    assert found.problem == (
        "`NVIDIA GeForce RTX 4090` has 48 GiB where the catalog has 24 GiB: "
        "another variant, or a modified card"
    )


def test_a_modified_card_of_a_name_with_two_sizes_gets_the_slower_row():
    found = identify(vendor="nvidia", name="NVIDIA GeForce RTX 3080", memory_bytes=20480 * MIB)
    assert found.device.name == "GeForce RTX 3080"
    assert "20 GiB where the catalog has 10 or 12 GiB" in found.problem


@pytest.mark.parametrize(
    ("bandwidth_gb", "row"),
    [(504.1, "GeForce RTX 4070"), (480.0, "GeForce RTX 4070 GDDR6")],
)
def test_the_drivers_own_bandwidth_tells_memory_chips_apart(bandwidth_gb, row):
    found = identify(
        vendor="nvidia",
        name="NVIDIA GeForce RTX 4070",
        memory_bytes=12282 * MIB,
        pci_device=0x2786,
        bandwidth_bytes_per_s=bandwidth_gb * 1e9,
    )
    assert (found.device.name, found.problem) == (row, None)


def test_an_overclocked_memory_makes_no_other_row():
    found = identify(vendor="nvidia", name="NVIDIA GeForce RTX 4090", bandwidth_bytes_per_s=1200e9)
    assert (found.device.name, found.problem) == ("GeForce RTX 4090", None)


# Shares and slices of a card


@pytest.mark.parametrize("name", ["NVIDIA A40-48Q", "GRID T4-16Q", "GRID A100-10C"])
def test_a_share_of_a_card_is_not_the_card(name):
    found = identify(vendor="nvidia", name=name, memory_bytes=48 * GIB, pci_device=0x2235)
    assert found.device is None
    assert "share of a card" in found.problem


def test_a_slice_of_a_card_is_its_parents_row():
    found = identify(vendor="nvidia", name="NVIDIA H100 80GB HBM3 MIG 3g.40gb")
    assert (found.device.name, found.problem) == ("H100 80GB HBM3", None)


def test_a_device_that_nobody_knows_is_named_by_its_number():
    found = identify(vendor="nvidia", pci_device=0xBEEF)
    assert (found.device, found.problem) == (None, "`nvidia device 0xbeef` is not in the catalog")


# AMD


@pytest.mark.parametrize(
    ("device", "revision", "memory_gib", "row"),
    [
        (0x744C, 0xC8, 24, "Radeon RX 7900 XTX"),
        (0x744C, 0xCC, 20, "Radeon RX 7900 XT"),
        (0x744C, 0xCE, 16, "Radeon RX 7900 GRE"),
        (0x744C, 0xCF, 16, "Radeon RX 7900M"),
        (0x7550, 0xC0, 16, "Radeon RX 9070 XT"),
        (0x7590, 0xC0, 8, "Radeon RX 9060 XT 8 GB"),
        (0x7590, 0xC0, 16, "Radeon RX 9060 XT 16 GB"),
        (0x7480, 0xC0, 16, "Radeon RX 7600 XT"),
        (0x7551, 0xC0, 32, "Radeon AI PRO R9700"),
        (0x74A1, 0x00, 192, "Instinct MI300X"),
        (0x740F, 0x02, 64, "Instinct MI210"),
        (0x7448, 0x00, 48, "Radeon PRO W7900"),
    ],
)
def test_amds_device_and_revision_are_a_row_whatever_the_probe_calls_it(
    device, revision, memory_gib, row
):
    found = identify(
        vendor="amd",
        name=f"AMD GPU (PCI 1002:{device:04x})",
        memory_bytes=memory_gib * GIB - 32 * MIB,
        pci_device=device,
        pci_revision=revision,
        architecture="gfx1100",
    )
    assert (found.device.name, found.problem) == (row, None)


def test_an_unknown_revision_of_a_known_device_is_decided_by_memory():
    found = identify(vendor="amd", pci_device=0x744C, pci_revision=0x01, memory_bytes=24 * GIB)
    assert found.device.name == "Radeon RX 7900 XTX"


@pytest.mark.parametrize(("cores", "row"), [(64, "Radeon RX Vega 64"), (56, "Radeon RX Vega 56")])
def test_compute_units_tell_the_vegas_of_one_name_apart(cores, row):
    found = identify(
        vendor="amd", pci_device=0x687F, pci_revision=0xC1, memory_bytes=8 * GIB, core_count=cores
    )
    assert (found.device.name, found.problem) == (row, None)


def test_a_module_of_two_gpus_is_seen_as_one_of_them():
    found = identify(vendor="amd", pci_device=0x7408, pci_revision=0x00, memory_bytes=64 * GIB)
    assert found.device.name == "Instinct MI250X (one of two GPUs)"
    assert found.device.memory_bytes == 64 * GIB


@pytest.mark.parametrize(
    ("memory_gib", "row"),
    [
        (30.6, "Ryzen AI Max+ 395 (Radeon 8060S) 32GB"),
        (124.9, "Ryzen AI Max+ 395 (Radeon 8060S) 128GB"),
        (94.0, "Ryzen AI Max+ 395 (Radeon 8060S) 96GB"),  # 128 GB less a carve-out of 32
    ],
)
def test_an_apu_is_a_row_by_pci_id_and_the_machines_memory(memory_gib, row):
    found = identify(
        vendor="amd", pci_device=0x1586, pci_revision=0xC1, memory_bytes=int(memory_gib * GIB)
    )
    assert (found.device.name, found.problem) == (row, None)


def test_an_apu_without_a_pci_id_is_known_by_its_gfx_target_and_cores():
    found = identify(vendor="amd", architecture="gfx1151", core_count=40, memory_bytes=125 * GIB)
    assert found.device.name == "Ryzen AI Max+ 395 (Radeon 8060S) 128GB"


def test_a_discrete_card_is_never_guessed_from_its_gfx_target():
    found = identify(
        vendor="amd",
        name="AMD GPU (PCI 1002:ffff)",
        pci_device=0xFFFF,
        pci_revision=0,
        memory_bytes=24 * GIB,
        architecture="gfx1100",
    )
    assert found.device is None


# Intel


@pytest.mark.parametrize(
    ("device", "memory_gib", "row"),
    [
        (0xE20B, 12, "Arc B580"),
        (0xE20C, 10, "Arc B570"),
        (0xE211, 24, "Arc Pro B60"),
        (0x56A0, 16, "Arc A770 16GB"),
        (0x64A0, 31, "Core Ultra 200V Lunar Lake (Arc 140V) 32GB"),
        (0x7D55, 31, "Core Ultra 7 155H Meteor Lake (Arc) 32GB"),
    ],
)
def test_intels_device_is_a_row(device, memory_gib, row):
    found = identify(vendor="intel", pci_device=device, memory_bytes=memory_gib * GIB)
    assert (found.device.name, found.problem) == (row, None)


def test_intels_name_is_a_row_in_windows_spelling():
    found = identify(vendor="intel", name="Intel(R) Arc(TM) B580 Graphics")
    assert found.device.name == "Arc B580"


# Apple and other unified machines


@pytest.mark.parametrize(
    ("chip", "cores", "memory_gib", "row"),
    [
        ("M4 Max", 40, 128, "Apple M4 Max (40-core GPU) 128GB"),
        ("M4 Max", 32, 36, "Apple M4 Max (32-core GPU) 36GB"),
        ("M3 Max", 30, 96, "Apple M3 Max (30-core GPU) 96GB"),
        ("M1", 7, 8, "Apple M1 (7-core GPU) 8GB"),
        ("M2 Ultra", 76, 192, "Apple M2 Ultra (76-core GPU) 192GB"),
    ],
)
def test_apples_chip_cores_and_memory_are_a_row(chip, cores, memory_gib, row):
    found = identify(
        vendor="apple",
        name=f"Apple {chip}",
        architecture=chip,
        core_count=cores,
        memory_bytes=memory_gib * GIB,
    )
    assert (found.device.name, found.problem) == (row, None)


def test_memory_tells_apples_cores_where_they_cannot_be_counted():
    found = identify(vendor="apple", architecture="M4 Max", memory_bytes=128 * GIB)
    assert (found.device.name, found.problem) == ("Apple M4 Max (40-core GPU) 128GB", None)


def test_unknown_cores_are_taken_for_the_slower_chip_and_said_to_be():
    found = identify(vendor="apple", name="Apple M3 Max", architecture="M3 Max")
    assert found.device.name == "Apple M3 Max (30-core GPU) 36GB"
    assert found.device.bandwidth_bytes_per_s == 300e9
    assert "`Apple M3 Max` is taken for Apple M3 Max (30-core GPU) 36GB" in found.problem


@pytest.mark.parametrize(
    ("name", "memory_gib", "row"),
    [
        ("NVIDIA GB10", 119.6, "NVIDIA GB10 (DGX Spark) 128GB"),
        ("NVIDIA Jetson AGX Orin Developer Kit", 61.4, "Jetson AGX Orin 64GB"),
        ("NVIDIA Jetson AGX Orin Developer Kit", 29.8, "Jetson AGX Orin 32GB"),
        ("NVIDIA Jetson AGX Thor Developer Kit", 122.8, "Jetson T5000 (AGX Thor) 128GB"),
    ],
)
def test_nvidias_unified_machines_are_rows_by_name_and_system_memory(name, memory_gib, row):
    found = identify(vendor="nvidia", name=name, memory_bytes=int(memory_gib * GIB))
    assert (found.device.name, found.problem) == (row, None)


def test_an_orin_of_8_gb_is_taken_for_the_slowest_of_three():
    found = identify(vendor="nvidia", name="Orin", memory_bytes=int(7.4 * GIB))
    assert found.device.name == "Jetson Orin Nano 8GB"
    assert "Jetson Orin NX 8GB" in found.problem
