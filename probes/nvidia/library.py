"""Where NVIDIA's management library (NVML) lies on each system.

Holds the search only. The binding `nvidia-ml-py` looks in one place, which is not always the
right one, so the library is opened here first; where none opens, nobody imports the binding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.hypervisor import is_wsl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ctypes import CDLL

    from probes.ask import Asker

_LIBRARY = "libnvidia-ml.so.1"

_WSL = f"/usr/lib/wsl/lib/{_LIBRARY}"
"""Windows' own; a distribution's package may put a stub that knows no driver before it."""

_ELSEWHERE = (
    f"/run/opengl-driver/lib/{_LIBRARY}",  # NixOS
    f"/usr/lib/aarch64-linux-gnu/nvidia/{_LIBRARY}",  # Jetson
    _WSL,
)


def library_candidates(asker: Asker) -> tuple[str, ...]:
    """Names under which the library may open, best first."""
    if asker.os == "windows":
        system = asker.environ.get("WINDIR", "C:/Windows")
        programs = asker.environ.get("ProgramFiles", "C:/Program Files")
        return (
            f"{system}/System32/nvml.dll",
            f"{programs}/NVIDIA Corporation/NVSMI/nvml.dll",
        )
    if asker.os != "linux":
        return ()
    return (_WSL, _LIBRARY, *_ELSEWHERE[:2]) if is_wsl(asker) else (_LIBRARY, *_ELSEWHERE)


def open_library(candidates: Iterable[str]) -> CDLL | None:
    """The first library that opens; ``None`` when none does (absent, empty, foreign)."""
    from ctypes import CDLL

    for name in candidates:
        try:
            return CDLL(name)
        except OSError:
            continue
    return None
