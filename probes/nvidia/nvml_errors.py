"""What NVIDIA's management library (NVML) means by each of its errors, as data.

Holds the numbers, and one sentence with a next step for each. Never holds a call: which error
came from where is known to whoever asked.

Source: `nvmlReturn_t` in NVIDIA's NVML API reference (https://docs.nvidia.com/deploy/nvml-api/)
and nvidia-ml-py 13.615.71; next steps from the threads named beside them. Checked 2026-11-23.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from probes.finding import Finding, Severity
from probes.nvidia.bus import PROBE


class NvmlError(IntEnum):
    """The errors that this program tells apart."""

    INVALID_ARGUMENT = 2
    NOT_SUPPORTED = 3
    NO_PERMISSION = 4
    NOT_FOUND = 6
    INSUFFICIENT_POWER = 8
    DRIVER_NOT_LOADED = 9
    TIMEOUT = 10
    IRQ_ISSUE = 11
    LIBRARY_NOT_FOUND = 12
    FUNCTION_NOT_FOUND = 13
    CORRUPTED_INFOROM = 14
    GPU_IS_LOST = 15
    RESET_REQUIRED = 16
    OPERATING_SYSTEM = 17
    LIB_RM_VERSION_MISMATCH = 18
    IN_USE = 19
    MEMORY = 20
    INSUFFICIENT_RESOURCES = 23
    ARGUMENT_VERSION_MISMATCH = 25
    NOT_READY = 27
    GPU_NOT_FOUND = 28
    INVALID_STATE = 29
    UNKNOWN = 999


UNUSABLE = frozenset(
    {
        NvmlError.INSUFFICIENT_POWER,
        NvmlError.IRQ_ISSUE,
        NvmlError.GPU_IS_LOST,
        NvmlError.RESET_REQUIRED,
    }
)
"""Errors after which a card that was counted cannot be used, whatever was asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One error, put into words."""

    code: str
    """The finding's stable name."""

    predicate: str
    """What is the matter, to follow the name of the card or driver it concerns."""

    hint: str


MEANINGS: dict[int, Meaning] = {
    NvmlError.NOT_SUPPORTED: Meaning(
        code="nvidia-not-supported",
        predicate="does not support this query",
        hint="update the NVIDIA driver",
    ),
    NvmlError.NO_PERMISSION: Meaning(
        code="nvidia-no-permission",
        predicate="is closed to this user",
        hint="check the permissions of `/dev/nvidia*`, or those the container was given",
    ),
    NvmlError.INSUFFICIENT_POWER: Meaning(
        code="nvidia-no-power",
        predicate="gets no power through its power cables",
        hint="switch the machine off and attach the card's power cables",
    ),
    # A distribution's stub answers so under WSL: ollama/ollama#1888.
    NvmlError.DRIVER_NOT_LOADED: Meaning(
        code="nvidia-driver-not-loaded",
        predicate="is not loaded",
        hint="load it with `sudo modprobe nvidia`; if that fails, install the driver again",
    ),
    NvmlError.TIMEOUT: Meaning(
        code="nvidia-timeout",
        predicate="took too long to answer",
        hint="try again; if it stays so, reboot",
    ),
    NvmlError.IRQ_ISSUE: Meaning(
        code="nvidia-irq-issue",
        predicate="raises interrupts that the kernel does not receive",
        hint="look for `NVRM` in the kernel log (`sudo dmesg`), and reboot",
    ),
    NvmlError.LIBRARY_NOT_FOUND: Meaning(
        code="nvidia-library-not-found",
        predicate="lacks its library NVML",
        hint="install the NVIDIA driver; in a container, start it with `--gpus all`",
    ),
    NvmlError.FUNCTION_NOT_FOUND: Meaning(
        code="nvidia-driver-too-old",
        predicate="is too old for this program",
        hint="update the NVIDIA driver",
    ),
    NvmlError.CORRUPTED_INFOROM: Meaning(
        code="nvidia-corrupted-inforom",
        predicate="has corrupt data in its configuration memory (infoROM)",
        hint="try `nvidia-smi --gpu-reset`; if it stays so, have the card serviced",
    ),
    NvmlError.GPU_IS_LOST: Meaning(
        code="nvidia-gpu-lost",
        predicate="has fallen off the bus",
        hint="reboot; if it happens again, check the card's seat, riser, power and cooling",
    ),
    NvmlError.RESET_REQUIRED: Meaning(
        code="nvidia-reset-required",
        predicate="needs a reset before it works again",
        hint="run `sudo nvidia-smi --gpu-reset`, or reboot",
    ),
    NvmlError.OPERATING_SYSTEM: Meaning(
        code="nvidia-blocked",
        predicate="is blocked by the operating system or a control group",
        hint="check the device permissions of this container or service",
    ),
    # Told as an answer of nothing by others: ollama/ollama#15918, wookayin/gpustat#147.
    NvmlError.LIB_RM_VERSION_MISMATCH: Meaning(
        code="nvidia-driver-mismatch",
        predicate="was updated, but the kernel still runs its old version",
        hint="reboot, or reload the `nvidia` kernel modules",
    ),
    NvmlError.IN_USE: Meaning(
        code="nvidia-in-use",
        predicate="is held by another program alone",
        hint="end the program that `nvidia-smi` names",
    ),
    NvmlError.MEMORY: Meaning(
        code="nvidia-no-memory",
        predicate="could not get the memory it needs to answer",
        hint="free memory and try again",
    ),
    NvmlError.INSUFFICIENT_RESOURCES: Meaning(
        code="nvidia-no-resources",
        predicate="has run out of a resource it needs to answer",
        hint="end programs that use the GPU, and try again",
    ),
    NvmlError.ARGUMENT_VERSION_MISMATCH: Meaning(
        code="nvidia-version-mismatch",
        predicate="speaks another version of NVML than `nvidia-ml-py`",
        hint="update the NVIDIA driver and `nvidia-ml-py`",
    ),
    NvmlError.NOT_READY: Meaning(
        code="nvidia-not-ready",
        predicate="is not ready yet",
        hint="try again in a minute",
    ),
    NvmlError.GPU_NOT_FOUND: Meaning(
        code="nvidia-gpu-not-found",
        predicate="finds no GPU",
        hint="check `nvidia-smi`, and `NVIDIA_VISIBLE_DEVICES` in a container",
    ),
    NvmlError.INVALID_STATE: Meaning(
        code="nvidia-invalid-state",
        predicate="is in a state that allows no queries",
        hint="try again; if it stays so, reboot",
    ),
    # A container that lost its devices after `systemctl daemon-reload`: NVIDIA/nvidia-docker#1671.
    NvmlError.UNKNOWN: Meaning(
        code="nvidia-unknown-error",
        predicate="answers `Unknown Error`, as in a container that lost its devices",
        hint="restart the container; after a suspend, reload the `nvidia_uvm` module or reboot",
    ),
}


def error_finding(error: int, subject: str) -> Finding:
    """The finding for an error of NVML.

    Args:
        error: A number of `nvmlReturn_t`.
        subject: What it concerns, such as `the NVIDIA driver` or `NVIDIA GPU 1`.
    """
    meaning = MEANINGS.get(error)
    if meaning is None:
        return Finding(
            probe=PROBE,
            code="nvidia-error",
            severity=Severity.ERROR,
            sentence=f"{subject} answers with NVML error {error}",
            hint="check what `nvidia-smi` says",
        )
    return Finding(
        probe=PROBE,
        code=meaning.code,
        severity=Severity.ERROR,
        sentence=f"{subject} {meaning.predicate}",
        hint=meaning.hint,
    )
