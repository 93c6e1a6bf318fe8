"""`advisor estimate -`: one request a line in, one answer a line out, in the same order."""

from __future__ import annotations

import json
import os

import pytest


def lines(*requests):
    return "".join(
        (one if isinstance(one, str) else json.dumps(one)) + "\n" for one in requests
    ).encode()


@pytest.fixture
def answers(run):
    """What the program answers to lines; it must end well and say nothing on stderr."""

    def ask(stdin, *words, **how):
        done = run("estimate", "-", *words, stdin=stdin, **how)
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


def test_a_bad_line_gets_an_error_and_the_rest_go_on(answers):
    found = answers(
        lines(
            {"model": "llama-3.2-1b", "quant": "Q4_K_M"},
            "not JSON",
            "",
            {"quant": "Q4_K_M"},
            {"model": "qwen3-8b", "quant": "Q8_0", "kontext": 8192},
            {"model": "qwen3-8b", "quant": "Q8_0"},
            '{"model": "qwen3-8b", "quant": "Q8_0"',
            {"model": "qwen3-8b", "quant": "Q8_0", "device": ["RTX 3090", "RTX 3060 12GB"]},
        ),
        *("--device", "RTX 4090"),
    )
    assert [one["schema"] for one in found] == [
        "advisor.estimate/1",
        "advisor.error/1",
        "advisor.error/1",
        "advisor.error/1",
        "advisor.estimate/1",
        "advisor.error/1",
        "advisor.estimate/1",
    ]
    messages = [one["error"]["message"] for one in found if "error" in one]
    assert messages[0].startswith("the line is not JSON: ")
    assert messages[1] == "`model` is missing"
    assert messages[2] == "`kontext` is not a key of a request"
    assert found[3]["error"]["hint"] == "did you mean `context`?"
    assert found[4]["target"] == "NVIDIA GeForce RTX 4090"
    assert found[6]["target"] == "NVIDIA GeForce RTX 3090 + NVIDIA GeForce RTX 3060 12 GB"


def test_a_thousand_requests_are_answered_in_their_order(answers):
    models = ("llama-3.2-1b-instruct", "qwen3-8b", "gpt-oss-20b", "gemma-3-12b-it", "qwen3-30b-a3b")
    devices = ("RTX 4090", "RTX 3060 12GB", "M4 Max 128GB", "2x RTX 3090")
    asked = [
        {
            "model": models[number % 5],
            "quant": ("Q4_K_M", "Q8_0", "IQ4_XS")[number % 3],
            "device": devices[number % 4],
            "context": 1024 + number,
        }
        for number in range(1000)
    ]
    found = answers(lines(*asked))
    assert len(found) == 1000
    for request, answer in zip(asked, found, strict=True):
        assert answer["model"] == request["model"]
        assert answer["quant"] == request["quant"]
        assert answer["workload"]["context_tokens"] == request["context"]


def test_an_answer_does_not_depend_on_the_lines_before_it(answers):
    one = {"model": "gemma-3-12b-it", "quant": "Q5_K_M", "device": "RTX 3090", "context": "32k"}
    other = {"model": "gemma-3-12b-it", "quant": "Q5_K_M", "device": "RTX 4090", "sequences": 2}
    alone = answers(lines(one))[0]
    assert answers(lines(other, one, other, one))[1::2] == [alone, alone]


def test_a_line_and_the_options_of_the_same_names_give_one_answer(run, answers):
    request = {
        "model": "qwen3-8b",
        "quant": "Q5_K_M",
        "device": "2x RTX 3090",
        "context": "16k",
        "depth": 4096,
        "gpu_layers": 20,
        "n_cpu_moe": 3,
        "tensor_split": "3,1",
        "kv_type_k": "q8_0",
        "kv_type_v": "q8_0",
        "flash_attention": "on",
        "ubatch": 1024,
        "sequences": 2,
        "kv_unified": True,
        "backend": "vulkan",
        "runtime": "llama-bench",
    }
    words = ["estimate", "qwen3-8b", "--json"]
    for key, value in request.items():
        option = f"--{key.replace('_', '-')}"
        if key != "model":
            words += [option] if value is True else [option, str(value)]
    assert json.loads(run(*words).stdout) == answers(lines(request))[0]


def test_what_the_command_line_gives_holds_for_lines_that_say_nothing_else(answers):
    first, second = answers(
        lines({"model": "qwen3-8b"}, {"model": "qwen3-8b", "quant": "Q8_0", "context": 4096}),
        *("--quant", "Q4_K_M", "--context", "2k", "--device", "RTX 4090"),
    )
    assert (first["quant"], first["workload"]["context_tokens"]) == ("Q4_K_M", 2048)
    assert (second["quant"], second["workload"]["context_tokens"]) == ("Q8_0", 4096)


@pytest.mark.parametrize(
    "stdin",
    [
        pytest.param(lines({"model": "qwen3-8b"}).replace(b"\n", b"\r\n"), id="Windows' lines"),
        pytest.param(b"\xef\xbb\xbf" + lines({"model": "qwen3-8b"}), id="a byte order mark"),
        pytest.param(lines({"model": "qwen3-8b"}).strip(), id="no newline at the end"),
        pytest.param(b"\n\n  \n" + lines({"model": "qwen3-8b"}), id="empty lines"),
    ],
)
def test_lines_may_come_from_any_editor(answers, stdin):
    found = answers(stdin, "--device", "RTX 4090", "-q", "Q4_K_M")
    assert [one["model"] for one in found] == ["qwen3-8b"]


def test_bytes_that_are_no_text_are_an_error_like_any_other(answers):
    found = answers(b'{"model": "qwen\xff"}\n\x00\xfe\n', "--device", "RTX 4090")
    assert [one["schema"] for one in found] == ["advisor.error/1"] * 2


def test_no_line_is_no_answer(answers):
    assert answers(b"") == []


def test_a_console_of_another_encoding_changes_nothing(answers):
    request = lines({"model": "qwen3-8b", "quant": "Q4_K_M", "device": "RTX 4090 ×"})
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    assert answers(request, env=ascii_only) == answers(request)


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX pipe")
def test_a_reader_that_goes_away_ends_it_without_a_word(run):
    reader, writer = os.pipe()
    os.close(reader)
    requests = lines(*[{"model": "llama-3.2-1b", "device": "RTX 4090", "quant": "Q8_0"}] * 20)
    done = run("estimate", "-", stdin=requests, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
