"""Times a model with `llama-cpp-python`, in a child process that alone imports it.

Holds the words between this program and its child (`worker`): the task as JSON in, one line of
JSON for each step and for the result out, llama.cpp's log on standard error.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.measure.child import run_child
from advisor.measure.errors import RuntimeFailedError
from advisor.measure.log import allocated
from advisor.measure.task import Step, Taken

if TYPE_CHECKING:
    from advisor.measure.task import Show, Task

PROGRAM = "llama-cpp-python"

WORKER = str(Path(__file__).with_name("worker.py"))


def is_installed() -> bool:
    """Whether this Python has the package; it is not imported."""
    return find_spec("llama_cpp") is not None


def run(task: Task, show: Show) -> Taken:
    """Time a model.

    Raises:
        RuntimeFailedError: The child fails, is killed, or says something else.
    """
    result: dict[str, Any] = {}

    def listen(line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return  # a library's own words
        if isinstance(said, dict) and "what" in said:
            show(Step(what=said["what"], done=said["done"], total=said["total"]))
        elif isinstance(said, dict) and "decode_tokens_per_s" in said:
            result.update(said)

    if task.n_cpu_moe:
        msg = f"`{PROGRAM}` cannot keep experts on the CPU, as this model needs it here"
        raise RuntimeFailedError(msg, "install llama.cpp's `llama-bench`, or measure another model")
    plain = {**asdict(task), "path": str(task.path), "context_tokens": task.context_tokens}
    # By its path and with `-P`: neither the current folder nor its own comes before the library.
    ended = run_child([sys.executable, "-P", WORKER, json.dumps(plain)], on_stdout=listen)
    if not result:
        msg = f"`{PROGRAM}` ended without a result"
        raise RuntimeFailedError(msg, "reinstall it, or install llama.cpp's `llama-bench`")
    found = allocated(ended.stderr)
    return Taken(
        program=PROGRAM,
        version=result.get("version"),
        decode_tokens_per_s=tuple(result["decode_tokens_per_s"]),
        decode_tokens=task.answer_tokens,
        prefill_tokens_per_s=tuple(result["prefill_tokens_per_s"]),
        prefill_tokens=task.prompt_tokens,
        allocated=found,
        backend=found.backend if found else None,
        threads=result.get("threads"),
        cpu_s=ended.cpu_s,
    )
