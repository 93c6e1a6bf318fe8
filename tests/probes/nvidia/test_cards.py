"""Whole NVIDIA cards, as the real nvidia-ml-py hears of them from the fake library."""

from __future__ import annotations

import shutil

import pytest

MIB = 1 << 20


def codes(answer):
    return [finding.code for finding in answer.findings]


def only(answer):
    (accelerator,) = answer.accelerators
    return accelerator


def test_a_desktop_card_is_described_in_full(told):
    card = only(told["rtx4090"])
    assert (card.name, card.vendor, card.kind) == ("NVIDIA GeForce RTX 4090", "nvidia", "discrete")
    assert (card.state, card.architecture, card.driver) == ("ready", "8.9", "580.95.05")
    assert (card.pci.vendor, card.pci.device) == (0x10DE, 0x2684)
    assert (card.pci.subsystem_vendor, card.pci.subsystem_device) == (0x1043, 0x889C)
    assert card.pci.address == "0000:01:00.0"
    assert card.uuid == "GPU-6f3c1a52-0d1e-4f5b-9a3d-2b7c8d9e0f11"
    assert (card.power_limit_watts, card.power_default_watts) == (400.0, 450.0)
    assert (card.link.generation, card.link.width, card.link.width_max) == (4, 16, 16)
    assert (card.ecc, card.cuda_index, card.holders) == (None, 0, [])
    assert told["rtx4090"].findings == []


def test_memory_is_what_the_second_form_of_the_query_says(told):
    card = only(told["rtx4090"])
    assert card.memory_total_bytes == 25_757_220_864
    assert card.memory_reserved_bytes == 487_915_520
    # 1 GiB is in use: 25 757 220 864 - 487 915 520 - 1 073 741 824.
    assert card.memory_free_bytes == 24_195_563_520


@pytest.mark.parametrize(
    ("case", "expected_bytes_per_s"),
    [
        pytest.param("rtx4090", 1008.096e9, id="RTX 4090, GDDR6X: NVIDIA says 1008 GB/s"),
        pytest.param("tesla_t4", 320.064e9, id="T4, GDDR6: NVIDIA says 320 GB/s"),
        pytest.param("riser", 1792.128e9, id="RTX 5090, GDDR7: NVIDIA says 1792 GB/s"),
        pytest.param("old_driver", 616.0e9, id="RTX 2080 Ti, GDDR6: NVIDIA says 616 GB/s"),
        pytest.param("gh200", 4022.784e9, id="GH200, HBM3: NVIDIA says 4 TB/s"),
    ],
)
def test_bandwidth_is_two_transfers_per_clock_on_every_line_of_the_bus(
    told, case, expected_bytes_per_s
):
    assert only(told[case]).memory_bandwidth_bytes_per_s == expected_bytes_per_s


def test_error_correction_and_a_narrow_slot_are_reported(told):
    card = only(told["tesla_t4"])
    assert card.ecc is True
    assert card.memory_total_bytes == 15_360 * MIB
    assert (card.link.generation, card.link.width, card.link.width_max) == (3, 8, 16)


def test_the_link_is_what_card_and_slot_agree_on_and_the_lanes_are_those_in_use(told):
    link = only(told["riser"]).link
    assert (link.generation, link.width, link.width_max) == (4, 4, 16)


def test_a_lost_card_is_kept_as_lost_and_never_hides_the_others(told):
    lost, card = told["lost"].accelerators
    assert (lost.name, lost.state, lost.memory_total_bytes) == ("NVIDIA GPU 0", "lost", None)
    assert (card.name, card.state) == ("NVIDIA GeForce RTX 4090", "ready")
    (finding,) = told["lost"].findings
    assert (finding.code, finding.severity) == ("nvidia-gpu-lost", "error")
    assert finding.sentence == "NVIDIA GPU 0 has fallen off the bus"
    # CUDA may or may not count the lost card, so the other's ordinal is not certain.
    assert card.cuda_index is None


