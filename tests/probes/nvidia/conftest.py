"""The fake NVML: built with the C compiler, and asked through the real nvidia-ml-py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent
FAKE = HERE.parent / "fake_nvml"
PROJECT = HERE.parents[2]
SLOWEST_S = 20


def _named(answer):
    """The answer with attributes instead of keys."""
    return json.loads(json.dumps(answer), object_hook=lambda keys: SimpleNamespace(**keys))


class FakeNvml:
    """Asks the probe, in programs that find one build of the fake library as users' would."""

    def __init__(self, directory, empty_root):
        self.directory = directory
        self.empty_root = empty_root
        self._program = None

    def ask(self, case, **question):
        """The answer of a program that stays open for further questions."""
        if self._program is None:
            self._program = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=self._environ(),
            )
        self._program.stdin.write(self._line(case, question))
        self._program.stdin.flush()
        return _named(json.loads(self._program.stdout.readline()))

    def ask_once(self, case, variables=None, ends_within_s=SLOWEST_S, **question):
        """The answer of a program that must end by itself, in good order and in time."""
        ended = subprocess.run(
            self._command(),
            input=self._line(case, question),
            capture_output=True,
            text=True,
            check=False,
            timeout=ends_within_s,
            env=self._environ() | (variables or {}),
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return _named(json.loads(ended.stdout))

    def close(self):
        if self._program is not None:
            self._program.communicate(timeout=SLOWEST_S)

    def _command(self):
        return [sys.executable, str(HERE / "ask.py")]

    def _environ(self):
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "LD_LIBRARY_PATH": str(self.directory),
        }

    def _line(self, case, question):
        """`instead` holds lines that count instead of the case's own."""
        path = FAKE / f"{case}.txt"
        if "instead" in question:
            lines = [*question.pop("instead"), path.read_text()]
            path = self.directory / f"{case}_changed.txt"
            path.write_text("\n".join(lines))
        question = {"root": str(self.empty_root), "case": str(path)} | question
        return json.dumps(question, default=str) + "\n"


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Builds the fake library with some definitions."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the fake NVML is a Linux library")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler (cc or gcc), so the fake NVML cannot be built")

    fakes = []

    def built(*definitions):
        directory = tmp_path_factory.mktemp("fake_nvml")
        library = directory / "libnvidia-ml.so.1"
        source = str(FAKE / "fake_nvml.c")
        subprocess.run(
            [compiler, "-shared", "-fPIC", *definitions, "-o", str(library), source], check=True
        )
        fakes.append(FakeNvml(directory, tmp_path_factory.mktemp("empty_root")))
        return fakes[-1]

    yield built
    for fake in fakes:
        fake.close()


@pytest.fixture(scope="session")
def nvml(build):
    """The library of a current driver."""
    return build()


@pytest.fixture(scope="session")
def told(nvml):
    """What the probe says about every case that needs nothing but its file."""
    return {
        path.stem: nvml.ask(path.stem)
        for path in sorted(FAKE.glob("*.txt"))
        if not path.stem.startswith("hang_")
    }


@pytest.fixture
def add_to_bus(tmp_path):
    """Puts a device on the PCI bus of the machine under `tmp_path`."""
    if sys.platform == "win32":
        pytest.skip("PCI addresses hold colons, which Windows forbids in names")

    def add(address, *, vendor="0x10de", device="0x2684", class_code="0x030000", driver=None):
        directory = tmp_path / "sys/bus/pci/devices" / address
        directory.mkdir(parents=True)
        (directory / "vendor").write_text(f"{vendor}\n")
        (directory / "device").write_text(f"{device}\n")
        (directory / "class").write_text(f"{class_code}\n")
        (directory / "subsystem_vendor").write_text("0x1043\n")
        (directory / "subsystem_device").write_text("0x889c\n")
        if driver:
            (directory / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
        return tmp_path

    return add
