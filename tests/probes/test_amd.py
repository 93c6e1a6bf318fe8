"""AMD's GPUs from sysfs: cards, APUs and what their memory is, partitions, failures."""

from __future__ import annotations

import pytest

from probes.accelerator import AcceleratorKind, AcceleratorState
from probes.amd.kfd import gfx_target, gpu_nodes
from probes.amd.probe import probe_amd

GIB = 1 << 30
MIB = 1 << 20

NAVI_31 = {"class_": "0x030000", "vendor": "0x1002", "device": "0x744c", "revision": "0xc8"}
RAPHAEL = {"class_": "0x030000", "vendor": "0x1002", "device": "0x164e", "revision": "0xc1"}
STRIX_HALO = {"class_": "0x038000", "vendor": "0x1002", "device": "0x1586", "revision": "0xc1"}
STRIX = {"class_": "0x038000", "vendor": "0x1002", "device": "0x150e", "revision": "0xd1"}
MI300X = {"class_": "0x120000", "vendor": "0x1002", "device": "0x74a1", "revision": "0x00"}

SECURITY_PROCESSOR = {"class_": "0x108000", "vendor": "0x1022", "device": "0x1649"}
SOUND = {"class_": "0x040300", "vendor": "0x1002", "device": "0xab30"}


def memory(vram, vram_used, gtt, gtt_used):
    return {
        "mem_info_vram_total": vram,
        "mem_info_vram_used": vram_used,
        "mem_info_gtt_total": gtt,
        "mem_info_gtt_used": gtt_used,
    }


def add_node(tree, number, *, location, bank=None, **properties):
    directory = f"sys/class/kfd/kfd/topology/nodes/{number}"
    says = {"cpu_cores_count": 0, "location_id": location, "domain": 0, "simd_per_cu": 2}
    lines = [f"{name} {value}" for name, value in (says | properties).items()]
    tree.write(f"{directory}/properties", "\n".join(lines))
    if bank:
        lines = [f"{name} {value}" for name, value in bank.items()]
        tree.write(f"{directory}/mem_banks/0/properties", "\n".join(lines))


def bank(size, width, clock):
    return {"heap_type": 1, "size_in_bytes": size, "flags": 0, "width": width, "mem_clk_max": clock}


def add_7900_xtx(tree, **files):
    vram = memory(24560 * MIB, 1200 * MIB, 31 * GIB, 20 * MIB)
    tree.add_pci("0000:03:00.0", **NAVI_31, **vram, driver="amdgpu", **files)
    tree.add_pci("0000:03:00.1", **SOUND)
    add_node(
        tree,
        1,
        location=0x0300,
        simd_count=192,
        gfx_target_version=110000,
        bank=bank(24560 * MIB, 384, 1249),
    )


def test_a_desktop_has_its_7900_xtx_and_its_processors_gpu_once_each(tree):
    """Both are one driver's; nothing but their PCI addresses tells them apart for certain."""
    add_7900_xtx(
        tree,
        subsystem_vendor="0x1eae",
        subsystem_device="0x7901",
        hwmon__hwmon5__power1_cap="339000000",
        hwmon__hwmon5__power1_cap_default="355000000",
    )
    tree.add_pci(
        "0000:19:00.0",
        **RAPHAEL,
        **memory(512 * MIB, 40 * MIB, 16 * GIB, 60 * MIB),
        driver="amdgpu",
    )
    tree.add_pci("0000:19:00.2", **SECURITY_PROCESSOR)
    add_node(tree, 2, location=0x1900, simd_count=4, gfx_target_version=100306)
    (card, own), findings = probe_amd(tree.asker())

    assert (card.name, card.kind) == ("AMD GPU (PCI 1002:744c)", AcceleratorKind.DISCRETE)
    assert card.memory_total_bytes == 24560 * MIB
    assert card.memory_free_bytes == (24560 - 1200) * MIB
    assert card.memory_dedicated_bytes is None
    assert (card.architecture, card.core_count) == ("gfx1100", 96)
    assert (card.memory_bus_bits, card.memory_clock_hz) == (384, 1_249_000_000)
    assert card.memory_bandwidth_bytes_per_s is None
    assert (card.power_limit_watts, card.power_default_watts) == (339.0, 355.0)
    assert (card.pci.subsystem_vendor, card.pci.subsystem_device) == (0x1EAE, 0x7901)
    assert card.pci.revision == 0xC8

    assert own.kind is AcceleratorKind.UNIFIED
    assert (own.architecture, own.core_count) == ("gfx1036", 2)
    assert findings == ()


