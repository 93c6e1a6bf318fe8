"""The child that loads a model with `llama-cpp-python` and times it, as `llama-bench` does.

It alone imports the library, so that a crash there ends nothing else. It times what `llama-bench`
times: a prompt of random tokens, then single random tokens from an empty (or filled) cache, each
waited for. Nothing is sampled.
"""

from __future__ import annotations

import json
import random
import sys
import time
from importlib import import_module
from typing import Any

FIRST_PLAIN_TOKEN = 256
"""Below it vocabularies have control tokens and bytes."""

SEED = 1


def main(plain: str) -> None:
    """Time the task that is described in JSON, and print what came out."""
    task: dict[str, Any] = json.loads(plain)
    total = 2 * (task["repetitions"] + 1)
    _say(what="loading", done=0, total=total)
    library: Any = import_module("llama_cpp")
    model = library.Llama(task["path"], **_options(task, library))
    timer = _Timer(library, model, task)
    prefill: list[float] = []
    decode: list[float] = []
    done = 0
    for speeds, what, once in (
        (prefill, "prefill", timer.prefill_tokens_per_s),
        (decode, "decode", timer.decode_tokens_per_s),
    ):
        for _ in range(task["repetitions"] + 1):
            _say(what=what, done=done, total=total)
            speeds.append(once())
            done += 1
    _say(
        # The first of each warms the caches up.
        decode_tokens_per_s=decode[1:],
        prefill_tokens_per_s=[] if task["depth_tokens"] else prefill[1:],
        version=library.__version__,
        threads=model.n_threads,
    )


def _options(task: dict[str, Any], library: Any) -> dict[str, Any]:  # noqa: ANN401
    """The model's and the context's settings, as far as the installed version has them."""
    from inspect import signature

    wanted = {
        "n_gpu_layers": task["gpu_layers"],
        "tensor_split": task["tensor_split"],
        "n_ctx": task["context_tokens"],
        "n_batch": task["prompt_tokens"],
        "n_ubatch": min(task["prompt_tokens"], 512),
        "n_threads": task["threads"],
        "n_threads_batch": task["threads"],
        "flash_attn": task["flash_attention"],
        "swa_full": False,
        "verbose": True,
    }
    if task["without_gpus"]:
        wanted |= {"n_gpu_layers": 0, "offload_kqv": False, "op_offload": False}
    known = signature(library.Llama.__init__).parameters
    return {name: value for name, value in wanted.items() if name in known}


class _Timer:
    """Times one prompt or one answer at a time."""

    def __init__(self, library: Any, model: Any, task: dict[str, Any]) -> None:  # noqa: ANN401
        self._library, self._model, self._task = library, model, task
        self._random = random.Random(SEED)  # noqa: S311  (which tokens does not matter)
        self._highest = max(model.n_vocab() - 1, FIRST_PLAIN_TOKEN)

    def prefill_tokens_per_s(self) -> float:
        """One prompt into an empty cache."""
        count = self._task["prompt_tokens"]
        self._model.reset()
        tokens = self._tokens(count)
        began = time.perf_counter()
        self._model.eval(tokens)
        self._wait()
        return float(count / (time.perf_counter() - began))

    def decode_tokens_per_s(self) -> float:
        """One answer at the wanted depth, token by token."""
        self._model.reset()
        if self._task["depth_tokens"]:
            self._model.eval(self._tokens(self._task["depth_tokens"]))
            self._wait()
        tokens = self._tokens(self._task["answer_tokens"])
        began = time.perf_counter()
        for token in tokens:
            self._model.eval([token])
            self._wait()
        return float(len(tokens) / (time.perf_counter() - began))

    def _tokens(self, count: int) -> list[int]:
        first = min(FIRST_PLAIN_TOKEN, self._highest)
        return [self._random.randint(first, self._highest) for _ in range(count)]

    def _wait(self) -> None:
        """A GPU computes on after the call returns."""
        self._library.llama_synchronize(self._model.ctx)


def _say(**values: Any) -> None:  # noqa: ANN401
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
