"""Times a model with `llama-bench`, the yardstick of llama.cpp itself.

Holds its options and what its JSON means; `child` runs it.

Source: llama.cpp `tools/llama-bench/llama-bench.cpp` (October 2026). `samples_ts` has one speed for
each repetition, the warm-up is its own business. `backends` lists what the build can use, so that
which one was used is taken from the log.
"""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from advisor.measure.child import run_child
from advisor.measure.errors import RuntimeFailedError
from advisor.measure.log import allocated
from advisor.measure.task import Step, Taken

if TYPE_CHECKING:
    from advisor.measure.task import Show, Task

PROGRAM = "llama-bench"

_WARM_UPS = 2
_RUN = re.compile(r"benchmark \d+/\d+: (?P<kind>warmup )?(?P<what>prompt|generation|depth) run")


def find() -> str | None:
    """The program's path; ``None`` where it is not on the PATH."""
    return shutil.which(PROGRAM)


def words(program: str, task: Task) -> list[str]:
    """The command that does a task."""
    said = [
        program,
        *("-m", str(task.path)),
        *("-p", str(task.prompt_tokens), "-n", str(task.answer_tokens)),
        *("-r", str(task.repetitions)),
        *("-ngl", str(task.gpu_layers)),
        *("-fa", "1" if task.flash_attention else "0"),
        *("-o", "json", "--progress", "-v"),
    ]
    if task.depth_tokens:
        said += ["-d", str(task.depth_tokens)]
    if task.n_cpu_moe:
        said += ["-ncmoe", str(task.n_cpu_moe)]
    if task.tensor_split:
        said += ["-ts", "/".join(f"{share:g}" for share in task.tensor_split)]
    if task.threads:
        said += ["-t", str(task.threads)]
    if task.without_gpus:
        said += ["-dev", "none"]
    elif task.device_names:
        said += ["-dev", "/".join(task.device_names)]
    return said


def run(program: str, task: Task, show: Show) -> Taken:
    """Time a model.

    Raises:
        RuntimeFailedError: The program fails, or says something else than a measurement.
    """
    total = 2 * task.repetitions + _WARM_UPS
    done = 0

    def listen(line: str) -> None:
        nonlocal done
        found = _RUN.search(line)
        if found is None or found["what"] == "depth":
            return
        show(
            Step(what="prefill" if found["what"] == "prompt" else "decode", done=done, total=total)
        )
        done = min(done + 1, total)

    show(Step(what="loading", done=0, total=total))
    ended = run_child(words(program, task), on_stderr=listen)
    return taken(ended.stdout, ended.stderr, task, ended.cpu_s)


def taken(output: str, log: str, task: Task, cpu_s: float | None = None) -> Taken:
    """What the program's JSON and its log say.

    Raises:
        RuntimeFailedError: It is no measurement of this task.
    """
    tests = _tests(output)
    decoded = _test(tests, n_prompt=0, n_gen=task.answer_tokens, n_depth=task.depth_tokens)
    read = _test(tests, n_prompt=task.prompt_tokens, n_gen=0, n_depth=task.depth_tokens)
    found = allocated(log)
    build = decoded.get("build_number"), decoded.get("build_commit")
    threads = decoded.get("n_threads")
    return Taken(
        program=PROGRAM,
        version=f"b{build[0]} ({build[1]})" if all(build) else None,
        decode_tokens_per_s=_speeds(decoded),
        decode_tokens=task.answer_tokens,
        # Prefill at depth is no speed that the program predicts.
        prefill_tokens_per_s=() if task.depth_tokens else _speeds(read),
        prefill_tokens=task.prompt_tokens,
        allocated=found,
        backend=found.backend if found else _only_backend(decoded),
        threads=threads if isinstance(threads, int) else None,
        cpu_s=cpu_s,
    )


def _tests(output: str) -> list[dict[str, Any]]:
    try:
        tests = json.loads(output)
    except (ValueError, RecursionError) as error:
        msg = f"`{PROGRAM}` wrote something else than JSON: {error}"
        raise RuntimeFailedError(msg, "its version may be too old for `-o json`") from error
    if not isinstance(tests, list) or not all(isinstance(one, dict) for one in tests):
        msg = f"`{PROGRAM}` wrote JSON, but no list of tests"
        raise RuntimeFailedError(msg)
    return tests


def _test(tests: list[dict[str, Any]], **wanted: int) -> dict[str, Any]:
    for one in tests:
        if all(one.get(name, 0) == value for name, value in wanted.items()):
            return one
    asked = ", ".join(f"{name} {value}" for name, value in wanted.items())
    msg = f"`{PROGRAM}` did not report the test that was asked for ({asked})"
    raise RuntimeFailedError(msg)


def _speeds(test: dict[str, Any]) -> tuple[float, ...]:
    samples = test.get("samples_ts")
    if not isinstance(samples, list) or not samples:
        msg = f"`{PROGRAM}` reported no repetitions"
        raise RuntimeFailedError(msg)
    speeds = tuple(float(one) for one in samples if isinstance(one, int | float))
    if len(speeds) != len(samples) or min(speeds) <= 0:
        msg = f"`{PROGRAM}` reported a speed that is none: {samples}"
        raise RuntimeFailedError(msg)
    return speeds


def _only_backend(test: dict[str, Any]) -> str | None:
    """The backend of a build that has no other than the CPU's."""
    names = {name.strip() for name in str(test.get("backends", "")).split(",")}
    return "cpu" if names <= {"CPU", "BLAS", ""} and "CPU" in names else None
