"""ADV201 to ADV208: how the GPUs are at the moment, and whether that is as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from advisor.check.in_use import holders_text, in_use_bytes
from advisor.check.outcome import Compared, Found, Status
from advisor.check.rule import machine_rule
from advisor.check.rules.findings import skipped
from advisor.check.words import gpu_labels, listed
from advisor.figure import Origin
from advisor.render.units import gib
from probes.accelerator import AcceleratorKind, Slowdown
from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.case import Case
    from advisor.target import Gpu
    from probes.accelerator import Accelerator

IN_USE_SHARE = 0.10
"""A desktop, a browser and a display take less of a card that models are run on."""

POWER_SHARE = 0.99
"""Limits are set in whole watts."""

NEAR_SLOWDOWN_CELSIUS = 5.0
SHARED_FREE_SHARE = 0.5
HARMLESS = frozenset({Slowdown.CLOCK_SETTING, Slowdown.SYNC_BOOST})
"""Clocks that somebody chose, or that a card of a group waits with."""

SLOWDOWNS = {
    Slowdown.POWER_CAP: "it is at its power limit",
    Slowdown.HARDWARE: "the card protects itself",
    Slowdown.SOFTWARE_THERMAL: "the driver finds it too hot",
    Slowdown.HARDWARE_THERMAL: "the card finds itself too hot",
    Slowdown.POWER_BRAKE: "the power supply asks for less",
    Slowdown.SYNC_BOOST: "it waits for a slower card of its group",
    Slowdown.CLOCK_SETTING: "its clocks are set so",
}

Judge = Callable[["Accelerator", str], Found]


def each_gpu(judge: Judge) -> Callable[[Case], Iterator[Found]]:
    """A rule that is asked of each GPU that programs can use."""

    def ask(case: Case) -> Iterator[Found]:
        if case.is_stateless:
            yield skipped("the machine is only described, so its state is not known")
            return
        if not case.ready:
            yield skipped("there is no GPU that programs could use")
        for label, gpu in zip(gpu_labels(case.ready), case.ready, strict=True):
            yield judge(gpu, label)

    return ask


def _passed(label: str, sentence: str, compared: Compared | None = None) -> Found:
    return Found(status=Status.PASS, subject=label, sentence=sentence, compared=compared)


def _failed(label: str, sentence: str, hint: str, compared: Compared | None = None) -> Found:
    return Found(status=Status.FAIL, subject=label, sentence=sentence, hint=hint, compared=compared)


def _unknown(label: str, sentence: str) -> Found:
    return Found(status=Status.UNDETERMINED, subject=label, sentence=sentence)


def _memory(gpu: Accelerator, label: str) -> Found:
    if gpu.memory_is_shared:
        return skipped(f"{label} uses the system's memory", label)
    used, usable = in_use_bytes(gpu), gpu.memory_usable_bytes
    if used is None or usable is None:
        return _unknown(label, f"how much memory of {label} is in use is not known")
    compared = Compared(
        quantity="gpu_in_use_bytes",
        value=used,
        limit=int(usable * IN_USE_SHARE),
        origin=Origin.REPORTED,
    )
    sentence = f"programs hold {gib(used)} of the {gib(usable)} of {label}"
    if used <= usable * IN_USE_SHARE:
        return _passed(label, sentence, compared)
    hint = "end them, or wait until they have ended; `nvidia-smi` lists them"
    said = f"{sentence}, more than a tenth{holders_text(gpu)}"
    return _failed(label, said, hint, compared)


def _width(gpu: Accelerator, label: str) -> Found:
    if gpu.memory_is_shared or gpu.kind is AcceleratorKind.VGPU:
        return skipped(f"{label} has no link of its own", label)
    link = gpu.link
    if link is None or link.width is None or link.width_max is None:
        return _unknown(label, f"the width of the PCIe link of {label} is not known")
    compared = Compared(
        quantity="pcie_lanes", value=link.width, limit=link.width_max, origin=Origin.REPORTED
    )
    sentence = f"the PCIe link of {label} has {link.width} of {link.width_max} lanes"
    if link.width >= link.width_max:
        return _passed(label, sentence, compared)
    hint = "loading a model takes longer, and layers on the CPU cost more; check the slot and riser"
    return _failed(label, sentence, hint, compared)


def _generation(gpu: Accelerator, label: str) -> Found:
    if gpu.memory_is_shared or gpu.kind is AcceleratorKind.VGPU:
        return skipped(f"{label} has no link of its own", label)
    link = gpu.link
    if link is None or link.generation is None or link.generation_max is None:
        return _unknown(label, f"the generation of the PCIe link of {label} is not known")
    compared = Compared(
        quantity="pcie_generation",
        value=link.generation,
        limit=link.generation_max,
        origin=Origin.REPORTED,
    )
    if link.generation >= link.generation_max:
        return _passed(
            label, f"the PCIe link of {label} is of generation {link.generation}", compared
        )
    sentence = (
        f"the PCIe link of {label} is of generation {link.generation}, and the card could do"
        f" {link.generation_max}"
    )
    return _failed(
        label, sentence, "check the slot, the riser and the firmware's setting", compared
    )


def _clocks(gpu: Accelerator, label: str) -> Found:
    reasons = None if gpu.condition is None else gpu.condition.slowdowns
    if reasons is None:
        return _unknown(label, f"whether the clocks of {label} are lowered is not known")
    said = listed(SLOWDOWNS[one] for one in reasons) if reasons else ""
    bad = [one for one in reasons if one not in HARMLESS]
    if not bad:
        ending = f" beyond what is chosen ({said})" if said else ""
        return _passed(label, f"nothing lowers the clocks of {label}{ending}")
    hint = "wait until it is idle; if it stays so, check cooling and power (`nvidia-smi -q`)"
    return _failed(label, f"the clocks of {label} are lowered: {said}", hint)


def _power(gpu: Accelerator, label: str) -> Found:
    if gpu.memory_is_shared:
        return skipped(f"{label} has no power limit of its own", label)
    limit, usual = gpu.power_limit_watts, gpu.power_default_watts
    if limit is None or usual is None:
        return _unknown(label, f"whether the power of {label} is limited is not known")
    compared = Compared(
        quantity="power_limit_watts", value=limit, limit=usual, origin=Origin.REPORTED
    )
    sentence = f"the power limit of {label} is {limit:g} W; its default is {usual:g} W"
    if limit >= usual * POWER_SHARE:
        return _passed(label, sentence, compared)
    hint = f"raise it with `sudo nvidia-smi -pl {usual:.0f}`, or ask who lowered it"
    return _failed(label, sentence, hint, compared)


def _errors(gpu: Accelerator, label: str) -> Found:
    state = gpu.condition
    count = None if state is None else state.uncorrected_errors
    pending = state is not None and state.repair_pending
    if state is not None and state.repair_failed:
        sentence = f"bad memory of {label} could not be put out of use"
        return _broken(label, sentence, "take the card out of service", count)
    if count:
        plural = "error" if count == 1 else "errors"
        sentence = f"the memory of {label} had {count:,} {plural} that could not be corrected"
        return _broken(label, sentence, "reset the GPU (`sudo nvidia-smi --gpu-reset`)", count)
    if pending:
        sentence = f"bad memory of {label} is put out of use only at the next reset"
        return _failed(label, sentence, "reset the GPU (`sudo nvidia-smi --gpu-reset`) or reboot")
    if count is None:
        if gpu.ecc or gpu.kind is AcceleratorKind.MIG:
            return _unknown(label, f"{label} does not say how many memory errors it had")
        return skipped(f"{label} does not check its memory for errors", label)
    return _passed(label, f"the memory of {label} had no error that could not be corrected")


def _broken(label: str, sentence: str, hint: str, count: int | None) -> Found:
    compared = None
    if count is not None:
        compared = Compared(
            quantity="uncorrected_errors", value=count, limit=0, origin=Origin.REPORTED
        )
    return Found(
        status=Status.FAIL,
        subject=label,
        sentence=sentence,
        hint=hint,
        compared=compared,
        severity=Severity.ERROR,
    )


def _temperature(gpu: Accelerator, label: str) -> Found:
    state = gpu.condition
    if state is None or state.temperature_celsius is None or state.slowdown_celsius is None:
        return _unknown(label, f"how hot {label} is, or may get, is not known")
    now, limit = state.temperature_celsius, state.slowdown_celsius
    compared = Compared(
        quantity="temperature_celsius",
        value=now,
        limit=limit - NEAR_SLOWDOWN_CELSIUS,
        origin=Origin.REPORTED,
    )
    sentence = f"{label} has {now:g} °C and slows down at {limit:g} °C"
    if now < limit - NEAR_SLOWDOWN_CELSIUS:
        return _passed(label, sentence, compared)
    return _failed(label, sentence, "let it cool down; check its fans and its air", compared)


def _shared(case: Case) -> Iterator[Found]:
    """A GPU in the processor competes with everything else for its memory."""
    if case.is_stateless:
        yield skipped("the machine is only described, so its state is not known")
        return
    shared = [gpu for gpu in case.target.gpus if gpu.shares_host_memory]
    if not shared:
        yield skipped("no GPU in use shares the system's memory")
    for gpu in shared:
        yield _shared_by(gpu)


def _shared_by(gpu: Gpu) -> Found:
    if gpu.capacity_bytes is None or gpu.available_bytes is None:
        return _unknown(gpu.name, f"how much memory {gpu.name} may use is not known")
    most, now = gpu.capacity_bytes.value, gpu.available_bytes.value
    compared = Compared(
        quantity="gpu_free_bytes",
        value=now,
        limit=most * SHARED_FREE_SHARE,
        origin=gpu.available_bytes.origin,
    )
    sentence = (
        f"{gpu.name} may use {gib(most)} of the system's memory, of which {gib(now)} are available"
    )
    if now >= most * SHARED_FREE_SHARE:
        return _passed(gpu.name, sentence, compared)
    return _failed(gpu.name, sentence, "end programs that hold much memory", compared)


RULES = (
    machine_rule(
        201,
        "gpu-memory-unused",
        each_gpu(_memory),
        title="other programs hold at most a tenth of each GPU's memory",
        about="Fails with the names of the programs, where the driver says them. A limit of one's"
        " own is `max_gpu_in_use` (ADV306).",
        severity=Severity.WARNING,
    ),
    machine_rule(
        202,
        "link-width",
        each_gpu(_width),
        title="each GPU's PCIe link has all lanes that card and slot could use",
        about="Fails for a card on an x4 riser. Undetermined when neither driver nor kernel says.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        203,
        "link-generation",
        each_gpu(_generation),
        title="each GPU's PCIe link is of the highest generation of the card",
        about="Fails for a card in an older slot. The link's present speed, which falls when the"
        " card idles, is not looked at.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        204,
        "clocks-free",
        each_gpu(_clocks),
        title="nothing lowers the GPUs' clocks",
        about="Fails with the driver's reasons: heat, power limit, power supply, self-protection."
        " Clocks that somebody set are no reason to fail.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        205,
        "power-limit",
        each_gpu(_power),
        title="each GPU's power limit is at least its default",
        about="Fails when somebody lowered it. Undetermined where the driver does not say, as on"
        " many laptops.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        206,
        "memory-sound",
        each_gpu(_errors),
        title="the GPUs' memory had no error that could not be corrected",
        about="Fails as an error for uncorrected errors since the driver was loaded and for bad"
        " memory that could not be put out of use; as a warning while a reset is due. Skipped for"
        " cards without error correction.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        207,
        "temperature",
        each_gpu(_temperature),
        title="each GPU is at least 5 °C below the temperature at which it slows down",
        about="Fails when it is hotter. Undetermined when the driver tells neither.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        208,
        "shared-memory-available",
        _shared,
        title="a GPU that shares the system's memory has half of its part available",
        about="Fails when other programs hold the rest. Skipped for cards with memory of their"
        " own.",
        severity=Severity.WARNING,
    ),
)
