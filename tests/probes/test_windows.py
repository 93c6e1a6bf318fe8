"""Windows' display adapters, from what `pnputil` and the registry say."""

from __future__ import annotations

import sys

import pytest

from probes.accelerator import AcceleratorKind, AcceleratorState, PciIdentity
from probes.ask import Asker
from probes.windows import memory_size, probe_windows

GIB = 1 << 30

DISPLAY = "{4d36e968-e325-11ce-bfc1-08002be10318}"
ENUM = r"HKLM\SYSTEM\CurrentControlSet\Enum"
CLASSES = r"HKLM\SYSTEM\CurrentControlSet\Control\Class"

NAVI_48 = r"PCI\VEN_1002&DEV_7550&SUBSYS_24141458&REV_C0\6&1A2B3C4D&0&00000019"
RTX_4090 = r"PCI\VEN_10DE&DEV_2684&SUBSYS_88E21043&REV_A1\4&2283F625&0&0008"
IRIS = r"PCI\VEN_8086&DEV_46A6&SUBSYS_0B041028&REV_0C\3&11583659&0&10"
RADEON_890M = r"PCI\VEN_1002&DEV_150E&SUBSYS_50EF17AA&REV_D1\4&34C6A7C6&0&0041"
SECURITY_PROCESSOR = r"PCI\VEN_1022&DEV_17E0&SUBSYS_50EF17AA&REV_00\4&34C6A7C6&0&0241"

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="a recorded key's name holds backslashes"
)


class Registry:
    """A recorded Windows: adapters that are plugged in, and keys that are there."""

    def __init__(self, root):
        self.root = root / "commands"
        self.root.mkdir()
        self.asker = Asker(root=root, environ={}, os="windows")
        self.present = []

    def add_key(self, key, **values):
        lines = [
            f"    {name.replace('__', '.')}    {kind}    {value}"
            for name, (kind, value) in values.items()
        ]
        text = "\n".join(["", key, *lines, ""])
        (self.root / f"reg query {key}").write_text(text)

    def add_device(self, instance, location, driver=None, class_name=DISPLAY):
        values = {
            "ClassGUID": ("REG_SZ", class_name),
            "LocationInformation": (
                "REG_SZ",
                rf"@System32\drivers\pci.sys,#65536;PCI bus %1, device %2, function %3;{location}",
            ),
        }
        if driver:
            values["Driver"] = ("REG_SZ", rf"{DISPLAY}\{driver}")
        self.add_key(rf"{ENUM}\{instance}", **values)
        self.present.append(instance)
        printed = "".join(f"Instance ID:      {name}\nStatus:  Started\n" for name in self.present)
        (self.root / "pnputil _enum-devices _connected").write_text(printed)

    def add_driver(self, number, name, *, memory=None, matching="PCI\\VEN_1002&DEV_7550"):
        values = {"DriverDesc": ("REG_SZ", name), "MatchingDeviceId": ("REG_SZ", matching)}
        if memory:
            values["HardwareInformation__qwMemorySize"] = memory
        self.add_key(rf"{CLASSES}\{DISPLAY}\{number}", **values)


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path)


def test_a_32_gib_card_is_not_cut_to_4(registry):
    registry.add_device(NAVI_48, "(3,0,0)", driver="0001")
    registry.add_driver("0001", "AMD Radeon AI PRO R9700", memory=("REG_QWORD", hex(32 * GIB)))
    (card,), findings = probe_windows(registry.asker, nvidia_answered=False)
    assert (card.name, card.kind) == ("AMD Radeon AI PRO R9700", AcceleratorKind.DISCRETE)
    assert (card.memory_total_bytes, card.memory_free_bytes) == (32 * GIB, None)
    assert card.pci == PciIdentity(
        vendor=0x1002,
        device=0x7550,
        subsystem_vendor=0x1458,
        subsystem_device=0x2414,
        revision=0xC0,
        address="0000:03:00.0",
    )
    assert (card.state, findings) == (AcceleratorState.READY, ())


