"""Detection: every probe is asked, none can stop another, and a card counts once."""

from __future__ import annotations

import pytest

from probes.accelerator import Accelerator, AcceleratorKind, PciIdentity
from probes.ask import Asker
from probes.detect import Measure, detect
from probes.errors import ProbeError
from probes.finding import Finding, Severity
from probes.machine import Cpu, Memory, ReadBandwidth, System

SYSTEM = System(os="linux", os_version="Debian 12")
CPU = Cpu(name="AMD EPYC", architecture="x86_64", usable_cores=2)
MEMORY = Memory(total_bytes=24 << 30, available_bytes=20 << 30)
BANDWIDTH = ReadBandwidth(
    lower_bytes_per_s=30e9, upper_bytes_per_s=31e9, cpu_share=1.0, threads=2, buffer_bytes=1 << 27
)


def gpu(name, kind=AcceleratorKind.DISCRETE, address=None, **more):
    pci = PciIdentity(vendor=0x10DE, device=1, address=address) if address else None
    return Accelerator(name=name, vendor="nvidia", kind=kind, pci=pci, **more)


def said(probe):
    return Finding(probe=probe, code=f"{probe}-x", severity=Severity.NOTE, sentence=f"{probe} says")


@pytest.fixture
def probes(monkeypatch, tmp_path):
    """Every probe replaced by one that answers quietly, on a machine that counts as live."""
    answers = {
        "system.probe_system": SYSTEM,
        "cpu.probe.probe_cpu": (CPU, ()),
        "memory.probe.probe_memory": (MEMORY, ()),
        "nvidia.probe.probe_nvidia": ((), ()),
        "amd.probe.probe_amd": ((), ()),
        "intel.probe_intel": ((), ()),
        "apple.probe_apple": ((), ()),
        "windows.probe_windows": ((), ()),
    }

    def answer(name, value):
        def probe(*_, **__):
            if isinstance(value, BaseException):
                raise value
            return value

        monkeypatch.setattr(f"probes.{name}", probe)

    for name, value in answers.items():
        answer(name, value)
    return answer


RECORDED = Asker(environ={}, os="linux", root=Asker().root / "nowhere")


def test_all_answers_and_findings_are_joined(probes):
    probes("cpu.probe.probe_cpu", (CPU, (said("cpu"),)))
    probes("memory.probe.probe_memory", (MEMORY, (said("memory"),)))
    probes("amd.probe.probe_amd", ((gpu("a card"),), (said("amd"),)))
    machine = detect(RECORDED)
    assert (machine.system, machine.cpu, machine.memory) == (SYSTEM, CPU, MEMORY)
    assert [card.name for card in machine.accelerators] == ["a card"]
    assert [finding.probe for finding in machine.findings] == ["cpu", "memory", "amd"]


@pytest.mark.parametrize(
    ("probe", "name"),
    [
        ("system.probe_system", "system"),
        ("cpu.probe.probe_cpu", "cpu"),
        ("nvidia.probe.probe_nvidia", "nvidia"),
        ("amd.probe.probe_amd", "amd"),
        ("intel.probe_intel", "intel"),
        ("apple.probe_apple", "apple"),
        ("windows.probe_windows", "windows"),
    ],
)
def test_a_probe_that_breaks_is_a_sentence_and_hides_no_other(probes, probe, name):
    good = "amd.probe.probe_amd" if name != "amd" else "intel.probe_intel"
    probes(good, ((gpu("the other card"),), ()))
    probes(probe, ZeroDivisionError("division\n  by zero"))
    machine = detect(RECORDED)
    assert [card.name for card in machine.accelerators] == ["the other card"]
    (finding,) = machine.findings
    assert (finding.probe, finding.code) == (name, f"{name}-failed")
    assert finding.sentence == f"the probe `{name}` failed: ZeroDivisionError: division by zero"


def test_what_a_broken_probe_leaves_open_is_unknown(probes):
    probes("system.probe_system", OSError())
    probes("cpu.probe.probe_cpu", OSError())
    machine = detect(RECORDED)
    assert machine.system == System(os="linux")
    assert machine.cpu == Cpu(name=None, architecture="unknown")


def test_a_message_of_any_length_stays_a_sentence(probes):
    probes("cpu.probe.probe_cpu", ValueError("x" * 10_000))
    (finding,) = detect(RECORDED).findings
    assert len(finding.sentence) < 300


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ProbeError("nobody says how much memory there is"),
            "nobody says how much memory there is",
        ),
        (KeyError("MemTotal"), "the size of the memory cannot be known: KeyError: 'MemTotal'"),
    ],
)
def test_a_machine_of_unknown_memory_is_no_answer(probes, error, message):
    probes("memory.probe.probe_memory", error)
    with pytest.raises(ProbeError) as raised:
        detect(RECORDED)
    assert str(raised.value) == message


