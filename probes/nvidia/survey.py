"""All GPUs that NVML counts, asked within a limit of time.

A driver that hangs blocks the thread that asked it, and nothing can end that thread. So the
questions are asked in a daemon thread, which neither holds the answer up nor the program's end,
and what it had learned by then is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.nvidia.gpu import Gpu, ask_gpu

if TYPE_CHECKING:
    from probes.ask import Asker
    from probes.nvidia.nvml import Nvml


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the driver had said when the time was up, or when it had said everything."""

    gpus: tuple[Gpu, ...]
    """Those asked to the end, from index 0."""

    count: int | None
    """How many the driver counts; ``None`` when it did not get that far."""

    error: int | None
    """Why it could not be asked at all."""

    is_finished: bool


@dataclass(slots=True, kw_only=True)
class _Notes:
    """Filled in by the thread while the program waits."""

    gpus: list[Gpu] = field(default_factory=list)
    count: int | None = None
    error: int | None = None
    failure: BaseException | None = None


def survey_gpus(nvml: Nvml, asker: Asker, *, timeout_s: float) -> Survey:
    """Asks every GPU in turn, and stops waiting after `timeout_s`."""
    import threading

    notes = _Notes()

    def ask() -> None:
        try:
            _ask_all(nvml, asker, notes)
        except BaseException as failure:  # noqa: BLE001 - raised below, in the program's thread
            notes.failure = failure

    thread = threading.Thread(target=ask, name="nvml", daemon=True)
    thread.start()
    thread.join(timeout_s)
    is_finished = not thread.is_alive()
    if notes.failure is not None:
        raise notes.failure
    return Survey(
        gpus=tuple(notes.gpus), count=notes.count, error=notes.error, is_finished=is_finished
    )


def _ask_all(nvml: Nvml, asker: Asker, notes: _Notes) -> None:
    """An open NVML keeps a laptop's second GPU awake, so it is always closed."""
    notes.error = nvml.ask("nvmlInit").error
    if notes.error is not None:
        return
    try:
        counted = nvml.ask("nvmlDeviceGetCount")
        notes.error = counted.error
        notes.count = counted.value
        driver = nvml.text("nvmlSystemGetDriverVersion")
        for index in range(counted.value or 0):
            notes.gpus.append(ask_gpu(nvml, index, asker, driver))
    finally:
        nvml.ask("nvmlShutdown")
