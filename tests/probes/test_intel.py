"""Intel's GPUs from sysfs: what `xe` and `i915` say, and what they leave out."""

from __future__ import annotations

import pytest

from probes.accelerator import AcceleratorKind, AcceleratorState
from probes.intel import probe_intel

GIB = 1 << 30

B580 = {"class_": "0x030000", "vendor": "0x8086", "device": "0xe20b"}
A770 = {"class_": "0x030000", "vendor": "0x8086", "device": "0x56a0"}
LAPTOP = {"class_": "0x030000", "vendor": "0x8086", "device": "0x46a6"}

NODE = {"drm__card0__dev": "226:0", "drm__renderD128__dev": "226:128"}


def test_a_b580_has_the_memory_that_xe_says(tree):
    tree.add_pci(
        "0000:03:00.0",
        **B580,
        **NODE,
        tile0__physical_vram_size_bytes=f"{12 * GIB:#x}",
        hwmon__hwmon4__power1_max="190000000",
        driver="xe",
    )
    tree.write("dev/dri/renderD128", "")
    (card,), findings = probe_intel(tree.asker())
    assert (card.name, card.kind) == ("Intel GPU (PCI 8086:e20b)", AcceleratorKind.DISCRETE)
    assert (card.memory_total_bytes, card.memory_free_bytes) == (12 * GIB, None)
    assert (card.driver, card.power_limit_watts) == ("xe", 190.0)
    assert findings == ()


def test_a_card_of_two_tiles_has_the_memory_of_both(tree):
    tree.add_pci(
        "0000:4d:00.0",
        class_="0x038000",
        vendor="0x8086",
        device="0x0bd5",
        tile0__physical_vram_size_bytes=str(64 * GIB),
        tile1__physical_vram_size_bytes=str(64 * GIB),
        driver="xe",
    )
    (card,), _ = probe_intel(tree.asker())
    assert card.memory_total_bytes == 128 * GIB


def test_an_a770_has_the_memory_that_intels_own_i915_says(tree):
    said = {"drm__card0__lmem_total_bytes": str(16 * GIB)}
    tree.add_pci("0000:03:00.0", **A770, **said, driver="i915")
    (card,), findings = probe_intel(tree.asker())
    assert (card.memory_total_bytes, findings) == (16 * GIB, ())


def test_an_a770_under_mainline_i915_has_unknown_memory_and_says_why(tree):
    tree.add_pci("0000:03:00.0", **A770, **NODE, driver="i915")
    tree.write("dev/dri/renderD128", "")
    (card,), (finding,) = probe_intel(tree.asker())
    assert (card.kind, card.memory_total_bytes) == (AcceleratorKind.DISCRETE, None)
    assert finding.code == "intel-no-memory"
    assert finding.sentence == (
        "the driver `i915` does not say how much memory `Intel GPU (PCI 8086:56a0)` has"
    )


@pytest.mark.parametrize("driver", ["i915", "xe"])
def test_a_processors_own_gpu_shares_the_systems_memory(tree, driver):
    tree.add_pci("0000:00:02.0", **LAPTOP, tile0__gt0__id="0", driver=driver)
    (gpu,), findings = probe_intel(tree.asker())
    assert (gpu.kind, gpu.memory_total_bytes, gpu.link) == (AcceleratorKind.UNIFIED, None, None)
    assert (gpu.state, findings) == (AcceleratorState.READY, ())


def test_a_card_without_a_driver_is_listed_and_not_ready(tree):
    tree.add_pci("0000:03:00.0", **B580)
    (card,), (finding,) = probe_intel(tree.asker())
    assert (card.state, card.driver) == (AcceleratorState.NO_DRIVER, None)
    assert finding.code == "intel-no-driver"


def test_a_card_whose_device_node_the_container_lacks_is_not_ready(tree):
    tree.add_pci(
        "0000:03:00.0", **B580, **NODE, tile0__physical_vram_size_bytes=12 * GIB, driver="xe"
    )
    (card,), (finding,) = probe_intel(tree.asker())
    assert card.state is AcceleratorState.NO_DRIVER
    assert (finding.code, finding.hint) == (
        "intel-no-device-node",
        "start the container with `--device /dev/dri`",
    )


def test_another_vendors_card_is_not_intels(tree):
    tree.add_pci("0000:03:00.0", class_="0x030000", vendor="0x1002", device="0x744c")
    assert probe_intel(tree.asker()) == ((), ())


@pytest.mark.parametrize("size", ["0", "0xffffffffffffffff", "none"])
def test_a_size_that_no_card_has_is_unknown(tree, size):
    tree.add_pci("0000:03:00.0", **B580, tile0__physical_vram_size_bytes=size, driver="xe")
    (card,), (finding,) = probe_intel(tree.asker())
    assert (card.memory_total_bytes, finding.code, finding.hint) == (None, "intel-no-memory", None)