@pytest.mark.parametrize(
    ("vram", "gtt", "total"),
    [
        pytest.param(512 * MIB, 124 * GIB, 124 * GIB + 512 * MIB, id="half a GiB set aside"),
        pytest.param(96 * GIB, 16 * GIB, 112 * GIB, id="96 GiB set aside by the firmware"),
    ],
)
def test_an_8060s_has_what_is_set_aside_and_what_it_may_map(tree, vram, gtt, total):
    used = memory(vram, 100 * MIB, gtt, 50 * MIB)
    tree.add_pci("0000:c5:00.0", **STRIX_HALO, **used, driver="amdgpu")
    tree.add_pci("0000:c5:00.2", **SECURITY_PROCESSOR)
    add_node(tree, 1, location=0xC500, simd_count=80, gfx_target_version=110501)
    (gpu,), findings = probe_amd(tree.asker())
    assert (gpu.kind, gpu.memory_total_bytes) == (AcceleratorKind.UNIFIED, total)
    assert gpu.memory_dedicated_bytes == vram
    assert gpu.memory_free_bytes == total - 150 * MIB
    assert (gpu.architecture, gpu.core_count, gpu.link) == ("gfx1151", 40, None)
    assert findings == ()


def test_an_890m_does_not_have_half_a_gibibyte(tree):
    tree.add_pci(
        "0000:c4:00.0",
        **STRIX,
        **memory(512 * MIB, 0, 14 * GIB, 0),
        hwmon__hwmon3__in1_label="vddnb",
        driver="amdgpu",
    )
    add_node(tree, 1, location=0xC400, simd_count=32, gfx_target_version=110500)
    (gpu,), _ = probe_amd(tree.asker())
    assert (gpu.kind, gpu.memory_total_bytes) == (AcceleratorKind.UNIFIED, 14 * GIB + 512 * MIB)
    assert (gpu.architecture, gpu.core_count) == ("gfx1150", 16)


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param("function", id="a function of the processor division beside it"),
        pytest.param("sensor", id="a sensor of the north bridge's voltage"),
        pytest.param("node", id="processor cores in the same compute node"),
    ],
)
def test_each_sign_alone_makes_a_gpu_part_of_a_processor(tree, sign):
    sensor = {"hwmon__hwmon3__in1_label": "vddnb"} if sign == "sensor" else {}
    tree.add_pci("0000:04:00.0", **STRIX, **memory(GIB, 0, GIB, 0), **sensor, driver="amdgpu")
    if sign == "function":
        tree.add_pci("0000:04:00.2", **SECURITY_PROCESSOR)
    cores = 8 if sign == "node" else 0
    add_node(tree, 0, location=0x0400, simd_count=16, cpu_cores_count=cores)
    (gpu,), _ = probe_amd(tree.asker())
    assert (gpu.kind, gpu.memory_total_bytes) == (AcceleratorKind.UNIFIED, 2 * GIB)


def test_a_processors_function_in_another_slot_makes_no_card_unified(tree):
    add_7900_xtx(tree)
    tree.add_pci("0000:04:00.2", **SECURITY_PROCESSOR)
    (card,), _ = probe_amd(tree.asker())
    assert card.kind is AcceleratorKind.DISCRETE


HBM = 196592 * MIB


