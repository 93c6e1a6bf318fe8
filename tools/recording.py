"""Recorded machines in their packed form, and how they answer again.

`tests/machines/README.md` describes the folder of a recording and the forms of an entry in its
`root.txt`. A packed file keeps PCI addresses, whose colons some file systems forbid, out of the
names of files, and shows a machine on a few pages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from probes.ask import Asker
from probes.detect import Measure, detect
from probes.record import shareable

if TYPE_CHECKING:
    from probes.machine import Machine

FAKE_NVML_SOURCE = Path(__file__).parents[1] / "tests/probes/fake_nvml/fake_nvml.c"

INDENT = "    "
COMMANDS = "/commands/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The answers of one machine."""

    os: str
    environ: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Text by absolute path; the output of a command under `/commands/`."""

    links: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> Recording:
    """A recording from `root.txt`.

    Raises:
        ValueError: A line is none of the forms.
    """
    found = Recording(os="linux")
    lines = text.splitlines()
    while lines:
        line = lines.pop(0)
        if not line or line.startswith("# "):
            continue
        block = []
        while lines and (lines[0].startswith(INDENT) or not lines[0]):
            block.append(lines.pop(0).removeprefix(INDENT))
        found = _with_entry(found, line, "\n".join(block).strip("\n"))
    return found


def _with_entry(found: Recording, line: str, block: str) -> Recording:
    if line.startswith("/") and " -> " in line:
        path, _, target = line.partition(" -> ")
        found.links[path] = target
        return found
    name, is_short, value = line.partition(" =")
    name, value = (name, value.strip()) if is_short else (line.removesuffix(":"), block)
    if name == "os":
        return replace(found, os=value)
    if name.startswith("environ "):
        found.environ[name.removeprefix("environ ")] = value
    elif name.startswith("$ "):
        found.files[COMMANDS + name.removeprefix("$ ")] = value
    elif name.startswith("/"):
        found.files[name] = value.replace("\\0", "\0")
    else:
        msg = f"`{line}` is no entry of a recording"
        raise ValueError(msg)
    return found


def packed(recording: Recording) -> str:
    """The text of `root.txt` for a recording."""
    entries = [f"os = {recording.os}"]
    entries += [f"environ {name} = {value}" for name, value in sorted(recording.environ.items())]
    entries += [f"{path} -> {target}" for path, target in sorted(recording.links.items())]
    for path, text in sorted(recording.files.items()):
        name = f"$ {path.removeprefix(COMMANDS)}" if path.startswith(COMMANDS) else path
        lines = text.replace("\0", "\\0").splitlines()
        if len(lines) < 2:
            entries.append(f"{name} = {''.join(lines)}".rstrip())
        else:
            entries.append("\n".join([f"{name}:", *((INDENT + each).rstrip() for each in lines)]))
    return "\n".join(entries) + "\n"


def unpack(
    recording: Recording,
    root: Path,
    *,
    nvml: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Asker:
    """Write the file tree, and return who answers from it.

    Args:
        recording: The machine's answers.
        root: An empty directory.
        nvml: The library that answers for its NVIDIA driver.
        environ: Variables instead of the recorded ones.
    """
    for path, target in recording.links.items():
        link = root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        (link.parent / target).resolve().mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    for path, text in recording.files.items():
        file = root / _place(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    said = recording.environ if environ is None else environ
    return Asker(root=root, environ=said, os=recording.os, nvml=None if nvml is None else str(nvml))


def _place(path: str) -> str:
    """Where an `Asker` looks for a file, or for what stands for a command's output."""
    command = path.removeprefix(COMMANDS)
    return path.lstrip("/") if command == path else f"commands/{command.replace('/', '_')}"


def build_fake_nvml(directory: Path) -> Path | None:
    """The library that tells what the file named by `FAKE_NVML` says; ``None`` without a compiler.

    Returns:
        Its path, in the directory.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = directory / "libnvidia-ml.so.1"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(library), str(FAKE_NVML_SOURCE)], check=True
    )
    return library


def replayed(
    folder: Path,
    root: Path,
    *,
    library: Path | None,
    environ: Mapping[str, str] | None = None,
) -> Machine:
    """What the probes make of a recording, in the form that may be shared.

    Args:
        folder: The recording.
        root: An empty directory for its file tree.
        library: The fake NVML, for machines that have an `nvml.txt`.
        environ: Variables instead of the recorded ones.
    """
    case = folder / "nvml.txt"
    os.environ["FAKE_NVML"] = str(case)
    recording = parse((folder / "root.txt").read_text(encoding="utf-8"))
    nvml = library if case.exists() else None
    asker = unpack(recording, root, nvml=nvml, environ=environ)
    return shareable(detect(asker, measure=Measure.SKIP))
