"""Chooses the program that times a model, and lets it.

Holds the order in which programs are looked for and the one interface they have here; each has a
file of its own for how it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from advisor.measure import llama_bench, llama_python, llama_server, lm_studio, ollama
from advisor.measure.errors import NoRuntimeError
from advisor.measure.local_http import LocalServer
from advisor.workload import Runtime

if TYPE_CHECKING:
    from advisor.measure.served import Served
    from advisor.measure.task import Show, Taken, Task
    from probes.ask import Asker

SERVERS: dict[str, tuple[ModuleType, Runtime]] = {
    llama_server.PROGRAM: (llama_server, Runtime.LLAMA_SERVER),
    ollama.PROGRAM: (ollama, Runtime.OLLAMA),
    lm_studio.PROGRAM: (lm_studio, Runtime.LMSTUDIO),
}
"""Programs that hold a model already, and the runtime that predictions for them are made for."""

PROGRAMS = (llama_bench.PROGRAM, llama_python.PROGRAM, *SERVERS)
"""What `--runtime` names, in the order in which they are looked for."""

_HINT = (
    "put llama.cpp's `llama-bench` on the PATH, or"
    " `pip install 'gguf-advisor[bench]'`, or start llama-server, Ollama or LM Studio"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A program that can time a model now."""

    program: str
    runtime: Runtime
    """What predictions are made for."""

    run: Callable[[Task, Show], Taken]
    served: Served | None = None
    """The model that a server holds; ``None`` for a program that loads any file."""


def choose(
    program: str | None, asker: Asker, *, url: str | None = None, name: str | None = None
) -> Runner:
    """The program that somebody named, or the first that is here.

    Args:
        program: One of `PROGRAMS`; ``None`` to look for one.
        asker: Its environment says where Ollama listens.
        url: Where the server listens, where that is not the usual place.
        name: What a server calls the model; ``None`` for the one it has loaded.

    Raises:
        NoRuntimeError: There is none.
        UsageError: `url` is not on this machine, or a server has no such model.
        RuntimeFailedError: A server answers nonsense.
    """
    if program in SERVERS:
        return _server(program, asker, url, name)
    if program in {None, llama_bench.PROGRAM} and (found := llama_bench.find()):
        path = found
        return Runner(
            program=llama_bench.PROGRAM,
            runtime=Runtime.LLAMA_BENCH,
            run=lambda task, show: llama_bench.run(path, task, show),
        )
    if program in {None, llama_python.PROGRAM} and llama_python.is_installed():
        return Runner(
            program=llama_python.PROGRAM, runtime=Runtime.LLAMA_BENCH, run=llama_python.run
        )
    if program is not None:
        msg = f"`{program}` is not here"
        raise NoRuntimeError(msg, _HINT)
    return _any_server(asker, name)


def _any_server(asker: Asker, name: str | None) -> Runner:
    """The first server that runs.

    Raises:
        NoRuntimeError: None does.
    """
    for program in SERVERS:
        try:
            return _server(program, asker, None, name)
        except NoRuntimeError:
            continue
    msg = "no program that could time a model is here, and no server runs"
    raise NoRuntimeError(msg, _HINT)


def _server(program: str, asker: Asker, url: str | None, name: str | None) -> Runner:
    module, runtime = SERVERS[program]
    usual = ollama.usual_url(asker.environ) if module is ollama else module.DEFAULT_URL
    server = LocalServer(program, url or usual)
    held: Served = module.served(server, name)

    def run(task: Task, show: Show) -> Taken:
        taken: Taken = module.run(server, held, task, show)
        return taken

    return Runner(program=program, runtime=runtime, run=run, served=held)
