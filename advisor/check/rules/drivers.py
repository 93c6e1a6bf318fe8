"""ADV101 to ADV111: whether the GPUs of the machine can be used at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from advisor.check.outcome import Found, Status
from advisor.check.rule import machine_rule
from advisor.check.rules.findings import MACHINE, failed, found_nothing, is_hit, skipped
from advisor.check.words import counted, gpu_labels, listed
from probes.accelerator import AcceleratorState, ComputeMode
from probes.finding import Severity

if TYPE_CHECKING:
    from advisor.check.case import Case
    from probes.accelerator import Accelerator

NO_DRIVER = frozenset(
    {
        "nvidia-no-driver",
        "nvidia-not-driven",
        "nvidia-library-not-found",
        "nvidia-gpu-not-found",
        "amd-no-driver",
        "intel-no-driver",
        "windows-no-driver",
    }
)
NOT_LOADED = frozenset({"nvidia-driver-not-loaded"})
MISMATCHED = frozenset(
    {"nvidia-driver-mismatch", "nvidia-version-mismatch", "nvidia-driver-too-old"}
)
SILENT = frozenset(
    {
        "nvidia-no-answer",
        "nvidia-timeout",
        "nvidia-unknown-error",
        "nvidia-not-ready",
        "nvidia-invalid-state",
        "nvidia-error",
        "nvidia-no-memory",
        "nvidia-no-resources",
        "nvidia-not-supported",
    }
)
FORBIDDEN = frozenset(
    {
        "nvidia-no-permission",
        "nvidia-not-in-container",
        "nvidia-blocked",
        "amd-no-device-node",
        "intel-no-device-node",
    }
)
LOST = frozenset(
    {
        "nvidia-gpu-lost",
        "nvidia-reset-required",
        "nvidia-no-power",
        "nvidia-irq-issue",
        "nvidia-corrupted-inforom",
        "nvidia-in-use",
    }
)
BINDING = frozenset({"nvidia-binding-missing", "nvidia-binding-shadowed"})
MASKED = frozenset(
    {"nvidia-visible-ambiguous", "nvidia-visible-invalid", "nvidia-visible-repeated"}
)
MIG_EMPTY = frozenset({"nvidia-mig-empty"})

CLAIMED = NO_DRIVER | NOT_LOADED | MISMATCHED | SILENT | FORBIDDEN | LOST | BINDING | MASKED
CLAIMED |= MIG_EMPTY

GPU_PROBES = frozenset({"nvidia", "amd", "intel", "apple", "windows"})


def _visible(case: Case) -> Iterator[Found]:
    """What `CUDA_VISIBLE_DEVICES` and its like hide."""
    hits = [one for one in case.machine.findings if is_hit(one, MASKED)]
    yield from (failed(one) for one in hits)
    if hits:
        return
    seen = case.machine.accelerators
    hidden = [one for one in seen if one.state is AcceleratorState.HIDDEN]
    usable = [one for one in seen if one.state is AcceleratorState.READY]
    if hidden and not usable:
        yield Found(
            status=Status.FAIL,
            subject=MACHINE,
            sentence=f"the environment hides {listed(gpu_labels(hidden))} from programs, and no"
            " other GPU is left",
            hint="unset `CUDA_VISIBLE_DEVICES`, or name the GPUs that the job is to use",
        )
    elif not usable or case.is_stateless:
        why = "there is no GPU that the environment could hide"
        yield skipped("the machine is only described" if case.is_stateless else why)
    else:
        part = f"; {counted(len(hidden), 'other')} hidden" if hidden else ""
        yield Found(
            status=Status.PASS,
            subject=MACHINE,
            sentence=f"programs see {counted(len(usable), 'GPU')}{part}",
        )


def _compute_mode(case: Case) -> Iterator[Found]:
    """Whether a program may compute, GPU by GPU."""
    gpus = [one for one in case.ready if one.vendor == "nvidia"]
    if case.is_stateless or not gpus:
        yield skipped("there is no NVIDIA GPU whose compute mode could be asked")
        return
    for label, gpu in zip(gpu_labels(gpus), gpus, strict=True):
        yield _mode_of(gpu, label)


def _mode_of(gpu: Accelerator, label: str) -> Found:
    mode = None if gpu.condition is None else gpu.condition.compute_mode
    if mode is None:
        return Found(
            status=Status.UNDETERMINED,
            subject=label,
            sentence=f"the driver does not say who may compute on {label}",
        )
    hint = "set it with `sudo nvidia-smi -c DEFAULT`"
    if mode is ComputeMode.PROHIBITED:
        sentence = f"the compute mode of {label} forbids every program to compute on it"
    elif mode is ComputeMode.EXCLUSIVE and gpu.holders:
        names = listed(f"`{one.name}`" if one.name else "a process" for one in gpu.holders)
        sentence = f"the compute mode of {label} admits one program, and {names} is there"
    else:
        said = f"the compute mode of {label} admits this program ({mode})"
        return Found(status=Status.PASS, subject=label, sentence=said)
    return Found(
        status=Status.FAIL, subject=label, sentence=sentence, hint=hint, severity=Severity.ERROR
    )


def _probes(case: Case) -> Iterator[Found]:
    """Whatever the probes object to that is no other rule's."""
    hits = [
        one
        for one in case.machine.findings
        if one.severity is not Severity.NOTE
        and one.code not in CLAIMED
        and (one.probe in GPU_PROBES or one.code.endswith("-failed"))
    ]
    yield from (failed(one) for one in hits)
    if case.is_stateless:
        yield skipped("the machine is only described, so no probe was asked")
    elif not hits:
        yield Found(status=Status.PASS, subject=MACHINE, sentence="every probe answered")


