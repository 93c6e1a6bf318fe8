"""The exact lines that download and run a file."""

from __future__ import annotations

import pytest

from advisor.estimate.estimator import estimate
from advisor.report.download import Download, download_of
from advisor.report.run_commands import run_commands
from advisor.workload import Workload


@pytest.fixture(scope="session")
def commands(subject, target):
    """The lines for a model on some GPUs, by program."""

    def find(*gpus, model="llama-3.2-1b-instruct", host_gib=64, download=None, **asked):
        one = subject(model)
        answer = estimate(one, Workload(**asked), target(*gpus, host_gib=host_gib), brief=True)
        found = run_commands(answer, download or download_of(one))
        return {command.program: command for command in found}

    return find


SERVER = (
    "llama-server -hf bartowski/Llama-3.2-1B-Instruct-GGUF"
    " -hff Llama-3.2-1B-Instruct-Q4_K_M.gguf -c 8192"
)


def test_llama_cpp_gets_the_file_and_the_context(commands):
    found = commands()["llama.cpp"]
    assert (found.lines, found.note) == ((SERVER,), None)


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        pytest.param({"context_tokens": 32768}, "", id="another context"),
        pytest.param({"sequences": 2}, " -np 2", id="counted slots"),
        pytest.param({"sequences": 4}, " -np 4", id="four slots that do not share"),
        pytest.param(
            {"kv_type_k": "q8_0", "kv_type_v": "q8_0"}, " -ctk q8_0 -ctv q8_0", id="a smaller cache"
        ),
    ],
)
def test_llama_cpp_gets_what_was_asked_for(commands, asked, more):
    context = asked.get("context_tokens", 8192)
    assert commands(**asked)["llama.cpp"].lines == (SERVER.replace("8192", str(context)) + more,)


def test_llama_cpp_gets_the_layers_where_there_is_a_gpu(commands, gpu):
    assert commands(gpu(24))["llama.cpp"].lines == (SERVER + " -ngl 99",)
    some = commands(gpu(24), gpu_layers=7)["llama.cpp"].lines
    assert some == (SERVER + " -ngl 7",)


def test_llama_cpp_gets_the_experts_that_stay_and_the_split(commands, gpu):
    asked = {"gpu_layers": 49, "n_cpu_moe": 12, "tensor_split": (3.0, 1.5)}
    (line,) = commands(gpu(24), gpu(24), model="qwen3-30b-a3b", **asked)["llama.cpp"].lines
    assert line.endswith(" -ngl 99 --n-cpu-moe 12 --tensor-split 3,1.5")


def test_llama_cpp_picks_a_file_that_was_not_seen_by_its_quant(commands):
    found = commands(model="gemma-3-4b-it")["llama.cpp"]
    assert found.lines == ("llama-server -hf unsloth/gemma-3-4b-it-GGUF:Q4_K_M -c 8192",)
    assert "not seen in a listing" in found.note


def test_ollama_gets_the_quant_and_is_told_the_context_at_its_prompt(commands):
    found = commands(context_tokens=4096)["Ollama"]
    assert found.lines == (
        "ollama run hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
        "/set parameter num_ctx 4096",
    )
    assert found.note == "the second line is typed at Ollama's prompt"


def test_lm_studio_gets_the_repository_and_the_quant(commands):
    assert commands()["LM Studio"].lines == (
        "lms get https://huggingface.co/bartowski/Llama-3.2-1B-Instruct-GGUF@q4_k_m",
        "lms load --context-length 8192",
    )


def test_a_name_with_a_space_is_quoted(commands, subject):
    odd = Download(
        size_bytes=download_of(subject("llama-3.2-1b-instruct")).size_bytes,
        repository="owner/repository",
        file_name="a model.gguf",
        is_certain=True,
    )
    assert " -hff 'a model.gguf' " in commands(download=odd)["llama.cpp"].lines[0]


def test_without_a_repository_there_is_nothing_to_run(commands):
    assert commands(model="ministral-3-8b-instruct-2512") == {}