def test_a_card_that_was_taken_out_is_not_listed(registry):
    registry.add_device(NAVI_48, "(3,0,0)", driver="0001")
    registry.add_driver("0000", "AMD Radeon RX 580", memory=("REG_QWORD", hex(8 * GIB)))
    registry.add_driver("0001", "AMD Radeon AI PRO R9700", memory=("REG_QWORD", hex(32 * GIB)))
    adapters, _ = probe_windows(registry.asker, nvidia_answered=False)
    assert [card.name for card in adapters] == ["AMD Radeon AI PRO R9700"]


def test_processors_own_gpus_share_the_systems_memory(registry):
    registry.add_device(IRIS, "(0,2,0)", driver="0000")
    registry.add_driver("0000", "Intel(R) Iris(R) Xe Graphics", memory=("REG_QWORD", "0x8000000"))
    registry.add_device(RADEON_890M, "(196,0,0)", driver="0001")
    registry.add_driver("0001", "AMD Radeon(TM) 890M", memory=("REG_QWORD", hex(GIB // 2)))
    registry.add_device(SECURITY_PROCESSOR, "(196,0,2)", class_name="{another}")
    iris, radeon = probe_windows(registry.asker, nvidia_answered=False)[0]
    assert (iris.kind, iris.memory_total_bytes) == (AcceleratorKind.UNIFIED, None)
    assert iris.memory_dedicated_bytes == 128 << 20
    assert (radeon.kind, radeon.memory_total_bytes) == (AcceleratorKind.UNIFIED, None)
    assert (radeon.memory_dedicated_bytes, radeon.pci.address) == (GIB // 2, "0000:c4:00.0")


def test_nvidias_card_is_evidence_only_where_nvml_did_not_answer(registry):
    registry.add_device(RTX_4090, "(1,0,0)", driver="0000")
    registry.add_driver(
        "0000",
        "NVIDIA GeForce RTX 4090",
        memory=("REG_QWORD", "0x5ff800000"),
        matching="PCI\\VEN_10DE&DEV_2684",
    )
    assert probe_windows(registry.asker, nvidia_answered=True) == ((), ())
    (card,), (finding,) = probe_windows(registry.asker, nvidia_answered=False)
    assert (card.name, card.state) == ("NVIDIA GeForce RTX 4090", AcceleratorState.NO_DRIVER)
    assert finding.sentence == (
        "`NVIDIA GeForce RTX 4090` is plugged in, but its maker's driver does not answer"
    )


def test_windows_own_basic_driver_is_no_driver(registry):
    registry.add_device(NAVI_48, "(3,0,0)", driver="0000")
    registry.add_driver("0000", "Microsoft Basic Display Adapter", matching="PCI\\CC_0300")
    (card,), (finding,) = probe_windows(registry.asker, nvidia_answered=False)
    assert (card.name, card.state) == ("AMD GPU (PCI 1002:7550)", AcceleratorState.NO_DRIVER)
    assert finding.code == "windows-no-driver"


@pytest.mark.parametrize(
    ("text", "expected_bytes"),
    [
        pytest.param(str(24 * GIB), 24 * GIB, id="a number"),
        pytest.param("000000F005000000", 0x5F0000000, id="eight bytes, the low one first"),
        pytest.param("0000000008000000", 32 * GIB, id="eight bytes that look like decimals"),
        pytest.param("0", None, id="nothing is unknown"),
        pytest.param("FFFFFFFFFFFFFFFF", None, id="no card has that much"),
        pytest.param("lots", None, id="a word is unknown"),
        pytest.param(None, None, id="no value is unknown"),
    ],
)
def test_the_memory_size_comes_in_two_forms(text, expected_bytes):
    assert memory_size(text) == expected_bytes


def test_an_address_survives_translation(registry):
    registry.add_device(NAVI_48, "(3,0,0)", driver="0000")
    registry.add_key(
        rf"{ENUM}\{NAVI_48}",
        ClassGUID=("REG_SZ", DISPLAY.upper()),
        Driver=("REG_SZ", rf"{DISPLAY}\0000"),
        LocationInformation=("REG_SZ", "PCI-Bus 3, Gerät 0, Funktion 1"),
    )
    (card,), _ = probe_windows(registry.asker, nvidia_answered=False)
    assert card.pci.address == "0000:03:00.1"


def test_another_system_is_not_asked(tmp_path):
    asker = Asker(root=tmp_path, environ={}, os="linux")
    assert probe_windows(asker, nvidia_answered=False) == ((), ())
