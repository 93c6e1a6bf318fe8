"""The join of a machine's facts with the catalog's rows; whose memory is whose is elsewhere."""

from __future__ import annotations

import dataclasses

import pytest

from advisor.figure import Origin
from advisor.target import target_of_devices, target_of_machine
from catalog.lookup import find_devices
from probes.accelerator import Accelerator, AcceleratorKind, AcceleratorState, PciIdentity
from probes.machine import Cpu, Machine, Memory, ReadBandwidth, System

GIB = 1 << 30

RTX_4090 = Accelerator(
    name="NVIDIA GeForce RTX 4090",
    vendor="nvidia",
    kind=AcceleratorKind.DISCRETE,
    pci=PciIdentity(vendor=0x10DE, device=0x2684),
    memory_total_bytes=24564 << 20,
    memory_reserved_bytes=465 << 20,
    memory_free_bytes=20000 << 20,
    memory_bandwidth_bytes_per_s=1008e9,
    architecture="8.9",
    cuda_index=0,
)
RTX_3060 = dataclasses.replace(
    RTX_4090,
    name="NVIDIA GeForce RTX 3060",
    pci=PciIdentity(vendor=0x10DE, device=0x2503),
    memory_total_bytes=12288 << 20,
    memory_reserved_bytes=256 << 20,
    memory_free_bytes=12032 << 20,
    memory_bandwidth_bytes_per_s=360e9,
    architecture="8.6",
    cuda_index=1,
)
RADEON = dataclasses.replace(
    RTX_4090,
    name="AMD Radeon RX 7600",
    vendor="amd",
    pci=None,
    memory_total_bytes=8 * GIB,
    memory_reserved_bytes=None,
    memory_free_bytes=None,
    memory_bandwidth_bytes_per_s=None,
    architecture="gfx1102",
    cuda_index=None,
)
IGPU = Accelerator(name="Intel Arc Graphics", vendor="intel", kind=AcceleratorKind.UNIFIED)


def mig_slice(slices, gib):
    return Accelerator(
        name=f"NVIDIA H100 80GB HBM3 MIG {slices}g",
        vendor="nvidia",
        kind=AcceleratorKind.MIG,
        parent_name="NVIDIA H100 80GB HBM3",
        memory_total_bytes=gib * GIB,
        memory_slices=slices,
        architecture="9.0",
    )


def machine(*accelerators, **changes):
    values = {
        "system": System(os="linux"),
        "cpu": Cpu(
            name="a processor",
            architecture="x86_64",
            usable_cores=8,
            instruction_sets=("avx2",),
        ),
        "memory": Memory(total_bytes=64 * GIB, available_bytes=40 * GIB),
        "accelerators": accelerators,
    }
    return Machine(**{**values, **changes})


def names(target):
    return [gpu.name for gpu in target.gpus]


def devices(*texts):
    return target_of_devices([find_devices(text) for text in texts])


# A machine's own answers.


def test_what_the_driver_says_beats_the_catalog():
    card = target_of_machine(machine(RTX_4090)).gpus[0]
    assert card.row_name == "NVIDIA GeForce RTX 4090"
    assert card.capacity_bytes.value == (24564 - 465) << 20
    assert card.available_bytes.value == 20000 << 20
    assert card.bandwidth_bytes_per_s.value == 1008e9
    figures = (card.capacity_bytes, card.available_bytes, card.bandwidth_bytes_per_s)
    assert {figure.origin for figure in figures} == {Origin.REPORTED}
    assert (card.backend, card.kind, card.architecture) == ("cuda", "desktop", "8.9")
    assert card.cuda_index == 0


def test_what_the_driver_does_not_say_comes_from_the_catalog_with_its_source():
    silent = dataclasses.replace(RTX_4090, memory_bandwidth_bytes_per_s=None)
    rate = target_of_machine(machine(silent)).gpus[0].bandwidth_bytes_per_s
    assert rate.value == pytest.approx(1008e9, rel=1e-3)
    assert rate.origin is Origin.PUBLISHED
    assert rate.source


def test_what_nobody_says_is_unknown_and_said():
    odd = Accelerator(
        name="Voodoo 9000",
        vendor="nvidia",
        kind=AcceleratorKind.DISCRETE,
        memory_total_bytes=16 * GIB,
    )
    target = target_of_machine(machine(odd))
    card = target.gpus[0]
    assert (card.row_name, card.bandwidth_bytes_per_s, card.fp16_flops_per_s) == (None, None, None)
    assert card.capacity_bytes.value == 16 * GIB
    assert any("Voodoo 9000" in note for note in target.notes)


def test_gpus_stand_in_the_order_of_their_speed():
    target = target_of_machine(machine(RTX_3060, RTX_4090))
    assert names(target) == ["NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 3060"]
    assert target.name == "NVIDIA GeForce RTX 4090 + NVIDIA GeForce RTX 3060"


def test_equal_gpus_are_counted_in_the_machines_name():
    assert target_of_machine(machine(RTX_4090, RTX_4090)).name == "2x NVIDIA GeForce RTX 4090"


@pytest.mark.parametrize("state", [one for one in AcceleratorState if one != "ready"])
def test_a_gpu_that_is_not_ready_is_not_used(state):
    lost = dataclasses.replace(RTX_4090, state=state)
    target = target_of_machine(machine(lost, RTX_3060))
    assert names(target) == ["NVIDIA GeForce RTX 3060"]


