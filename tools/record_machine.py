"""Records a machine for the tests, and replays recordings.

A recording is a folder of `tests/machines`; its README says what lies in it. Run on the machine
that is to be recorded, and again after the probes changed::

    python tools/record_machine.py tests/machines/my-machine
    python tools/record_machine.py --refresh tests/machines/*

Holds what is written of a machine, and what is not: serial and unique numbers, mounts, names of
people. What the files look like is the business of `recording.py`.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from record_nvml import nvml_lines
from recording import COMMANDS, Recording, build_fake_nvml, packed, replayed

from probes.amd.probe import MASKS
from probes.ask import Asker
from probes.detect import Measure, detect
from probes.record import read, shareable, write

if TYPE_CHECKING:
    from probes.machine import Machine, ReadBandwidth

_TELLING = {
    "/proc/self/mountinfo": re.compile(r" / / | - cgroup2? |lxcfs"),
    "/proc/self/status": re.compile(r"Cpus_allowed_list:"),
    "/run/udev/data/+dmi:id": re.compile(
        r"E:MEMORY_(ARRAY|DEVICE_\d+_(SIZE|PRESENT|TYPE|CONFIGURED_SPEED_MTS))"
    ),
}
"""The lines of a file that are kept, where most of it is nobody's business."""

_FIRST_ONLY = re.compile(r"(?!processor|model name|physical id|core id|CPU implementer|CPU part)")
"""What processors after the first need not repeat."""

_UNIQUE = "/proc/sys/kernel/random/"

_PRIVATE = (
    (re.compile(r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "hidden"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "hidden"),
    (re.compile(r"(/home/|/Users/)[^/\s]+"), r"\1hidden"),
)

VARIABLES = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", *MASKS, "container")
"""What the probes ask of the environment and everybody may know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder(Asker):
    """Answers as the live machine does, and remembers what it said."""

    said: Recording

    def text(self, path: str) -> str | None:
        """The file's content, remembered."""
        answer = Asker.text(self, path)
        if answer is not None and not path.startswith(_UNIQUE):
            self.said.files[path] = answer
        return answer

    def names(self, directory: str) -> tuple[str, ...]:
        """The names in a directory; those of device nodes are remembered as empty files."""
        answer = Asker.names(self, directory)
        if directory.endswith("/drm"):
            self.said.files.update({f"{directory}/{name}": "" for name in answer})
        return answer

    def exists(self, path: str) -> bool:
        """Whether it is there, remembered as an empty file."""
        answer = Asker.exists(self, path)
        if answer:
            self.said.files.setdefault(path, "")
        return answer

    def link_target(self, path: str) -> str | None:
        """What a link says, remembered."""
        answer = Asker.link_target(self, path)
        if answer is not None:
            self.said.links[path] = answer
        return answer

    def command(self, arguments: Sequence[str], *, timeout_s: float = 3.0) -> str | None:
        """The command's output, remembered."""
        answer = Asker.command(self, arguments, timeout_s=timeout_s)
        if answer is not None and arguments[0] != sys.executable:
            self.said.files[COMMANDS + " ".join(arguments)] = answer.strip("\n")
        return answer


def without_private(recording: Recording) -> Recording:
    """A recording without what names a machine or a person, and without repetition."""
    files = {_hidden(path): _hidden(_telling(path, text)) for path, text in recording.files.items()}
    links = {path: _hidden(target) for path, target in recording.links.items()}
    return replace(recording, files=files, links=links)


def _telling(path: str, text: str) -> str:
    lines = text.splitlines()
    if path in _TELLING:
        lines = [line for line in lines if _TELLING[path].search(line)]
    if path == "/proc/cpuinfo":
        first, _, others = text.partition("\n\n")
        kept = [line for line in others.splitlines() if not line or not _FIRST_ONLY.match(line)]
        lines = [*first.splitlines(), "", *kept]
    return "\n".join(line for line in lines if not line.lower().startswith("serial"))


def _hidden(text: str) -> str:
    for pattern, instead in _PRIVATE:
        text = pattern.sub(instead, text)
    return text


def record(folder: Path) -> None:
    """Write this machine's `root.txt`, `nvml.txt` and `machine.json` into a folder."""
    live = detect(Asker(), measure=Measure.IF_NEEDED)
    said = Recording(os=Asker().os)
    said.environ.update({name: os.environ[name] for name in VARIABLES if name in os.environ})
    recorder = Recorder(said=said)
    seen = detect(recorder, measure=Measure.SKIP)
    recorder.text("/proc/meminfo")  # psutil reads it without asking
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.txt").write_text(packed(without_private(said)), encoding="utf-8")
    lines = nvml_lines()
    if lines:
        (folder / "nvml.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    again = refresh(folder, live.read_bandwidth)
    if again is not None and _steady(again) != _steady(shareable(seen)):
        print(f"{folder}: its replay says something else than this machine; compare the two")


def _steady(machine: Machine) -> Machine:
    """The machine without what changes from one moment to the next."""
    gpus = (replace(gpu, memory_free_bytes=None, holders=()) for gpu in machine.accelerators)
    return replace(
        machine,
        cpu=replace(machine.cpu, load_average=None),
        memory=replace(machine.memory, available_bytes=0, reclaimable_cache_bytes=None),
        accelerators=tuple(gpus),
        read_bandwidth=None,
        findings=(),
    )


def refresh(folder: Path, measured: ReadBandwidth | None = None) -> Machine | None:
    """Write `machine.json` anew from the recorded answers; a measured bandwidth stays."""
    with tempfile.TemporaryDirectory() as scratch:
        library = build_fake_nvml(Path(scratch))
        if library is None and (folder / "nvml.txt").exists():
            print(f"{folder}: no C compiler, so its NVIDIA driver cannot be replayed")
            return None
        machine = replayed(folder, Path(scratch) / "root", library=library)
    target = folder / "machine.json"
    if measured is None and target.exists():
        measured = read(target).read_bandwidth
    write(target, replace(machine, read_bandwidth=measured))
    return machine


def main() -> None:
    """Record this machine into a folder, or replay the folders after `--refresh`."""
    match sys.argv[1:]:
        case ["--refresh", *folders] if folders:
            for folder in folders:
                refresh(Path(folder))
        case [folder] if not folder.startswith("-"):
            record(Path(folder))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
