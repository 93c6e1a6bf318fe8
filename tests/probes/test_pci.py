"""The PCI bus: which devices can compute or draw, and the link each one has."""

from __future__ import annotations

import pytest

from probes.accelerator import PciIdentity, PciLink
from probes.pci import display_devices, is_reachable, pci_link, unnamed

NAVI_31 = {"class_": "0x030000", "vendor": "0x1002", "device": "0x744c"}


def test_a_display_device_is_described_by_what_the_bus_says(tree):
    tree.add_pci(
        "0000:01:00.0",
        class_="0x030000",
        vendor="0x10de",
        device="0x2684",
        revision="0xa1",
        subsystem_vendor="0x1043",
        subsystem_device="0x889c",
        driver="nvidia",
    )
    (found,) = display_devices(tree.asker())
    assert found.identity == PciIdentity(
        vendor=0x10DE,
        device=0x2684,
        subsystem_vendor=0x1043,
        subsystem_device=0x889C,
        revision=0xA1,
        address="0000:01:00.0",
    )
    assert found.driver == "nvidia"
    assert unnamed(found, "NVIDIA") == "NVIDIA GPU (PCI 10de:2684)"


@pytest.mark.parametrize(
    ("class_code", "vendor", "is_listed"),
    [
        pytest.param("0x030000", "0x1002", True, id="a VGA controller is one"),
        pytest.param("0x030200", "0x10de", True, id="a 3D controller is one"),
        pytest.param("0x038000", "0x8086", True, id="another display controller is one"),
        pytest.param("0x120000", "0x1002", True, id="an Instinct calls itself an accelerator"),
        pytest.param("0x120000", "0x8086", False, id="Intel's accelerator is an NPU"),
        pytest.param("0x040300", "0x10de", False, id="a card's sound is not one"),
        pytest.param("0x060400", "0x1002", False, id="a bridge is not one"),
    ],
)
def test_which_classes_are_displays(tree, class_code, vendor, is_listed):
    tree.add_pci("0000:01:00.0", class_=class_code, vendor=vendor, device="0x0001")
    assert bool(display_devices(tree.asker())) is is_listed


def test_a_virtual_function_beside_its_physical_one_counts_once(tree):
    facts = {"class_": "0x120000", "vendor": "0x1002", "device": "0x74a1"}
    tree.add_pci("0000:05:00.0", **facts)
    virtual = tree.add_pci("0000:05:02.0", **facts)
    (virtual / "physfn").symlink_to("../0000:05:00.0")
    assert [device.address for device in display_devices(tree.asker())] == ["0000:05:00.0"]


def test_a_machine_without_a_bus_has_no_display_devices(tree):
    assert display_devices(tree.asker()) == ()


def test_a_device_that_cannot_be_read_is_left_out(tree):
    tree.add_pci("0000:01:00.0", class_="0x030000", vendor="0x10de", device="gone")
    assert display_devices(tree.asker()) == ()


@pytest.mark.parametrize(
    ("nodes", "is_open"),
    [
        pytest.param([], False, id="a container without device nodes cannot reach it"),
        pytest.param(["renderD129"], False, id="another card's node does not help"),
        pytest.param(["renderD128"], True, id="its own render node does"),
    ],
)
def test_a_device_is_reached_through_its_render_node(tree, nodes, is_open):
    tree.add_pci("0000:03:00.0", **NAVI_31, drm__card0__dev="226:0", drm__renderD128__dev="226:128")
    for node in nodes:
        tree.write(f"dev/dri/{node}", "")
    (device,) = display_devices(tree.asker())
    assert is_reachable(tree.asker(), device) is is_open


ROOT_PORT = {"class_": "0x060400", "vendor": "0x1022", "device": "0x14ab"}
SWITCH = {"class_": "0x060400", "vendor": "0x1002", "device": "0x1478"}
INTEL_PORT = {"class_": "0x060400", "vendor": "0x8086", "device": "0x4fa0"}


def link_of(tree):
    (device,) = display_devices(tree.asker())
    return pci_link(tree.asker(), device)


def link(rate, width, width_max):
    return {
        "max_link_speed": f"{rate} GT/s PCIe",
        "current_link_width": width,
        "max_link_width": width_max,
    }


def test_the_link_is_what_card_and_slot_agree_on(tree):
    tree.add_pci("0000:00:01.1", **ROOT_PORT, **link("8.0", 16, 16))
    tree.add_pci("0000:00:01.1/0000:01:00.0", **NAVI_31, **link("16.0", 16, 16))
    assert link_of(tree) == PciLink(generation=3, width=16, width_max=16, generation_max=4)


def test_a_switch_on_the_card_hides_the_true_link_below_it(tree):
    """A 7900 XTX in a x4 slot: the GPU says x16, its switch's upper port x4."""
    upper, lower = "0000:00:01.1/0000:01:00.0", "0000:00:01.1/0000:01:00.0/0000:02:00.0"
    tree.add_pci("0000:00:01.1", **ROOT_PORT, **link("32.0", 4, 4))
    tree.add_pci(upper, **SWITCH, **link("16.0", 4, 16))
    tree.add_pci(lower, **SWITCH, **link("16.0", 16, 16))
    tree.add_pci(f"{lower}/0000:03:00.0", **NAVI_31, **link("16.0", 16, 16))
    assert link_of(tree) == PciLink(generation=4, width=4, width_max=4, generation_max=4)


def test_arc_below_its_switch_is_not_taken_for_x1(tree):
    """An Arc on an Intel board, whose root port has the card's vendor but is not on the card."""
    upper, lower = "0000:00:01.0/0000:01:00.0", "0000:00:01.0/0000:01:00.0/0000:02:01.0"
    tree.add_pci("0000:00:01.0", **INTEL_PORT, **link("32.0", 16, 16))
    tree.add_pci(upper, **INTEL_PORT, **link("16.0", 16, 16))
    tree.add_pci(lower, **INTEL_PORT, **link("2.5", 1, 1))
    arc = {"class_": "0x030000", "vendor": "0x8086", "device": "0x56a0"}
    tree.add_pci(f"{lower}/0000:03:00.0", **arc, **link("2.5", 1, 1))
    assert link_of(tree) == PciLink(generation=4, width=16, width_max=16, generation_max=4)


@pytest.mark.parametrize("width", [0, 63, 255])
def test_a_width_that_means_no_link_is_unknown(tree, width):
    files = {"max_link_speed": "Unknown", "current_link_width": width, "max_link_width": width}
    tree.add_pci("0000:00:02.0", **NAVI_31, **files)
    assert link_of(tree) is None