def add_mi300x(tree, parts):
    tree.add_pci(
        "0000:05:00.0",
        **MI300X,
        **memory(HBM, 300 * MIB, 1000 * GIB, 0),
        product_name="AMD Instinct MI300X OAM",
        driver="amdgpu",
    )
    for part in range(parts):
        add_node(
            tree,
            2 + part,
            location=0x0500 | part << 28 if parts > 1 else 0x0500,
            simd_count=1216 // parts,
            simd_per_cu=4,
            gfx_target_version=90402,
            bank=bank(HBM // parts, 8192, 1300),
        )


def test_an_mi300x_says_its_own_name(tree):
    add_mi300x(tree, parts=1)
    tree.write("sys/module/amdgpu/version", "6.16.6")
    (card,), findings = probe_amd(tree.asker())
    assert (card.name, card.kind) == ("AMD Instinct MI300X OAM", AcceleratorKind.DISCRETE)
    assert (card.architecture, card.core_count) == ("gfx942", 304)
    assert (card.memory_total_bytes, card.memory_bus_bits) == (HBM, 8192)
    assert (card.driver, findings) == ("amdgpu 6.16.6", ())


def test_a_partitioned_mi300x_is_listed_with_its_parts(tree):
    add_mi300x(tree, parts=8)
    (whole, *parts), (finding,) = probe_amd(tree.asker())
    assert whole.state is AcceleratorState.PARTITIONED
    assert len(parts) == 8
    assert {part.kind for part in parts} == {AcceleratorKind.MIG}
    assert {part.memory_total_bytes for part in parts} == {HBM // 8}
    assert {(part.memory_slices, part.core_count) for part in parts} == {(1, 38)}
    assert {part.parent_name for part in parts} == {"AMD Instinct MI300X OAM"}
    assert finding.code == "amd-partitioned"


@pytest.mark.parametrize(
    ("driver", "sentence"),
    [
        pytest.param(
            None,
            "`AMD GPU (PCI 1002:744c)` is on the bus, but the driver `amdgpu` does not run it",
            id="nobody runs it",
        ),
        pytest.param(
            "vfio-pci",
            "`AMD GPU (PCI 1002:744c)` is handed to a virtual machine",
            id="a virtual machine has it",
        ),
    ],
)
def test_a_card_without_its_driver_is_listed_and_not_ready(tree, driver, sentence):
    tree.add_pci("0000:03:00.0", **NAVI_31, driver=driver)
    (card,), (finding,) = probe_amd(tree.asker())
    assert (card.state, card.memory_total_bytes) == (AcceleratorState.NO_DRIVER, None)
    assert finding.sentence == sentence


def test_a_servers_old_display_chip_is_no_accelerator(tree):
    es1000 = {"class_": "0x030000", "vendor": "0x1002", "device": "0x515e"}
    tree.add_pci("0000:01:03.0", **es1000, driver="radeon")
    assert probe_amd(tree.asker()) == ((), ())


@pytest.mark.parametrize(
    ("given", "state"),
    [
        pytest.param((), AcceleratorState.NO_DRIVER, id="neither node: it cannot be used"),
        pytest.param(("dev/kfd",), AcceleratorState.READY, id="the compute node is enough"),
        pytest.param(("dev/dri/renderD128",), AcceleratorState.READY, id="so is the render node"),
    ],
)
def test_a_container_needs_a_device_node(tree, given, state):
    add_7900_xtx(tree, drm__renderD128__dev="226:128")
    for path in given:
        tree.write(path, "")
    (card,), findings = probe_amd(tree.asker())
    assert card.state is state
    assert [finding.code for finding in findings] == (
        [] if state is AcceleratorState.READY else ["amd-no-device-node"]
    )


@pytest.mark.parametrize("total", ["0", "-1", "18446744073709551615", "n/a"])
def test_memory_that_no_card_has_is_unknown(tree, total):
    sizes = {"mem_info_vram_total": total, "mem_info_vram_used": "0"}
    tree.add_pci("0000:03:00.0", **NAVI_31, **sizes, driver="amdgpu")
    (card,), (finding,) = probe_amd(tree.asker())
    assert (card.memory_total_bytes, card.memory_free_bytes) == (None, None)
    assert finding.code == "amd-no-memory"


def test_more_used_than_there_is_leaves_free_memory_unknown(tree):
    sizes = {"mem_info_vram_total": 8 * GIB, "mem_info_vram_used": 9 * GIB}
    tree.add_pci("0000:03:00.0", **NAVI_31, **sizes, driver="amdgpu")
    (card,), _ = probe_amd(tree.asker())
    assert (card.memory_total_bytes, card.memory_free_bytes) == (8 * GIB, None)


def test_a_mask_of_the_environment_is_told_of(tree):
    add_7900_xtx(tree)
    _, (finding,) = probe_amd(tree.asker(HIP_VISIBLE_DEVICES="0"))
    assert finding.sentence == (
        "`HIP_VISIBLE_DEVICES` is `0`: ROCm programs see only those AMD GPUs, and all are"
        " listed here"
    )


def test_a_machine_without_amds_gpus_is_not_told_of_masks(tree):
    assert probe_amd(tree.asker(HIP_VISIBLE_DEVICES="0")) == ((), ())


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (90010, "gfx90a"),
        (90012, "gfx90c"),
        (90402, "gfx942"),
        (100306, "gfx1036"),
        (110000, "gfx1100"),
        (110501, "gfx1151"),
        (120001, "gfx1201"),
        (0, None),
    ],
)
def test_the_target_has_minor_and_stepping_in_hexadecimal(version, name):
    assert gfx_target(version) == name


def test_a_processors_compute_node_is_no_gpu(tree):
    add_node(tree, 0, location=0, simd_count=0, cpu_cores_count=16)
    assert gpu_nodes(tree.asker()) == ()


def test_a_compute_node_that_cannot_be_read_is_left_out(tree):
    """A container may list its neighbours' nodes, but not open them."""
    tree.write("sys/class/kfd/kfd/topology/nodes/1/gpu_id", "4672")
    add_node(tree, 10, location=0x0300, simd_count=192)
    assert [node.address for node in gpu_nodes(tree.asker())] == ["0000:03:00.0"]


def test_odd_figures_of_a_memory_bank_are_unknown(tree):
    add_node(tree, 1, location=0x0300, simd_count=192, bank=bank(8 * GIB, 0, 4_294_967))
    (node,) = gpu_nodes(tree.asker())
    assert (node.memory_bus_bits, node.memory_clock_hz) == (None, None)
