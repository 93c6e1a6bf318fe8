"""From what a person types to a row: names as people write them, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from catalog.device import DeviceKind
from catalog.errors import AmbiguousNameError, UnknownNameError
from catalog.hardware import load_devices
from catalog.lookup import find_devices

GIB = 1 << 30


def read_cases() -> list[dict[str, str]]:
    path = Path(__file__).with_name("device_names.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


CASES = read_cases()


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["device"]], ids=lambda case: case["typed"]
)
def test_a_name_in_a_published_benchmark_is_its_row(case):
    found = find_devices(case["typed"])
    assert (found.count, found.device.name) == (int(case["count"]), case["device"])
    is_least = found.note is not None and "the least that it can be" in found.note
    assert is_least == (case["is_least_of_several"] == "yes")


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["error"]], ids=lambda case: case["typed"]
)
def test_a_name_that_says_too_little_or_nothing_is_refused_with_a_sentence(case):
    with pytest.raises((UnknownNameError, AmbiguousNameError)) as refused:
        find_devices(case["typed"])
    assert type(refused.value).__name__ == case["error"]
    assert str(refused.value).startswith("`")
    assert refused.value.hint


@pytest.mark.parametrize("row", load_devices(), ids=lambda row: row.name)
def test_every_row_is_found_by_its_own_name_with_and_without_its_maker(row):
    for name in (row.name, row.full_name, row.full_name.upper()):
        assert find_devices(name).device is row


@pytest.mark.parametrize(
    ("typed", "count", "row"),
    [
        ("RTX 4090", 1, "GeForce RTX 4090"),
        ("rtx4090", 1, "GeForce RTX 4090"),
        ("4090", 1, "GeForce RTX 4090"),
        ("4090D", 1, "GeForce RTX 4090 D"),
        ("2x RTX 3090", 2, "GeForce RTX 3090"),
        ("2×RTX 3090", 2, "GeForce RTX 3090"),
        ("2 x RTX 3060 12GB", 2, "GeForce RTX 3060 12 GB"),
        ("RTX 3090 x2", 2, "GeForce RTX 3090"),
        ("2x7900xtx", 2, "Radeon RX 7900 XTX"),
        ("7900xtx", 1, "Radeon RX 7900 XTX"),
        ("RX 7900 XTX", 1, "Radeon RX 7900 XTX"),
        ("3080", 1, "GeForce RTX 3080"),
        ("RTX 3080 10GB", 1, "GeForce RTX 3080"),
        ("RTX 3080 12GB", 1, "GeForce RTX 3080 12 GB"),
        ("2080 Ti 22GB", 1, "GeForce RTX 2080 Ti 22GB (mod)"),
        ("RTX 4070 Ti Super 16G", 1, "GeForce RTX 4070 Ti SUPER"),
        ("RTX 5090 laptop", 1, "GeForce RTX 5090 Laptop GPU"),
        ("RTX 5090 Mobile", 1, "GeForce RTX 5090 Laptop GPU"),
        ("RTX 2080 Max-Q", 1, "GeForce RTX 2080 with Max-Q Design"),
        ("RTX 6000 Ada", 1, "RTX 6000 Ada Generation"),
        ("RTX PRO 6000", 1, "RTX PRO 6000 Blackwell Workstation Edition"),
        ("H100 SXM", 1, "H100 80GB HBM3"),
        ("A100 SXM4 40GB", 1, "A100-SXM4-40GB"),
        ("T4", 1, "Tesla T4"),
        ("MI 300X", 1, "Instinct MI300X"),
        ("Arc B580", 1, "Arc B580"),
        ("M4 Max 128GB", 1, "Apple M4 Max (40-core GPU) 128GB"),
        ("M2 Ultra 76-core 192 GB", 1, "Apple M2 Ultra (76-core GPU) 192GB"),
        ("MacBook Neo", 1, "Apple A18 Pro (MacBook Neo) 8GB"),
        ("DGX Spark", 1, "NVIDIA GB10 (DGX Spark) 128GB"),
        ("GB10", 1, "NVIDIA GB10 (DGX Spark) 128GB"),
        ("Strix Halo 128GB", 1, "Ryzen AI Max+ 395 (Radeon 8060S) 128GB"),
        ("Jetson AGX Orin 64GB", 1, "Jetson AGX Orin 64GB"),
    ],
)
def test_people_leave_out_makers_series_spaces_and_sizes(typed, count, row):
    found = find_devices(typed)
    assert (found.count, found.device.name) == (count, row)
    assert found.note is None or found.note == found.device.note


def test_a_system_is_one_row_that_has_its_units():
    found = find_devices("2x DGX H100")
    assert (found.count, found.device.kind) == (2, DeviceKind.SYSTEM)
    assert (found.device.unit_count, found.device.unit_name) == (8, "H100 80GB HBM3")


def test_a_board_of_two_gpus_is_two_of_them_and_one_gpu_of_it_is_one():
    assert find_devices("Tesla K80").device.unit_count == 2
    assert find_devices("Tesla K80 (one GPU)").device.unit_count == 1
    assert find_devices("MI250X").device.unit_count == 2


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        ("RTX 3060", {"GeForce RTX 3060 8 GB", "GeForce RTX 3060 12 GB"}),
        ("RTX 4060 Ti", {"GeForce RTX 4060 Ti 8 GB", "GeForce RTX 4060 Ti 16 GB"}),
        ("GTX 1060", {"GeForce GTX 1060 3 GB", "GeForce GTX 1060 6 GB"}),
        ("H100", {"H100 PCIe", "H100 80GB HBM3", "H100 NVL"}),
        ("DGX A100", {"DGX A100 320GB", "DGX A100 640GB"}),
        (
            "Jetson Orin",
            {row.name for row in load_devices() if row.architecture == "8.7"},
        ),
    ],
)
def test_several_rows_are_listed_and_none_is_guessed(typed, candidates):
    with pytest.raises(AmbiguousNameError) as refused:
        find_devices(typed)
    assert set(refused.value.candidates) == candidates
    assert str(refused.value).startswith(f"`{typed}` can be any of {len(candidates)} devices: ")


def test_a_long_list_is_cut_and_the_rest_counted():
    with pytest.raises(AmbiguousNameError, match=r" and \d+ more$"):
        find_devices("ti")


def test_a_laptop_gpu_has_to_be_asked_for_as_one():
    with pytest.raises(UnknownNameError) as refused:
        find_devices("RTX 4050")
    assert str(refused.value) == "`RTX 4050` is in the catalog as a laptop GPU only"
    assert refused.value.hint == "write `GeForce RTX 4050 Laptop GPU`"
    assert find_devices("RTX 4050 laptop").device.kind is DeviceKind.LAPTOP


@pytest.mark.parametrize("typed", ["RTX 3060 12GB", "RTX 4090", "RTX 2070", "RTX 5080"])
def test_a_name_without_laptop_is_a_desktops(typed):
    assert find_devices(typed).device.kind is DeviceKind.DESKTOP


def test_a_size_that_no_row_has_is_refused_with_those_there_are():
    with pytest.raises(UnknownNameError) as refused:
        find_devices("RTX 3080 20GB")
    assert str(refused.value) == (
        "`RTX 3080 20GB` is in the catalog with other sizes only: "
        "GeForce RTX 3080, GeForce RTX 3080 12 GB"
    )


def test_a_misspelt_name_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError) as refused:
        find_devices("RTX 4099")
    assert str(refused.value) == "`RTX 4099` is not a device in the catalog"
    assert "GeForce RTX 4090" in refused.value.hint


@pytest.mark.parametrize("typed", ["409", "40", "A1", "H10", "MI30", "M4 Mini"])
def test_a_part_of_a_word_finds_nothing(typed):
    with pytest.raises(UnknownNameError):
        find_devices(typed)


@pytest.mark.parametrize("typed", ["", "NVIDIA", "AMD Radeon", "!?", "12GB", "40-core"])
def test_what_names_no_model_is_refused(typed):
    with pytest.raises(UnknownNameError) as refused:
        find_devices(typed)
    assert refused.value.hint


def test_no_devices_at_all_are_refused():
    with pytest.raises(UnknownNameError, match="at least 1"):
        find_devices("0x RTX 3090")


@pytest.mark.parametrize(
    ("typed", "row"),
    [
        ("M4", "Apple M4 (8-core GPU) 16GB"),
        ("M3 Max", "Apple M3 Max (30-core GPU) 36GB"),
        ("M3 Max 40-core", "Apple M3 Max (40-core GPU) 48GB"),
        ("Apple M3 Ultra 800GB/s", "Apple M3 Ultra (60-core GPU) 96GB"),
        ("Radeon 890M", "Ryzen AI 9 HX 370 (Radeon 890M) 32GB"),
        ("Raspberry Pi 5", "Raspberry Pi 5 4GB"),
    ],
)
def test_a_unified_chip_of_several_sizes_is_the_least_and_the_note_says_so(typed, row):
    found = find_devices(typed)
    assert found.device.name == row
    assert found.note.startswith(f"`{typed}` is taken for {row}, the least that it can be; write")


def test_the_least_has_the_least_bandwidth_of_all_it_can_be():
    least = find_devices("M4 Max").device
    others = [row for row in load_devices() if row.architecture == "M4 Max"]
    assert least.bandwidth_bytes_per_s == min(row.bandwidth_bytes_per_s for row in others)
