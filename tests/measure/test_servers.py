"""Programs that hold a model already: llama-server, Ollama and LM Studio, as fakes on loopback."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from advisor.commands.bench import PROGRAMS as NAMED
from advisor.errors import UsageError
from advisor.measure import llama_bench, llama_python, llama_server, lm_studio, ollama
from advisor.measure.errors import NoRuntimeError, NotHereError, RuntimeFailedError
from advisor.measure.local_http import LocalServer
from advisor.measure.runners import PROGRAMS, choose
from advisor.measure.served import prompt_text
from advisor.measure.task import Task
from advisor.report.measurable import served_model
from advisor.workload import Runtime
from probes.ask import Asker

TASK = Task(
    path=Path(),
    repetitions=2,
    gpu_layers=0,
    n_cpu_moe=0,
    tensor_split=None,
    threads=None,
    flash_attention=True,
    without_gpus=False,
)


def quiet(_step):
    """Shows nothing."""


@contextmanager
def serving(answers):
    """A server that answers a path with an object, or with what a function makes of the request.

    Yields its address and the bodies that it was sent.
    """
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, body):
            found = answers.get(self.path)
            value = found(body) if callable(found) else found
            code = 404 if value is None else 200
            if isinstance(value, tuple):
                code, value = value
            said = {"error": "none"} if value is None else value
            text = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self):
            self._answer(None)

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body)
            self._answer(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# llama-server


def timings(body):
    """100 tokens/s of prompt and 20 of answer; the first token of an answer is not timed."""
    count = body["n_predict"]
    return {
        "timings": {
            "cache_n": 0,
            "prompt_n": len(body["prompt"]),
            "prompt_ms": 10.0 * len(body["prompt"]),
            "predicted_n": count,
            "predicted_ms": 50.0 * (count - 1),
        }
    }


def a_llama_server(path, complete=timings):
    """What `llama-server` answers that holds this file."""
    return {
        "/props": {
            "model_path": str(path),
            "build_info": "b7000-abc1234",
            "default_generation_settings": {"n_ctx": 4096},
        },
        "/completion": complete,
    }


def test_llama_server_is_timed_by_its_own_counts(model_file):
    steps = []
    with serving(a_llama_server(model_file)) as (url, asked):
        server = LocalServer("llama-server", url)
        held = llama_server.served(server)
        found = llama_server.run(server, held, TASK, steps.append)
    assert (held.path, held.version, held.context_tokens) == (model_file, "b7000-abc1234", 4096)
    assert found.decode_tokens_per_s == pytest.approx((20.0, 20.0))
    assert found.prefill_tokens_per_s == pytest.approx((100.0, 100.0))
    assert (found.decode_tokens, found.prefill_tokens) == (128, 512)
    assert not found.knows_placement
    assert [len(body["prompt"]) for body in asked] == [512] * 3 + [1] * 3
    assert [body["n_predict"] for body in asked] == [1] * 3 + [129] * 3
    assert not any(body["cache_prompt"] for body in asked)
    assert len({tuple(body["prompt"]) for body in asked[:3]}) == 3
    assert [one.done for one in steps] == [0, 1, 2, 3, 4, 5]


def test_an_answer_at_depth_follows_a_prompt_that_long_and_prefill_is_left_out(model_file):
    with serving(a_llama_server(model_file)) as (url, asked):
        server = LocalServer("llama-server", url)
        found = llama_server.run(
            server, llama_server.served(server), replace(TASK, depth_tokens=2000), quiet
        )
    assert [len(body["prompt"]) for body in asked[3:]] == [2000] * 3
    assert found.prefill_tokens_per_s == ()


@pytest.mark.parametrize(
    ("complete", "words"),
    [
        ({"content": "hello"}, "answered without timings"),
        ({"timings": {"prompt_n": 512}}, "timings without 'predicted_n'"),
        (lambda body: {"timings": {**timings(body)["timings"], "draft_n": 4}}, "speculates"),
        (lambda body: {"timings": {**timings(body)["timings"], "prompt_ms": 0}}, "is no speed"),
        ((503, {"error": {"message": "Loading model"}}), "answered 503 to `/completion`: Loading"),
    ],
)
def test_what_llama_server_says_else_is_a_sentence(model_file, complete, words):
    with serving(a_llama_server(model_file, complete)) as (url, _):
        server = LocalServer("llama-server", url)
        held = llama_server.served(server)
        with pytest.raises(RuntimeFailedError, match=words):
            llama_server.run(server, held, TASK, quiet)


# Ollama


def generated(body):
    """50 tokens/s of answer; a prompt of as many tokens as words, 10 of them found in the cache."""
    words = len(body["prompt"].split())
    count = body["options"]["num_predict"]
    return {
        "prompt_eval_count": words,
        "prompt_eval_cached_count": 10 if words > 10 else 0,
        "prompt_eval_duration": 1e9 if words > 10 else 1e6,
        "eval_count": count,
        "eval_duration": count * 2e7,
    }


def an_ollama(path="/root/blobs/sha256-0", *, size_vram=0, generate=generated):
    """What an Ollama answers that has Llama 3.2 1B."""
    return {
        "/api/tags": {"models": [{"name": "llama3.2:1b"}, {"name": "qwen3:latest"}]},
        "/api/ps": {"models": [{"name": "llama3.2:1b", "size": 100, "size_vram": size_vram}]},
        "/api/version": {"version": "0.40.12"},
        "/api/show": {
            "details": {"quantization_level": "Q8_0"},
            "modelfile": f"# Modelfile\nFROM {path}\nTEMPLATE x",
        },
        "/api/generate": generate,
    }


def test_ollama_is_timed_by_its_own_counts_without_what_its_cache_had(model_file):
    with serving(an_ollama(model_file)) as (url, asked):
        server = LocalServer("ollama", url)
        held = ollama.served(server)
        found = ollama.run(server, held, TASK, quiet)
    assert (held.name, held.path, held.quant) == ("llama3.2:1b", model_file, "Q8_0")
    assert held.version == "0.40.12"
    assert found.decode_tokens_per_s == pytest.approx((50.0, 50.0))
    assert found.prefill_tokens_per_s == pytest.approx((502.0, 502.0))
    assert (found.backend, found.knows_placement) == ("cpu", True)
    assert all(body["raw"] for body in asked if "raw" in body)
    starts = {body["prompt"].split()[0] for body in asked if "prompt" in body}
    assert len(starts) == 6


@pytest.mark.parametrize(
    ("size_vram", "backend", "knows"), [(0, "cpu", True), (100, None, True), (60, None, False)]
)
def test_ollama_says_on_which_side_the_layers_are(size_vram, backend, knows):
    with serving(an_ollama(size_vram=size_vram)) as (url, _):
        server = LocalServer("ollama", url)
        found = ollama.run(server, ollama.served(server), TASK, quiet)
    assert (found.backend, found.knows_placement) == (backend, knows)


@pytest.mark.parametrize(
    ("name", "expected"), [("qwen3", "qwen3:latest"), ("llama3.2:1b", "llama3.2:1b")]
)
def test_ollamas_own_names_are_taken(name, expected):
    with serving(an_ollama()) as (url, _):
        assert ollama.served(LocalServer("ollama", url), name).name == expected


def test_a_model_that_ollama_lacks_is_named_with_what_gets_it():
    with serving(an_ollama()) as (url, _), pytest.raises(NotHereError) as found:
        ollama.served(LocalServer("ollama", url), "gpt-oss:20b")
    assert str(found.value) == "Ollama has no model `gpt-oss:20b`"
    assert found.value.hint == "`ollama pull gpt-oss:20b` gets it"


def test_an_answer_that_ended_early_is_not_timed():
    def short(body):
        return {**generated(body), "eval_count": 3}

    with serving(an_ollama(generate=short)) as (url, _):
        server = LocalServer("ollama", url)
        with pytest.raises(RuntimeFailedError, match="ended its answer after 3 tokens"):
            ollama.run(server, ollama.served(server), TASK, quiet)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "http://127.0.0.1:11434"),
        ({"OLLAMA_HOST": "127.0.0.1:8000"}, "http://127.0.0.1:8000"),
        ({"OLLAMA_HOST": "0.0.0.0"}, "http://127.0.0.1:11434"),
        ({"OLLAMA_HOST": "http://localhost:11434"}, "http://localhost:11434"),
        ({"OLLAMA_HOST": "localhost"}, "http://localhost:11434"),
    ],
)
def test_ollama_listens_where_its_variable_says(environ, expected):
    assert ollama.usual_url(environ) == expected


# LM Studio


def completed(body):
    """40 tokens/s of answer; the first token after a second."""
    return {
        "usage": {
            "prompt_tokens": len(body["prompt"].split()),
            "completion_tokens": body["max_tokens"],
        },
        "stats": {"tokens_per_second": 40.0, "time_to_first_token": 1.0},
    }


LM_STUDIO = {
    "/api/v0/models": {
        "data": [
            {
                "id": "an-mlx-model",
                "type": "llm",
                "compatibility_type": "mlx",
                "state": "loaded",
            },
            {
                "id": "llama-3.2-1b-instruct",
                "type": "llm",
                "compatibility_type": "gguf",
                "quantization": "Q4_K_M",
                "state": "loaded",
                "loaded_context_length": 4096,
            },
            {"id": "a-third", "type": "llm", "compatibility_type": "gguf", "state": "not-loaded"},
        ]
    },
    "/api/v0/completions": completed,
}


def test_lm_studio_is_timed_by_its_own_statistics():
    with serving(LM_STUDIO) as (url, _):
        server = LocalServer("lmstudio", url)
        held = lm_studio.served(server)
        found = lm_studio.run(server, held, TASK, quiet)
    assert (held.name, held.quant) == ("llama-3.2-1b-instruct", "Q4_K_M")
    assert found.decode_tokens_per_s == pytest.approx((40.0, 40.0))
    assert found.prefill_tokens_per_s == pytest.approx((512.0, 512.0))
    assert not found.knows_placement


@pytest.mark.parametrize(
    ("models", "name", "words"),
    [
        (LM_STUDIO["/api/v0/models"], "no-such", "LM Studio has no GGUF model `no-such`"),
        ({"data": []}, None, "LM Studio has none loaded"),
    ],
)
def test_a_model_that_lm_studio_lacks_is_a_sentence(models, name, words):
    with serving({"/api/v0/models": models}) as (url, _):
        server = LocalServer("lmstudio", url)
        with pytest.raises(NotHereError, match=words):
            lm_studio.served(server, name)


def test_an_lm_studio_of_before_is_told_its_version():
    answers = {**LM_STUDIO, "/api/v0/completions": {"usage": {}}}
    with serving(answers) as (url, _):
        server = LocalServer("lmstudio", url)
        held = lm_studio.served(server)
        with pytest.raises(RuntimeFailedError) as found:
            lm_studio.run(server, held, TASK, quiet)
    assert found.value.hint == "its version may be too old: 0.3.6 is needed"


# Any server


@pytest.mark.parametrize(
    "url", ["http://192.0.2.7:8080", "https://example.com", "http://10.0.0.1", "ftp://localhost"]
)
def test_a_server_elsewhere_is_not_asked(url):
    with pytest.raises(UsageError):
        LocalServer("llama-server", url)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080"])
def test_a_server_on_this_machine_may_be_named_shortly(url):
    assert "://" in LocalServer("llama-server", url).url


def test_nobody_listening_is_a_sentence_with_what_to_do():
    with pytest.raises(NoRuntimeError, match=r"llama-server does not answer at") as found:
        LocalServer("llama-server", "http://127.0.0.1:9").ask("/props")
    assert found.value.hint == "start it, or say where it listens with `--url`"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "JSON, but no object"),
        ((500, b"<html>"), "answered 500 to `/props`"),
        ((500, {"error": "out of memory."}), "answered 500 to `/props`: out of memory"),
        ({"hello": 1}, "does not say which model it holds"),
    ],
)
def test_an_answer_of_something_else_is_a_sentence(answer, words):
    with serving({"/props": answer}) as (url, _), pytest.raises(RuntimeFailedError, match=words):
        llama_server.served(LocalServer("llama-server", url))


def test_prompts_share_no_beginning():
    prompts = [prompt_text(64, place) for place in range(20)]
    assert {len(prompt.split()) for prompt in prompts} == {64}
    assert len({prompt.split()[0] for prompt in prompts}) == 20


# Which model it is


def test_a_server_whose_file_can_be_read_holds_what_the_header_says(model_file):
    with serving(an_ollama(model_file)) as (url, _):
        found = served_model(ollama.served(LocalServer("ollama", url)), None)
    assert found.path == model_file
    assert found.subject.quant.name == "Q4_K_M"


def test_a_server_whose_file_cannot_be_read_holds_what_its_name_says():
    with serving(an_ollama()) as (url, _):
        found = served_model(ollama.served(LocalServer("ollama", url)), None)
    assert (found.subject.model.name, found.subject.quant.name) == ("llama-3.2-1b-instruct", "Q8_0")
    assert found.path is None


def test_a_name_that_is_no_model_of_the_catalog_is_a_sentence():
    with serving(LM_STUDIO) as (url, _):
        held = replace(lm_studio.served(LocalServer("lmstudio", url)), name="my-own-mix")
        with pytest.raises(NotHereError, match="what `my-own-mix` of lmstudio is cannot be told"):
            served_model(held, None)
        with pytest.raises(NotHereError, match="does not say which quant"):
            served_model(replace(held, quant=None), None)


def test_a_server_must_hold_the_file_that_was_named(model_file, tmp_path):
    other = tmp_path / "other.gguf"
    other.touch()
    with serving(a_llama_server(model_file)) as (url, _):
        held = llama_server.served(LocalServer("llama-server", url))
    assert served_model(held, None, str(model_file)).path == model_file
    with pytest.raises(NotHereError, match="llama-server holds `Llama-3"):
        served_model(held, None, str(other))


# The choice


def test_the_command_names_every_program_in_the_order_of_the_search():
    assert NAMED == PROGRAMS


@pytest.fixture
def nothing(monkeypatch):
    """A machine without any of the programs."""
    monkeypatch.setattr(llama_bench, "find", lambda: None)
    monkeypatch.setattr(llama_python, "is_installed", lambda: False)
    for module in (llama_server, ollama, lm_studio):
        monkeypatch.setattr(module, "DEFAULT_URL", "http://127.0.0.1:9")
    return Asker(environ={"OLLAMA_HOST": "127.0.0.1:9"})


def test_llama_bench_comes_before_the_library_and_that_before_a_server(nothing, monkeypatch):
    with serving(an_ollama()) as (url, _):
        asker = Asker(environ={"OLLAMA_HOST": url})
        found = choose(None, asker)
        assert (found.program, found.runtime) == ("ollama", Runtime.OLLAMA)
        assert found.served.name == "llama3.2:1b"
        monkeypatch.setattr(llama_python, "is_installed", lambda: True)
        assert choose(None, asker).program == "llama-cpp-python"
        monkeypatch.setattr(llama_bench, "find", lambda: "/usr/bin/llama-bench")
        assert choose(None, asker).program == "llama-bench"
        assert choose("llama-cpp-python", asker).program == "llama-cpp-python"
        assert choose("ollama", asker).program == "ollama"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (None, "no program that could time a model is here, and no server runs"),
        ("llama-bench", "`llama-bench` is not here"),
        ("llama-cpp-python", "`llama-cpp-python` is not here"),
        ("llama-server", "llama-server does not answer"),
        ("lmstudio", "lmstudio does not answer"),
    ],
)
def test_where_none_is_it_says_so_and_what_to_get(nothing, program, words):
    with pytest.raises(NoRuntimeError, match=words) as found:
        choose(program, nothing)
    assert found.value.hint