def test_an_interruption_is_not_swallowed(probes):
    probes("amd.probe.probe_amd", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        detect(RECORDED)


def test_cards_come_before_shared_memory_and_keep_their_order(probes):
    unified = AcceleratorKind.UNIFIED
    probes("nvidia.probe.probe_nvidia", ((gpu("n1"), gpu("n2", unified)), ()))
    probes("amd.probe.probe_amd", ((gpu("a1", unified), gpu("a2")), ()))
    names = [card.name for card in detect(RECORDED).accelerators]
    assert names == ["n1", "a2", "n2", "a1"]


def test_a_card_found_by_two_probes_counts_once(probes):
    probes("nvidia.probe.probe_nvidia", ((gpu("RTX 4090", address="0000:01:00.0"),), ()))
    twice = (gpu("NVIDIA GPU", address="0000:01:00.0"), gpu("Radeon", address="0000:02:00.0"))
    probes("windows.probe_windows", (twice, ()))
    names = [card.name for card in detect(RECORDED).accelerators]
    assert names == ["RTX 4090", "Radeon"]


def test_slices_at_their_cards_address_all_count(probes):
    mig = AcceleratorKind.MIG
    cards = [gpu("H100", address="0000:01:00.0")]
    cards += [gpu(f"slice {n}", mig, address="0000:01:00.0") for n in (1, 2)]
    probes("nvidia.probe.probe_nvidia", (tuple(cards), ()))
    assert len(detect(RECORDED).accelerators) == 3


def test_two_cards_without_an_address_are_two(probes):
    probes("nvidia.probe.probe_nvidia", ((gpu("T4"), gpu("T4")), ()))
    assert len(detect(RECORDED).accelerators) == 2


def test_windows_registry_is_told_whether_nvml_answered(probes, monkeypatch):
    told = []

    def windows(_asker, *, nvidia_answered):
        told.append(nvidia_answered)
        return (), ()

    monkeypatch.setattr("probes.windows.probe_windows", windows)
    detect(RECORDED)
    probes("nvidia.probe.probe_nvidia", ((gpu("RTX 4090"),), ()))
    detect(RECORDED)
    assert told == [False, True]


@pytest.fixture
def timing(monkeypatch, tmp_path):
    """A live machine whose memory answers at once; the list holds each time it was asked."""
    asked = []

    def measure(cpu, memory, *, is_virtual, progress=None):
        asked.append((cpu, memory, is_virtual))
        if progress:
            progress()
        return BANDWIDTH, (said("bandwidth"),)

    monkeypatch.setattr("probes.bandwidth.probe.measure_read_bandwidth", measure)
    monkeypatch.setattr("probes.bandwidth.store.machine_key", lambda *_: "this start")
    return asked


def live(tmp_path):
    return Asker(environ={"HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}, os="linux")


def test_the_memory_is_timed_once_and_then_remembered(probes, timing, tmp_path):
    told = []
    first = detect(live(tmp_path), progress=lambda: told.append("timing"))
    assert (first.read_bandwidth, told) == (BANDWIDTH, ["timing"])
    assert [finding.probe for finding in first.findings] == ["bandwidth"]
    second = detect(live(tmp_path), progress=lambda: told.append("again"))
    assert (second.read_bandwidth, second.findings) == (BANDWIDTH, ())
    assert (told, timing) == (["timing"], [(CPU, MEMORY, False)])


def test_forced_timing_times_again_and_skipped_timing_never(probes, timing, tmp_path):
    assert detect(live(tmp_path), measure=Measure.SKIP).read_bandwidth is None
    assert timing == []
    detect(live(tmp_path), measure=Measure.FORCE)
    detect(live(tmp_path), measure=Measure.FORCE)
    assert len(timing) == 2
    assert detect(live(tmp_path), measure=Measure.SKIP).read_bandwidth == BANDWIDTH


def test_timing_is_told_of_a_virtual_machine(probes, timing, tmp_path):
    probes("system.probe_system", System(os="linux", virtual_machine="kvm"))
    detect(live(tmp_path))
    assert timing == [(CPU, MEMORY, True)]


def test_a_recorded_machine_is_never_timed(probes, timing):
    assert detect(RECORDED, measure=Measure.FORCE).read_bandwidth is None
    assert timing == []


def test_timing_that_breaks_is_a_sentence(probes, timing, monkeypatch, tmp_path):
    def broken(*_, **__):
        raise RuntimeError("no clock")

    monkeypatch.setattr("probes.bandwidth.probe.measure_read_bandwidth", broken)
    machine = detect(live(tmp_path))
    assert machine.read_bandwidth is None
    assert [finding.sentence for finding in machine.findings] == [
        "the probe `bandwidth` failed: RuntimeError: no clock"
    ]


def test_an_empty_tree_with_its_memory_is_a_machine(tree):
    """Everything but the memory may be missing; the real probes are asked."""
    tree.write(
        "proc/meminfo", "MemTotal: 16384000 kB\nMemFree: 8192000 kB\nMemAvailable: 8192000 kB"
    )
    machine = detect(tree.asker())
    assert machine.memory.total_bytes == 16384000 * 1024
    assert machine.accelerators == ()
    assert not [finding for finding in machine.findings if finding.code.endswith("-failed")]
