"""What this machine's NVIDIA driver says, as a case for the fake library.

Asks the questions that the probes ask, and writes the keys that `tests/probes/fake_nvml` answers
from. Unique numbers become `GPU-0` and `MIG-0-1`; names of programs are not among the answers.
"""

from __future__ import annotations

from probes.ask import Asker
from probes.finding import Finding
from probes.nvidia.library import library_candidates, open_library
from probes.nvidia.nvml import Answer, Nvml, load_binding
from probes.nvidia.nvml_errors import NvmlError

CLOCK_MEMORY = 2

NUMBERS = {
    "bus": "nvmlDeviceGetMemoryBusWidth",
    "virtualization": "nvmlDeviceGetVirtualizationMode",
    "power": "nvmlDeviceGetEnforcedPowerLimit",
    "power.default": "nvmlDeviceGetPowerManagementDefaultLimit",
    "pcie.gen": "nvmlDeviceGetMaxPcieLinkGeneration",
    "pcie.gen.gpu": "nvmlDeviceGetGpuMaxPcieLinkGeneration",
    "pcie.width": "nvmlDeviceGetMaxPcieLinkWidth",
    "pcie.width.now": "nvmlDeviceGetCurrPcieLinkWidth",
    "mig.max": "nvmlDeviceGetMaxMigDeviceCount",
    "pages": "nvmlDeviceGetRetiredPagesPendingStatus",
    "mode": "nvmlDeviceGetComputeMode",
}

FIRST_OF_TWO = {"ecc": "nvmlDeviceGetEccMode", "mig": "nvmlDeviceGetMigMode"}

LISTS = {
    "compute": "nvmlDeviceGetComputeRunningProcesses",
    "graphics": "nvmlDeviceGetGraphicsRunningProcesses",
}


def nvml_lines() -> list[str]:
    """The case's lines; none where there is no NVML."""
    library = open_library(library_candidates(Asker()))
    binding = load_binding()
    if library is None or isinstance(binding, Finding):
        return []
    return lines_of(Nvml(binding, library))


def lines_of(nvml: Nvml) -> list[str]:
    """The case's lines, from an opened library."""
    started = nvml.ask("nvmlInit").error
    if started is not None:
        return [f"init.ret={started}"]
    try:
        count = nvml.number("nvmlDeviceGetCount") or 0
        lines = [f"driver={nvml.text('nvmlSystemGetDriverVersion') or ''}", f"count={count}"]
        for index in range(count):
            lines += _gpu(nvml, index)
        return lines
    finally:
        nvml.ask("nvmlShutdown")


def _gpu(nvml: Nvml, index: int) -> list[str]:
    opened = nvml.ask("nvmlDeviceGetHandleByIndex", index)
    if opened.error is not None:
        return [f"{index}.handle.ret={opened.error}"]
    handle = opened.value
    said = {"uuid": f"GPU-{index}", **_device(nvml, handle), **_pci(nvml, handle)}
    for key, question in NUMBERS.items():
        said |= _number(key, nvml.ask(question, handle))
    said |= _number("clock", nvml.ask("nvmlDeviceGetMaxClockInfo", handle, CLOCK_MEMORY))
    said |= _condition(nvml, handle)
    for key, question in FIRST_OF_TWO.items():
        pair = nvml.numbers(question, handle)
        said |= {key: pair[0]} if pair else {}
    version = nvml.numbers("nvmlDeviceGetCudaComputeCapability", handle)
    said |= {"cc": ".".join(map(str, version))} if version else {}
    lines = [f"{index}.{key}={value}" for key, value in said.items()]
    for number in range(int(said.get("mig.max", 0))):
        lines += _instance(nvml, handle, index, number)
    return lines


def _instance(nvml: Nvml, parent: object, index: int, number: int) -> list[str]:
    opened = nvml.ask("nvmlDeviceGetMigDeviceHandleByIndex", parent, number)
    prefix = f"{index}.mig.{number}"
    if opened.error is not None:
        is_gap = opened.error == NvmlError.NOT_FOUND
        return [] if is_gap else [f"{prefix}.uuid=MIG", f"{prefix}.handle.ret={opened.error}"]
    handle = opened.value
    said = {"uuid": f"MIG-{index}-{number}", **_device(nvml, handle)}
    made_of = nvml.ask("nvmlDeviceGetAttributes", handle).value
    if made_of is not None:
        said["memmib"] = made_of.memorySizeMB
        said["gislices"] = made_of.gpuInstanceSliceCount
        said["sm"] = made_of.multiprocessorCount
    said |= _number("gi", nvml.ask("nvmlDeviceGetGpuInstanceId", handle))
    said |= _number("ci", nvml.ask("nvmlDeviceGetComputeInstanceId", handle))
    return [f"{prefix}.{key}={value}" for key, value in said.items()]


def _device(nvml: Nvml, handle: object) -> dict[str, object]:
    """Name, memory and holders, which cards and instances have alike."""
    name = nvml.text("nvmlDeviceGetName", handle)
    said: dict[str, object] = {"name": name} if name else {}
    said |= _memory(nvml, handle)
    for key, question in LISTS.items():
        for number, entry in enumerate(nvml.ask(question, handle).value or ()):
            held = "-" if entry.usedGpuMemory is None else entry.usedGpuMemory
            said[f"{key}.{number}"] = f"{entry.pid} {held}"
    return said


def _memory(nvml: Nvml, handle: object) -> dict[str, object]:
    answer = nvml.memory(handle)
    if answer.error is not None:
        return {"memory.ret": answer.error}
    said = {"total": answer.value.total, "used": answer.value.used, "free": answer.value.free}
    reserved = getattr(answer.value, "reserved", None)
    if reserved is None:
        return said | {"memory.v2.ret": int(NvmlError.FUNCTION_NOT_FOUND)}
    return said | {"reserved": reserved}


def _condition(nvml: Nvml, handle: object) -> dict[str, object]:
    """What is asked with an argument, or under two names."""
    said = _number("temperature", nvml.ask("nvmlDeviceGetTemperature", handle, 0))
    limit = nvml.ask("nvmlDeviceGetTemperatureThreshold", handle, 1)
    said |= _number("temperature.slowdown", limit)
    said |= _number("errors", nvml.ask("nvmlDeviceGetTotalEccErrors", handle, 1, 0))
    for name in ("Event", "Throttle"):
        answer = nvml.ask(f"nvmlDeviceGetCurrentClocks{name}Reasons", handle)
        said |= _number("reasons", answer) if "reasons" not in said else {}
    rows = nvml.numbers("nvmlDeviceGetRemappedRows", handle)
    return said | ({"rows": 2 if rows[3] else int(rows[2] > 0)} if rows else {})


def _pci(nvml: Nvml, handle: object) -> dict[str, object]:
    info = nvml.ask("nvmlDeviceGetPciInfo", handle).value
    if info is None:
        return {}
    return {
        "pci": str(info.busId)[4:],
        "devid": f"{info.pciDeviceId:#010x}",
        "subid": f"{info.pciSubSystemId:#010x}",
    }


def _number(key: str, answer: Answer) -> dict[str, object]:
    """One answer; nothing for what the card does not have."""
    error, value = answer.error, answer.value
    if error is None:
        return {key: int(value)}
    return {} if error == NvmlError.NOT_SUPPORTED else {f"{key}.ret": error}