def _known(_: Case) -> Iterator[Found]:
    """Whoever can be asked is known; `run` tells what happens to others."""
    yield Found(
        status=Status.PASS, subject=MACHINE, sentence="the size of the system's memory is known"
    )


RULES = (
    machine_rule(
        101,
        "gpu-driven",
        found_nothing(NO_DRIVER, holds="a driver answers for every GPU on the bus"),
        title="every GPU on the bus has its driver",
        about="Fails when the PCI bus has a GPU that no driver speaks for.",
    ),
    machine_rule(
        102,
        "driver-loaded",
        found_nothing(NOT_LOADED, holds="the NVIDIA driver is loaded", vendor="nvidia"),
        title="the NVIDIA driver's kernel module is loaded",
        about="Fails when NVIDIA's library is there, but its kernel module is not.",
    ),
    machine_rule(
        103,
        "driver-matched",
        found_nothing(
            MISMATCHED,
            holds="the NVIDIA driver and its library are of one version",
            vendor="nvidia",
        ),
        title="the NVIDIA driver, its library and its kernel module are of one version",
        about="Fails after an update without a reboot, and where the driver is too old to be"
        " asked.",
    ),
    machine_rule(
        104,
        "driver-answers",
        found_nothing(SILENT, holds="the NVIDIA driver answers", vendor="nvidia"),
        title="the NVIDIA driver answers in time",
        about="Fails when a call hangs for 3 s, or is answered with an error that names no cause.",
    ),
    machine_rule(
        105,
        "gpu-permitted",
        found_nothing(FORBIDDEN, holds="the GPUs may be opened"),
        title="this user, in this container, may open the GPUs",
        about="Fails when device nodes are closed or were not given to the container.",
    ),
    machine_rule(
        106,
        "gpu-sound",
        found_nothing(LOST, holds="every NVIDIA GPU that is counted answers", vendor="nvidia"),
        title="no GPU is lost or needs a reset",
        about="Fails when a card fell off the bus, has no power, loses interrupts or needs a"
        " reset.",
    ),
    machine_rule(
        107,
        "gpu-visible",
        _visible,
        title="the environment leaves a GPU for programs to see",
        about="Fails when `CUDA_VISIBLE_DEVICES` hides every GPU, or says what CUDA does not take.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        108,
        "mig-usable",
        found_nothing(
            MIG_EMPTY, holds="no GPU is in MIG mode without an instance", vendor="nvidia"
        ),
        title="a GPU in MIG mode has an instance",
        about="Fails when a card is in MIG mode and nobody made an instance, so that no program"
        " can use it.",
    ),
    machine_rule(
        109,
        "compute-admitted",
        _compute_mode,
        title="the compute mode of every NVIDIA GPU admits this program",
        about="Fails as an error when the mode is `Prohibited`, or `Exclusive` while another"
        " program computes. Undetermined when the driver does not say.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        110,
        "binding-sound",
        found_nothing(
            BINDING, holds="the module `pynvml` is that of `nvidia-ml-py`", vendor="nvidia"
        ),
        title="the Python module that asks NVIDIA's driver is the right one",
        about="Fails when `nvidia-ml-py` is missing, or an older package stands in its place.",
    ),
    machine_rule(
        111,
        "probes-sound",
        _probes,
        title="every probe answered with what can be",
        about="Fails when a probe broke, or a driver said what no hardware is.",
        severity=Severity.WARNING,
    ),
    machine_rule(
        112,
        "machine-known",
        _known,
        title="the machine says how much memory it has",
        about="Undetermined when it does not; no other rule is asked then.",
    ),
)
