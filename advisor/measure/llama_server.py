"""Times the model of a running `llama-server` by the timings of its own answers.

Holds the paths and keys of its API. It takes tokens instead of a text, so that prompts are exactly
as long as wanted.

Source: llama.cpp `tools/server/README.md` and `server-common.cpp` (October 2026): `POST
/completion` answers with `timings` (`prompt_n`, `prompt_ms`, `predicted_n`, `predicted_ms`), where
`predicted_ms` is for the tokens after the first; `GET /props` has `model_path` and `build_info`.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from advisor.measure.errors import RuntimeFailedError
from advisor.measure.local_http import ANSWER_S
from advisor.measure.served import Exchange, Served, time_server

if TYPE_CHECKING:
    from advisor.measure.local_http import LocalServer
    from advisor.measure.task import Show, Taken, Task

PROGRAM = "llama-server"
DEFAULT_URL = "http://127.0.0.1:8080"

FIRST_PLAIN_TOKEN, LAST_PLAIN_TOKEN = 1000, 20_000
"""Tokens that any vocabulary has and that none of them uses to control anything."""


def served(server: LocalServer, name: str | None = None) -> Served:
    """The model it holds.

    Args:
        server: Where it is.
        name: Which model, of a server that holds several.

    Raises:
        NoRuntimeError: It does not run.
        RuntimeFailedError: It does not say what it holds.
    """
    props = server.ask("/props" if name is None else f"/props?model={name}")
    path = props.get("model_path")
    if not isinstance(path, str) or not path:
        msg = f"{PROGRAM} at `{server.url}` does not say which model it holds"
        raise RuntimeFailedError(msg, "its version may be too old")
    settings = props.get("default_generation_settings")
    context = settings.get("n_ctx") if isinstance(settings, dict) else None
    file = Path(path)
    return Served(
        program=PROGRAM,
        version=_text(props.get("build_info")),
        name=file.name,
        path=file if file.is_file() else None,
        quant=None,
        context_tokens=context if isinstance(context, int) else None,
    )


def run(server: LocalServer, held: Served, task: Task, show: Show) -> Taken:
    """Time it.

    Raises:
        RuntimeFailedError: It fails, or answers nonsense.
    """

    def exchange(prompt_tokens: int, answer_tokens: int, place: int) -> Exchange:
        chosen = Random(place)  # noqa: S311  (which tokens does not matter)
        answer = server.ask(
            "/completion",
            {
                "prompt": [
                    chosen.randint(FIRST_PLAIN_TOKEN, LAST_PLAIN_TOKEN)
                    for _ in range(prompt_tokens)
                ],
                # The first token of an answer comes with the prompt and is not timed.
                "n_predict": answer_tokens + 1 if answer_tokens > 1 else 1,
                "ignore_eos": True,
                "cache_prompt": False,
                "stream": False,
            },
            timeout_s=ANSWER_S,
        )
        return _exchange(answer.get("timings"))

    return time_server(held, task, show, exchange)


def _exchange(timings: object) -> Exchange:
    if not isinstance(timings, dict):
        msg = f"{PROGRAM} answered without timings"
        raise RuntimeFailedError(msg, "its version may be too old")
    if timings.get("draft_n"):
        msg = f"{PROGRAM} speculates with a second model, which no prediction is for"
        raise RuntimeFailedError(msg, "start it without `--model-draft`")
    try:
        predicted = int(timings["predicted_n"])
        return Exchange(
            prompt_tokens=int(timings["prompt_n"]),
            prompt_s=float(timings["prompt_ms"]) / 1e3,
            answer_tokens=max(predicted - 1, 0),
            answer_s=float(timings["predicted_ms"]) / 1e3,
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{PROGRAM} answered timings without {error}"
        raise RuntimeFailedError(msg, "its version may be too old") from error


def _text(value: Any) -> str | None:  # noqa: ANN401
    return value if isinstance(value, str) and value else None
