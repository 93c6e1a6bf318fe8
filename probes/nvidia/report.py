"""What NVML said about all cards, joined with what the bus and the environment say of the same.

Holds the joint: a card is listed once, one that NVML is silent about is listed all the same, and
what CUDA programs do not see is marked. Imported only where NVML's library opened.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probes.accelerator import Accelerator, AcceleratorState
from probes.finding import Finding, Severity
from probes.hypervisor import is_wsl
from probes.nvidia.bus import PROBE, bus_gpus, is_container, not_driven_finding, without
from probes.nvidia.gpu import Gpu, lost_gpu
from probes.nvidia.nvml import Nvml, load_binding
from probes.nvidia.nvml_errors import NvmlError, error_finding
from probes.nvidia.survey import Survey, survey_gpus
from probes.nvidia.tegra import power_mode_finding, tegra_gpu
from probes.nvidia.visible import with_visibility

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ctypes import CDLL

    from probes.ask import Asker
    from probes.pci import PciDisplay

Result = tuple[tuple[Accelerator, ...], tuple[Finding, ...]]


def report(
    library: CDLL, asker: Asker, on_bus: Sequence[PciDisplay], *, timeout_s: float
) -> Result:
    """Every GPU of the machine, and what is the matter with it.

    Args:
        library: NVML's, opened.
        asker: Answers questions about the machine.
        on_bus: NVIDIA's display devices there.
        timeout_s: How long a driver that hangs may hold up the answer. [s]
    """
    binding = load_binding()
    if isinstance(binding, Finding):
        return bus_gpus(on_bus, AcceleratorState.NO_DRIVER), (binding,)
    survey = survey_gpus(Nvml(binding, library), asker, timeout_s=timeout_s)
    if survey.error is not None:
        return _refused(asker, on_bus, survey.error)
    if not survey.is_finished:
        return _unfinished(asker, on_bus, survey, timeout_s)
    return _complete(asker, on_bus, survey)


def _refused(asker: Asker, on_bus: Sequence[PciDisplay], error: int) -> Result:
    """The library opens, but its driver cannot be asked at all."""
    finding = error_finding(error, "the NVIDIA driver")
    tegra = tegra_gpu(asker)
    if tegra is not None:
        return (tegra,), (power_mode_finding(tegra.name), finding)
    # A library on a machine without the hardware costs its reader nothing. WSL shows no bus.
    is_absent = not on_bus and asker.os == "linux" and not is_wsl(asker)
    if is_absent and error == NvmlError.DRIVER_NOT_LOADED:
        finding = replace(finding, severity=Severity.NOTE)
    return bus_gpus(on_bus, AcceleratorState.NO_DRIVER), (finding,)


def _unfinished(
    asker: Asker, on_bus: Sequence[PciDisplay], survey: Survey, timeout_s: float
) -> Result:
    """The driver hangs. The cards it told about before that are believed."""
    gpus, findings = with_visibility(survey.gpus, asker, all_answer=False)
    told = _flat(gpus)
    silent = bus_gpus(without(on_bus, told), AcceleratorState.LOST) or tuple(
        lost_gpu(index) for index in range(len(survey.gpus), survey.count or 0)
    )
    finding = Finding(
        probe=PROBE,
        code="nvidia-no-answer",
        severity=Severity.ERROR,
        sentence=f"the NVIDIA driver did not answer within {timeout_s:g} s",
        hint="run `nvidia-smi`; if it answers slowly, try again (a sleeping driver takes long to"
        " wake, see `nvidia-smi -pm 1`); if it hangs, reboot",
    )
    return (*told, *silent), (finding, *_own(gpus), *findings)


def _complete(asker: Asker, on_bus: Sequence[PciDisplay], survey: Survey) -> Result:
    is_given = not is_container(asker)
    gpus = _placed(survey.gpus, on_bus) if is_given else survey.gpus
    gpus, findings = with_visibility(gpus, asker, all_answer=all(gpu.answers for gpu in gpus))
    told = _flat(gpus)
    # A lost card without its ids is one of those left over, and nobody knows which.
    left_over = () if any(_is_nameless(gpu) for gpu in gpus) else without(on_bus, told)
    undriven = bus_gpus(left_over, AcceleratorState.NO_DRIVER) if is_given else ()
    tegra = tegra_gpu(asker)
    if tegra is not None:
        findings = (*findings, power_mode_finding(tegra.name))
        told = told or (tegra,)
    if left_over:
        findings = (*findings, not_driven_finding(left_over, asker))
    return (*told, *undriven), (*_own(gpus), *findings)


def _placed(gpus: Sequence[Gpu], on_bus: Sequence[PciDisplay]) -> tuple[Gpu, ...]:
    """Gives a lost card its PCI ids when it is the only one of the bus that is not accounted for.

    The driver that lost it no longer tells them, and the catalog cannot name it without.
    """
    nameless = [gpu for gpu in gpus if _is_nameless(gpu)]
    left_over = without(on_bus, [gpu.whole for gpu in gpus])
    if len(nameless) != 1 or len(left_over) != 1:
        return tuple(gpus)
    return tuple(
        replace(gpu, whole=replace(gpu.whole, pci=left_over[0].identity))
        if gpu is nameless[0]
        else gpu
        for gpu in gpus
    )


def _is_nameless(gpu: Gpu) -> bool:
    return not gpu.answers and gpu.whole.pci is None


def _flat(gpus: Sequence[Gpu]) -> tuple[Accelerator, ...]:
    return tuple(device for gpu in gpus for device in gpu.devices)


def _own(gpus: Sequence[Gpu]) -> tuple[Finding, ...]:
    return tuple(finding for gpu in gpus for finding in gpu.findings)