def test_a_card_that_is_found_lost_later_keeps_its_name(told):
    card = only(told["lost_later"])
    assert (card.name, card.state, card.kind) == ("NVIDIA GeForce RTX 4090", "lost", "discrete")
    assert codes(told["lost_later"]) == ["nvidia-gpu-lost"]


def test_a_lost_card_gets_the_pci_ids_that_are_left_over(nvml, add_to_bus):
    add_to_bus("0000:01:00.0", device="0x2684")
    root = add_to_bus("0000:02:00.0", device="0x2503")
    answer = nvml.ask("lost", root=root)
    lost, card = answer.accelerators
    assert (lost.state, lost.pci.device, lost.pci.address) == ("lost", 0x2503, "0000:02:00.0")
    assert card.pci.device == 0x2684


def test_a_container_does_not_tell_a_lost_card_from_one_it_was_not_given(nvml, add_to_bus):
    add_to_bus("0000:01:00.0", device="0x2684")
    root = add_to_bus("0000:02:00.0", device="0x2503")
    (root / ".dockerenv").touch()
    answer = nvml.ask("lost", root=root)
    lost, _ = answer.accelerators
    assert (lost.name, lost.pci) == ("NVIDIA GPU 0", None)


def test_two_cards_that_are_left_over_are_not_guessed_apart(nvml, add_to_bus):
    add_to_bus("0000:01:00.0", device="0x2684")
    add_to_bus("0000:02:00.0", device="0x2503")
    root = add_to_bus("0000:03:00.0", device="0x2204")
    answer = nvml.ask("lost", root=root)
    lost, card = answer.accelerators
    assert (lost.name, lost.pci) == ("NVIDIA GPU 0", None)
    assert card.state == "ready"


@pytest.mark.parametrize("case", ["gb10", "gb10_zero"])
def test_a_device_without_memory_of_its_own_is_unified(told, case):
    device = only(told[case])
    assert (device.name, device.kind) == ("NVIDIA GB10", "unified")
    assert (device.memory_total_bytes, device.memory_free_bytes) == (None, None)
    assert (device.memory_clock_hz, device.memory_bus_bits) == (None, None)
    assert device.memory_bandwidth_bytes_per_s is None
    assert device.architecture == "12.1"
    assert told[case].findings == []


def test_sharing_addresses_with_the_cpu_does_not_make_a_card_unified(told):
    card = only(told["gh200"])
    assert (card.kind, card.memory_total_bytes) == ("discrete", 102_625_181_696)


def test_a_vgpu_keeps_its_memory_but_claims_no_rate(told):
    device = only(told["vgpu"])
    assert (device.name, device.kind) == ("NVIDIA A40-48Q", "vgpu")
    assert device.memory_total_bytes == 48 << 30
    assert device.memory_bandwidth_bytes_per_s is None
    assert codes(told["vgpu"]) == ["nvidia-vgpu"]


def test_an_old_driver_is_asked_in_the_old_forms(build):
    answer = build("-DOLD_DRIVER").ask("old_driver")
    card = only(answer)
    assert (card.memory_total_bytes, card.memory_reserved_bytes) == (11_554_717_696, None)
    # Used and reserved are one there: 11 554 717 696 - 268 435 456 - 1 073 741 824.
    assert card.memory_free_bytes == 10_212_540_416
    assert [(holder.pid, holder.memory_bytes) for holder in card.holders] == [(4242, 1 << 30)]
    assert answer.findings == []


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(2, id="INVALID_ARGUMENT"),
        pytest.param(3, id="NOT_SUPPORTED"),
        pytest.param(25, id="ARGUMENT_VERSION_MISMATCH"),
    ],
)
def test_a_driver_that_refuses_the_second_form_is_asked_in_the_first(nvml, error):
    answer = nvml.ask("rtx4090", instead=[f"0.memory.v2.ret={error}"])
    card = only(answer)
    assert (card.kind, card.memory_total_bytes) == ("discrete", 25_757_220_864)
    assert card.memory_reserved_bytes is None
    assert answer.findings == []


