"""Times a model of a running LM Studio by the statistics of its own answers.

Holds the paths and keys of its REST API. It takes texts, and says how fast it answered and how
long the first token took; that is the time of the prompt, and a little more.

Source: lmstudio.ai/docs/api/rest-api (v0, 2026): `GET /api/v0/models` with `id`, `quantization`,
`state`; `POST /api/v0/completions` with `usage` and `stats` (`tokens_per_second`,
`time_to_first_token`, `generation_time`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.measure.errors import NotHereError, RuntimeFailedError
from advisor.measure.local_http import ANSWER_S
from advisor.measure.served import Exchange, Served, prompt_text, time_server

if TYPE_CHECKING:
    from advisor.measure.local_http import LocalServer
    from advisor.measure.task import Show, Taken, Task

PROGRAM = "lmstudio"
DEFAULT_URL = "http://127.0.0.1:1234"


def served(server: LocalServer, name: str | None = None) -> Served:
    """A GGUF model that it has.

    Args:
        server: Where it is.
        name: What LM Studio calls it; ``None`` for the one that is loaded.

    Raises:
        NoRuntimeError: It does not run.
        NotHereError: It has no such model, or none is named and none loaded.
        RuntimeFailedError: It says something else.
    """
    listed = server.ask("/api/v0/models").get("data")
    if not isinstance(listed, list):
        msg = "LM Studio answered no list of models"
        raise RuntimeFailedError(msg, "its version may be too old: 0.3.6 is needed")
    known = [one for one in listed if one.get("compatibility_type") == "gguf"]
    chosen = next((one for one in known if _is_meant(one, name)), None)
    if chosen is None:
        names = ", ".join(f"`{one.get('id')}`" for one in known)
        msg = (
            "no model is named, and LM Studio has none loaded"
            if name is None
            else f"LM Studio has no GGUF model `{name}`"
        )
        raise NotHereError(msg, f"name one of {names}" if names else "load one with `lms load`")
    quant, longest = chosen.get("quantization"), chosen.get("loaded_context_length")
    return Served(
        program=PROGRAM,
        version=None,
        name=str(chosen["id"]),
        path=None,
        quant=quant if isinstance(quant, str) else None,
        context_tokens=longest if isinstance(longest, int) else None,
    )


def _is_meant(one: dict[str, Any], name: str | None) -> bool:
    if name is None:
        return one.get("state") == "loaded" and one.get("type") in {"llm", "vlm"}
    return one.get("id") == name


def run(server: LocalServer, held: Served, task: Task, show: Show) -> Taken:
    """Time it.

    Raises:
        RuntimeFailedError: It fails, or answers nonsense.
    """

    def exchange(prompt_tokens: int, answer_tokens: int, place: int) -> Exchange:
        answer = server.ask(
            "/api/v0/completions",
            {
                "model": held.name,
                "prompt": prompt_text(prompt_tokens, place),
                "max_tokens": answer_tokens,
                "stream": False,
            },
            timeout_s=ANSWER_S,
        )
        return _exchange(answer)

    return time_server(held, task, show, exchange)


def _exchange(answer: dict[str, Any]) -> Exchange:
    try:
        stats, usage = answer["stats"], answer["usage"]
        tokens = int(usage["completion_tokens"])
        return Exchange(
            prompt_tokens=int(usage["prompt_tokens"]),
            prompt_s=float(stats["time_to_first_token"]),
            answer_tokens=tokens,
            answer_s=tokens / float(stats["tokens_per_second"]),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        msg = f"LM Studio answered without {error}"
        raise RuntimeFailedError(msg, "its version may be too old: 0.3.6 is needed") from error
