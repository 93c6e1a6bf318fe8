"""How long the program takes to answer, and how much memory: `make bench`.

Each command runs ten times as a process of its own, in turn with the others, so that a busy
moment hits all of them alike; the table shows medians. A bare `python -c pass` runs in the same
turns: what it takes is Python's own. The memory's speed is measured before, as it is once after
each start of a machine, and is then read from the cache. It measures and judges nothing: on a busy
machine everything is slow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REQUESTS = 1000
MODELS = ("llama-3.2-1b-instruct", "qwen3-8b", "gpt-oss-20b", "gemma-3-12b-it", "qwen3-30b-a3b")
DEVICES = ("RTX 4090", "RTX 3060 12GB", "M4 Max 128GB", "2x RTX 3090")
QUANTS = ("Q4_K_M", "Q8_0", "Q6_K", "IQ4_XS", "Q5_K_M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One command, and what it should take at most."""

    name: str
    words: tuple[str, ...]
    stdin: bytes = b""
    target_s: float | None = None
    target_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run took."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def tasks() -> tuple[Task, ...]:
    """The commands, Python itself first."""
    advisor = str(Path(sys.executable).with_name("advisor"))
    return (
        Task(name="python -c pass", words=(sys.executable, "-c", "pass")),
        Task(name="advisor --help", words=(advisor, "--help"), target_s=0.15),
        Task(name="advisor scan", words=(advisor, "scan"), target_s=0.35, target_mb=45),
        Task(name="advisor scan --json", words=(advisor, "scan", "--json"), target_s=0.35),
        Task(name="advisor check", words=(advisor, "check"), target_s=0.5, target_mb=45),
        Task(
            name="advisor check, model on a T4",
            words=(
                *(advisor, "check", "--simulate", "github-t4", "--model", "qwen3-8b"),
                *("--quant", "Q4_K_M", "--min-decode", "20", "--gpu", "T4"),
            ),
            target_s=0.5,
            target_mb=45,
        ),
        Task(
            name="advisor scan, RTX 4090",
            words=(advisor, "scan", "--device", "RTX 4090"),
            target_s=0.35,
        ),
        Task(name="advisor show", words=(advisor, "show", "llama-3.2-1b-instruct")),
        Task(name="advisor devices", words=(advisor, "devices", "llama-3.2-1b-instruct")),
        Task(
            name=f"advisor estimate -, {REQUESTS:,} requests",
            words=(advisor, "estimate", "-"),
            stdin=requests(),
            target_s=1.0,
        ),
    )


def requests() -> bytes:
    """Requests for five models in five quants on four machines, each with a context of its own."""
    lines = [
        json.dumps(
            {
                "model": MODELS[number % len(MODELS)],
                "quant": QUANTS[number // 5 % len(QUANTS)],
                "device": DEVICES[number % len(DEVICES)],
                "context": 2048 + 8 * (number % 50),
            }
        )
        for number in range(REQUESTS)
    ]
    return "\n".join(lines).encode()


def measure(task: Task, environ: dict[str, str]) -> Run:
    """Run a command once."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        task.words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environ
    )
    assert process.stdin is not None
    process.stdin.write(task.stdin)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        sys.exit(f"`{task.name}` ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall_s=wall, cpu_s=cpu, peak_bytes=_bytes(usage))


def table(measured: Sequence[tuple[Task, Sequence[Run]]]) -> str:
    """The medians, with the targets beside them."""
    # A process counts from its fork on, so none can be seen to take less than this one does.
    own = _bytes(resource.getrusage(resource.RUSAGE_SELF))
    lines = [
        f"{'':36}{'wall s':>8}{'least':>8}{'target':>8}{'CPU s':>8}{'peak MB':>9}{'target':>8}"
    ]
    for task, runs in measured:
        wall = [run.wall_s for run in runs]
        lines.append(
            f"{task.name:36}{median(wall):8.3f}{min(wall):8.3f}{_target(task.target_s):>8}"
            f"{median(run.cpu_s for run in runs):8.3f}"
            f"{_peak(median(run.peak_bytes for run in runs), own):>9}{_target(task.target_mb):>8}"
        )
    return "\n".join(lines)


def _peak(peak_bytes: float, own_bytes: int) -> str:
    if peak_bytes <= own_bytes:
        return f"<= {own_bytes / 1e6:.0f}"
    return f"{peak_bytes / 1e6:.1f}"


def _bytes(usage: resource.struct_rusage) -> int:
    """The peak of the resident memory, which Linux counts in KiB and macOS in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _target(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure start-up time and memory.")
    parser.add_argument("--rounds", type=int, default=10, help="runs of each command")
    rounds = parser.parse_args().rounds
    hindering = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONDEVMODE", "PYTHONWARNINGS")
    environ = {name: value for name, value in os.environ.items() if name not in hindering}
    all_tasks = tasks()
    for task in all_tasks:
        measure(task, environ)  # once for bytecode, the bandwidth and the system's caches
    runs: dict[str, list[Run]] = {task.name: [] for task in all_tasks}
    for _ in range(rounds):
        for task in all_tasks:
            runs[task.name].append(measure(task, environ))
    print(
        f"Medians of {rounds} runs, Python {sys.version.partition(' ')[0]}, {os.cpu_count()} CPUs"
    )
    print(table([(task, runs[task.name]) for task in all_tasks]))


if __name__ == "__main__":
    main()