def test_memory_that_is_closed_to_the_user_is_unknown_and_said_so(nvml):
    answer = nvml.ask("rtx4090", instead=["0.memory.ret=4"])
    card = only(answer)
    assert (card.kind, card.state, card.memory_total_bytes) == ("discrete", "ready", None)
    (finding,) = answer.findings
    assert finding.sentence == "the memory of NVIDIA GeForce RTX 4090 is closed to this user"


@pytest.mark.parametrize("case", ["rtx4090", "lost"])
def test_nvml_is_closed_again_lest_a_laptops_card_stay_awake(nvml, tmp_path, case):
    closed = tmp_path / "closed"
    nvml.ask_once(case, variables={"FAKE_NVML_CLOSED": str(closed)})
    assert closed.read_text() == "closed\n"


def test_a_card_that_answers_nothing_is_still_listed(told):
    card = only(told["silent"])
    assert (card.name, card.uuid, card.pci, card.link) == ("NVIDIA GPU 0", None, None, None)
    assert (card.architecture, card.ecc, card.power_limit_watts) == (None, None, None)


def test_figures_that_cannot_be_are_left_out_with_a_finding(told):
    first, second, third = told["implausible"].accelerators
    assert (first.memory_total_bytes, first.memory_bandwidth_bytes_per_s) == (None, None)
    assert (second.memory_total_bytes, second.memory_free_bytes) == (8 << 30, None)
    assert (third.memory_reserved_bytes, third.memory_bandwidth_bytes_per_s) == (None, None)
    # 10 MHz x 2 x 64 / 8 is 0.16 GB/s; 65000 MHz x 2 x 8192 / 8 is 133 TB/s.
    assert codes(told["implausible"]) == [
        "nvidia-implausible-memory",
        "nvidia-implausible-bandwidth",
        "nvidia-implausible-memory",
        "nvidia-implausible-memory",
        "nvidia-implausible-bandwidth",
    ]
    assert {finding.severity for finding in told["implausible"].findings} == {"warning"}


class TestHolders:
    """Who holds the memory of a card."""

    @pytest.fixture
    def root(self, tmp_path):
        for pid, name in ((4242, "llama-server"), (4444, "firefox"), (4545, "Xorg")):
            directory = tmp_path / "proc" / str(pid)
            directory.mkdir(parents=True)
            (directory / "comm").write_text(f"{name}\n")
        return tmp_path

    def test_they_are_listed_once_each_and_the_largest_first(self, nvml, root):
        answer = nvml.ask("holders", root=root)
        holders = [(held.name, held.pid, held.memory_bytes) for held in only(answer).holders]
        assert holders == [
            ("llama-server", 4242, 8 << 30),
            ("Xorg", 4545, 512 * MIB),
            ("firefox", 4444, 200 * MIB),
            (None, 4343, None),
        ]

    def test_a_container_names_none_since_its_numbers_may_be_the_hosts(self, nvml, root):
        (root / ".dockerenv").touch()
        answer = nvml.ask("holders", root=root)
        assert [held.name for held in only(answer).holders] == [None] * 4

    def test_a_list_with_more_than_the_card_has_was_misread_and_is_dropped(self, nvml):
        answer = nvml.ask("holders", instead=["0.compute.1=4343 1099511627776"])
        assert only(answer).holders == []

    def test_drivers_with_longer_entries_of_the_same_name_are_not_asked(self, build, root):
        answer = build("-DLONG_ENTRIES").ask("holders", root=root)
        assert only(answer).holders == []


def test_windows_has_its_own_library_and_names_programs_without_their_path(nvml, tmp_path):
    library = tmp_path / "System32/nvml.dll"
    library.parent.mkdir()
    shutil.copy(nvml.directory / "libnvidia-ml.so.1", library)
    answer = nvml.ask_once("riser", os="windows", environ={"WINDIR": str(tmp_path)})
    (holder,) = only(answer).holders
    assert (holder.name, holder.memory_bytes) == ("llama-server.exe", None)