def test_gpus_can_be_left_out():
    target = target_of_machine(machine(RTX_4090), use_gpus=False)
    assert (target.gpus, target.name) == ((), "a processor")


def test_one_process_uses_the_vendor_with_more_memory():
    target = target_of_machine(machine(RADEON, RTX_3060))
    assert names(target) == ["NVIDIA GeForce RTX 3060"]
    assert target.notes == (
        "`AMD Radeon RX 7600` is left out: one build of llama.cpp runs on one vendor's GPUs",
    )


def test_a_gpu_in_the_processor_is_left_to_the_desktop_beside_a_card():
    target = target_of_machine(machine(IGPU, RTX_4090))
    assert names(target) == ["NVIDIA GeForce RTX 4090"]
    assert "`Intel Arc Graphics` shares the system's memory" in target.notes[0]


def test_without_a_card_the_gpu_in_the_processor_is_used():
    card = target_of_machine(machine(IGPU)).gpus[0]
    assert card.shares_host_memory
    assert card.capacity_bytes.value < 64 * GIB


def test_of_mig_slices_the_largest_is_used_with_its_part_of_the_bandwidth():
    """Two eighths of an H100's memory system; the driver does not say the slice's rate."""
    target = target_of_machine(machine(mig_slice(1, 10), mig_slice(2, 20)))
    card = target.gpus[0]
    assert (len(target.gpus), card.capacity_bytes.value) == (1, 20 * GIB)
    whole = devices("H100 SXM").gpus[0]
    assert card.bandwidth_bytes_per_s.value == whole.bandwidth_bytes_per_s.value / 4
    assert card.fp16_flops_per_s.value == whole.fp16_flops_per_s.value / 4
    assert target.notes == (f"a model is put on one MIG slice: `{card.name}` is the largest of 2",)


def test_a_vgpu_has_no_bandwidth_that_anybody_knows():
    share = dataclasses.replace(
        RTX_4090, kind=AcceleratorKind.VGPU, memory_bandwidth_bytes_per_s=None
    )
    assert target_of_machine(machine(share)).gpus[0].bandwidth_bytes_per_s is None


def test_the_host_is_what_was_measured():
    seen = ReadBandwidth(
        lower_bytes_per_s=20e9,
        upper_bytes_per_s=45e9,
        cpu_share=0.9,
        threads=8,
        buffer_bytes=GIB,
    )
    host = target_of_machine(machine(read_bandwidth=seen)).host
    rate = host.read_bytes_per_s
    assert (rate.low, rate.value, rate.high) == (20e9, 30e9, 45e9)
    assert (rate.origin, rate.source) == (
        Origin.MEASURED,
        "read with 8 threads, 90% of the CPU",
    )
    assert (host.cores, host.instruction_sets) == (8, ("avx2",))


def test_a_host_that_was_not_measured_has_no_rate():
    assert target_of_machine(machine()).host.read_bytes_per_s is None


def test_a_processor_without_a_name_is_called_by_its_architecture():
    bare = machine(cpu=Cpu(name=None, architecture="riscv64"))
    assert target_of_machine(bare).name == "riscv64"


# Rows of the catalog that stand in for the probes.


def test_a_card_that_is_not_at_hand_has_its_drivers_total_less_a_reserve():
    """24,564 MiB less 2 %, assumed: an RTX 4090's driver keeps 465, so that 24,099 are right."""
    card = devices("RTX 4090").gpus[0]
    assert card.capacity_bytes.value == int((24564 << 20) * 0.98)
    assert card.capacity_bytes.value == pytest.approx(24099 << 20, rel=2e-3)
    assert card.capacity_bytes == card.available_bytes
    assert card.capacity_bytes.origin is Origin.ASSUMED
    assert card.bandwidth_bytes_per_s.origin is Origin.PUBLISHED


def test_the_host_beside_an_imagined_card_is_no_limit():
    target = devices("RTX 4090")
    assert target.is_imagined
    assert (target.host.capacity_bytes, target.host.available_bytes) == (None, None)
    rate = target.host.read_bytes_per_s
    assert (rate.origin, rate.value) == (Origin.ASSUMED, 83.2e9)


def test_several_devices_are_one_target():
    target = devices("2x RTX 3090", "RTX 4090")
    assert target.name == "2x NVIDIA GeForce RTX 3090 + NVIDIA GeForce RTX 4090"
    assert names(target) == [
        "NVIDIA GeForce RTX 4090",
        "NVIDIA GeForce RTX 3090",
        "NVIDIA GeForce RTX 3090",
    ]


def test_a_system_is_its_units():
    target = devices("DGX H100")
    assert len(target.gpus) == 8
    assert len(set(names(target))) == 1


def test_a_machine_with_unified_memory_is_its_own_host():
    """An M4 Max with 64 GiB: less 2 GiB for the system, of which the GPU may have a part."""
    target = devices("M4 Max 64GB")
    card, host = target.gpus[0], target.host
    assert card.shares_host_memory
    assert host.capacity_bytes.value == 62 * GIB
    assert card.capacity_bytes.value < 64 * GIB
    assert host.read_bytes_per_s.value == card.bandwidth_bytes_per_s.value


def test_a_board_whose_gpu_llama_cpp_does_not_use_runs_on_its_processor():
    """8 GiB, of which the system keeps 8 %."""
    target = devices("Raspberry Pi 5 8GB")
    assert target.gpus == ()
    assert target.host.capacity_bytes.value == pytest.approx(8 * GIB * 0.92, abs=1)
