"""Asks the real llama.cpp, which runs in a process of its own (`worker.py`).

Holds the questions, the answers, and how the process is started, restarted and ended; never what
the program predicts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conformance.parameters import Parameters

HERE = Path(__file__).parent
UNKNOWN_ARCHITECTURE = "unknown model architecture"
HOST = "CPU"
REARRANGED = "CPU_REPACK"
REMOTE = "RPC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What the library would reserve on one device. In bytes."""

    weights: int
    cache: int
    scratch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A context that the library would start."""

    devices: tuple[Reserved, ...]
    """In their order; one that gets nothing has zeros."""

    host: Reserved
    rearranged_bytes: int
    """Weights in an order of the processor's own; none of the host's."""

    output_mib: float
    """The buffer that logits are handed over in, to two decimals as the log has it."""

    @property
    def all_host(self) -> Reserved:
        """The host with its rearranged weights, which llama.cpp has nowhere else."""
        return replace(self.host, weights=self.host.weights + self.rearranged_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A file or a context that is not taken."""

    reason: str
    is_death: bool = False
    """True when the library ended its own process instead."""

    @property
    def is_unknown(self) -> bool:
        """True when the library has never heard of the architecture."""
        return UNKNOWN_ARCHITECTURE in self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One file on some devices, and the context to start."""

    path: Path
    gpu_layers: int
    split: tuple[float, ...]
    """A share for each device; empty for the host alone."""

    cpu_moe_layers: int
    may_rearrange: bool
    context: Parameters
    takes_over: bool = False
    """True where devices compute large products of the host's weights, as GPUs do."""


class Library:
    """The process that has the library; a new one when it dies."""

    def __init__(self, folder: Path) -> None:
        self._breakdown, self._gpu = folder / "breakdown.so", folder / "gpu.so"
        build("breakdown.cpp", self._breakdown, "llama")
        build("gpu.cpp", self._gpu, "ggml-base")
        self._complaints = (folder / "complaints.txt").open("w+", encoding="utf-8")
        self._start()

    def _start(self) -> None:
        # Linux's loader lets what comes first answer for the libraries; see `gpu.cpp`.
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), str(self._breakdown), str(self._gpu)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            encoding="utf-8",
            env={**os.environ, "GGML_NO_BACKTRACE": "1", "LD_PRELOAD": str(self._gpu)},
        )
        hello = self._read()
        assert hello is not None, f"the library did not start: {self._last_complaint()}"
        self.device_count: int = hello["devices"]
        self.instruction_sets: tuple[str, ...] = tuple(hello["instruction_sets"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._complaints.close()

    def ask(self, question: Question) -> Started | Refused:
        """What the library says to a question."""
        words = {**asdict(question), "path": str(question.path)}
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if answer is None:
            reason = self._last_complaint()
            self._process.communicate()
            self._start()
            return Refused(reason=reason, is_death=True)
        if "refused" in answer:
            return Refused(reason=answer["refused"])
        return _started(answer, len(question.split))

    def _read(self) -> dict | None:
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def _last_complaint(self) -> str:
        """Its last words, without the folder that it was built in."""
        self._complaints.seek(0)
        lines = self._complaints.read().splitlines() or ["it said nothing"]
        return lines[-1].rpartition("/")[2]


def _started(answer: dict, devices: int) -> Started:
    buffers = answer["buffers"]
    known = {*(f"{REMOTE}{place}" for place in range(devices)), HOST, REARRANGED}
    unknown = [name for name in buffers if name.partition("[")[0] not in known]
    assert not unknown, f"buffers that nobody asked for: {unknown}"
    return Started(
        devices=tuple(_reserved(buffers, f"{REMOTE}{place}") for place in range(devices)),
        host=_reserved(buffers, HOST),
        rearranged_bytes=_reserved(buffers, REARRANGED).weights,
        output_mib=answer["output_mib"],
    )


def _reserved(buffers: dict[str, list[int]], name: str) -> Reserved:
    """What is in the buffers of this name, which an address may follow."""
    sizes = [found for known, found in buffers.items() if known.partition("[")[0] == name]
    weights, cache, scratch = sizes[0] if sizes else (0, 0, 0)
    return Reserved(weights=weights, cache=cache, scratch=scratch)


def build(source: str, target: Path, against: str) -> None:
    """Build a file of C++ that is beside this one, against one of the package's libraries."""
    package = Path(find_spec("llama_cpp").origin).parent
    folder, headers = package / "lib", package.parent / "include"
    library = next(folder.glob(f"lib{against}.[sd]*"))
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    assert compiler, "the conformance tests need a C++ compiler, as building llama.cpp does"
    options = ["-std=c++17", "-fPIC", "-shared", f"-I{headers}", f"-Wl,-rpath,{folder}"]
    words = [compiler, *options, str(HERE / source), "-o", str(target), str(library)]
    subprocess.run(words, check=True)
