"""What was detected and how, for a bug report: nothing in it says who or where anybody is."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.target import target_of_machine

if TYPE_CHECKING:
    from advisor.target import Target
    from probes.machine import Machine

PACKAGES = ("click", "psutil", "nvidia-ml-py", "py-cpuinfo", "huggingface-hub")
"""What the program stands on; their versions explain much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The program, what it stands on, and what it saw."""

    version: str
    catalog_checked: str
    """The newest day on which a row of the catalog was checked."""

    python: str
    packages: tuple[tuple[str, str | None], ...]
    """Each with its version; ``None`` for one that is not installed."""

    hub_cache: str
    """Where downloads go, with the home directory written as `~`."""

    hub_cache_free_bytes: int | None
    machine: Machine
    """Without what identifies it or its user."""

    target: Target


def diagnose(machine: Machine) -> Diagnosis:
    """Everything a bug report needs to say."""
    from importlib.metadata import version

    from catalog.age import last_checked
    from probes.record import shareable

    cache = _hub_cache()
    return Diagnosis(
        version=version("gguf-advisor"),
        catalog_checked=last_checked(),
        python=f"{sys.implementation.name} {sys.version.partition(' ')[0]}",
        packages=tuple((name, _version(name)) for name in PACKAGES),
        hub_cache=_without_home(cache),
        hub_cache_free_bytes=_free_bytes(cache),
        machine=shareable(machine),
        target=target_of_machine(machine),
    )


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _hub_cache() -> Path:
    """The Hub's own answer, so that its variables (`HF_HOME`, `HF_HUB_CACHE`) hold."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _without_home(path: Path) -> str:
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def _free_bytes(path: Path) -> int | None:
    """Free space where the folder is, or would be made."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None
