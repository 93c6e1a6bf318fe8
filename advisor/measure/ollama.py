"""Times a model of a running Ollama by the timings of its own answers.

Holds the paths and keys of its API. It takes texts, not tokens, and says how many tokens it read;
what it found in its cache is not counted among those that it timed.

Source: docs.ollama.com/api/usage (2026): `prompt_eval_count`, `prompt_eval_cached_count`,
`prompt_eval_duration`, `eval_count`, `eval_duration`, in nanoseconds; `/api/show` has `details`
and a `modelfile` whose `FROM` is the model's file; `/api/ps` has `size` and `size_vram`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.measure.errors import NotHereError, RuntimeFailedError
from advisor.measure.local_http import ANSWER_S
from advisor.measure.served import Exchange, Served, prompt_text, time_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from advisor.measure.local_http import LocalServer
    from advisor.measure.task import Show, Taken, Task

PROGRAM = "ollama"
DEFAULT_URL = "http://127.0.0.1:11434"

_FROM = re.compile(r"^FROM\s+(?P<path>(?:/|[A-Za-z]:\\).+?)\s*$", re.MULTILINE)


def usual_url(environ: Mapping[str, str]) -> str:
    """Where it listens: `OLLAMA_HOST` moves it, and `0.0.0.0` is this machine, too."""
    named = environ.get("OLLAMA_HOST", "").strip()
    if not named:
        return DEFAULT_URL
    address = named if "://" in named else f"http://{named}"
    address = address.replace("//0.0.0.0", "//127.0.0.1")
    return address if re.search(r":\d+/?$", address) else f"{address.rstrip('/')}:11434"


def served(server: LocalServer, name: str | None = None) -> Served:
    """A model that it has.

    Args:
        server: Where it is.
        name: What Ollama calls it; ``None`` for the one that is loaded.

    Raises:
        NoRuntimeError: It does not run.
        NotHereError: It has no such model, or none is named and none loaded.
        RuntimeFailedError: It says something else.
    """
    known = [one.get("name") for one in _list(server.ask("/api/tags"))]
    chosen = name or _loaded_name(server)
    if chosen is None:
        msg = "no model is named, and Ollama has none loaded"
        raise NotHereError(
            msg, f"name one of {', '.join(f'`{one}`' for one in known) or 'its own'}"
        )
    full = next((one for one in known if one in {chosen, f"{chosen}:latest"}), None)
    if full is None:
        msg = f"Ollama has no model `{chosen}`"
        raise NotHereError(msg, f"`ollama pull {chosen}` gets it")
    shown = server.ask("/api/show", {"model": full})
    details = shown.get("details")
    quant = details.get("quantization_level") if isinstance(details, dict) else None
    return Served(
        program=PROGRAM,
        version=server.ask("/api/version").get("version"),
        name=str(full),
        path=_path(shown.get("modelfile")),
        quant=quant if isinstance(quant, str) and quant != "unknown" else None,
        context_tokens=None,
    )


def run(server: LocalServer, held: Served, task: Task, show: Show) -> Taken:
    """Time it.

    Raises:
        RuntimeFailedError: It fails, or answers nonsense.
    """

    def exchange(prompt_tokens: int, answer_tokens: int, place: int) -> Exchange:
        answer = server.ask(
            "/api/generate",
            {
                "model": held.name,
                "prompt": prompt_text(prompt_tokens, place),
                "raw": True,
                "stream": False,
                "options": {
                    "num_predict": answer_tokens,
                    "num_ctx": task.context_tokens + 256,
                    "seed": place,
                },
            },
            timeout_s=ANSWER_S,
        )
        return _exchange(answer)

    taken = time_server(held, task, show, exchange)
    backend, is_known = _placement(server, held.name)
    return replace(taken, backend=backend, knows_placement=is_known)


def _exchange(answer: dict[str, Any]) -> Exchange:
    try:
        cached = int(answer.get("prompt_eval_cached_count") or 0)
        return Exchange(
            prompt_tokens=int(answer["prompt_eval_count"]) - cached,
            prompt_s=float(answer["prompt_eval_duration"]) / 1e9,
            answer_tokens=int(answer["eval_count"]),
            answer_s=float(answer["eval_duration"]) / 1e9,
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = f"Ollama answered without {error}"
        raise RuntimeFailedError(msg, "its version may be too old") from error


def _placement(server: LocalServer, name: str) -> tuple[str | None, bool]:
    """`cpu` where nothing of the model is on a GPU; and whether it is all on one side."""
    for one in _list(server.ask("/api/ps")):
        if one.get("name") == name:
            whole, on_gpu = one.get("size"), one.get("size_vram")
            if not isinstance(whole, int) or not isinstance(on_gpu, int):
                break
            return ("cpu" if on_gpu == 0 else None), on_gpu in {0, whole}
    return None, False


def _loaded_name(server: LocalServer) -> str | None:
    loaded = _list(server.ask("/api/ps"))
    return str(loaded[0]["name"]) if loaded and loaded[0].get("name") else None


def _list(answer: dict[str, Any]) -> list[dict[str, Any]]:
    models = answer.get("models")
    if not isinstance(models, list):
        msg = "Ollama answered no list of models"
        raise RuntimeFailedError(msg, "its version may be too old")
    return [one for one in models if isinstance(one, dict)]


def _path(modelfile: object) -> Path | None:
    """The model's file, where this user may read it."""
    found = _FROM.search(modelfile) if isinstance(modelfile, str) else None
    if found is None:
        return None
    path = Path(found["path"])
    try:
        with path.open("rb"):
            return path
    except OSError:
        return None
