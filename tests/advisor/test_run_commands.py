"""The exact lines that download and run a file."""

from __future__ import annotations

import pytest

from advisor.estimate.estimator import estimate
from advisor.report.download import Download, download_of
from advisor.report.run_commands import run_commands
from advisor.request import KEYS
from advisor.workload import Era, FlashAttention, LoadMode, Runtime, Workload


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
        pytest.param({"kv_unified": False}, " -np 4", id="nor do they if nobody counts them"),
        pytest.param({"sequences": 4, "kv_unified": True}, "", id="four that share: its own way"),
        pytest.param(
            {"sequences": 2, "kv_unified": True}, " -np 2 --kv-unified", id="two that share"
        ),
        pytest.param({"sequences": 1}, " -np 1", id="one slot"),
        pytest.param(
            {"kv_type_k": "q8_0", "kv_type_v": "q8_0"}, " -ctk q8_0 -ctv q8_0", id="a smaller cache"
        ),
        pytest.param({"kv_type_k": "bf16"}, " -ctk bf16", id="keys in another type"),
        pytest.param({"ubatch_tokens": 1024}, " -ub 1024", id="a larger micro-batch"),
        pytest.param({"ubatch_tokens": 512}, "", id="the usual micro-batch"),
        pytest.param(
            {"ubatch_tokens": 4096}, " -b 4096 -ub 4096", id="one that is beyond the usual batch"
        ),
        pytest.param({"context_tokens": 256}, "", id="a context below the micro-batch"),
        pytest.param({"flash_attention": FlashAttention.OFF}, " -fa off", id="scores stored"),
        pytest.param({"flash_attention": FlashAttention.ON}, " -fa on", id="never stored"),
        pytest.param({"load_mode": LoadMode.NONE}, " --load-mode none", id="read into memory"),
        pytest.param(
            {"load_mode": LoadMode.MMAP_MLOCK}, " --load-mode mmap+mlock", id="locked pages"
        ),
        pytest.param({"backend": "cpu"}, " --device none", id="no GPU, though there may be one"),
        pytest.param(
            {"runtime": Runtime.OLLAMA, "sequences": 2},
            " -np 2 -ub 1024",
            id="as Ollama: the context of each, and its batch for both",
        ),
        pytest.param({"depth_tokens": 512}, "", id="the depth is a question, no setting"),
    ],
)
def test_llama_cpp_gets_what_was_asked_for(commands, asked, more):
    context = asked.get("context_tokens", 8192)
    if asked.get("runtime") is Runtime.OLLAMA:
        context = 2 * 4096  # without a GPU, Ollama gives 4,096 to each
    assert commands(**asked)["llama.cpp"].lines == (SERVER.replace("8192", str(context)) + more,)


def test_llama_cpp_gets_the_layers_where_there_is_a_gpu(commands, gpu):
    assert commands(gpu(24))["llama.cpp"].lines == (SERVER + " -ngl 99",)
    some = commands(gpu(24), gpu_layers=7)["llama.cpp"].lines
    assert some == (SERVER + " -ngl 7",)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (LoadMode.AUTO, ""),
        (LoadMode.NONE, " --no-mmap"),
        (LoadMode.MMAP, " --mmap"),
        (LoadMode.MLOCK, " --no-mmap --mlock"),
        (LoadMode.MMAP_MLOCK, " --mlock"),
        (LoadMode.DIO, " --direct-io"),
    ],
)
def test_older_builds_have_other_words_for_how_a_file_is_read(commands, mode, words):
    found = commands(load_mode=mode, era=Era.BEFORE_JUNE_2026)["llama.cpp"]
    assert found.lines == (SERVER + words,)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param({}, " -ngl 99", id="all"),
        pytest.param({"gpu_layers": 0}, " -ngl 0", id="none: it would take all"),
        pytest.param({"gpu_layers": 7}, " -ngl 7", id="seven"),
        pytest.param({"offload_all": True}, " -ngl 99", id="all, whether they fit or not"),
        pytest.param({"backend": "cuda"}, " --device CUDA0 -ngl 99", id="a backend by its name"),
    ],
)
def test_llama_cpp_gets_the_layers_that_were_asked_for(commands, gpu, asked, words):
    assert commands(gpu(24), **asked)["llama.cpp"].lines == (SERVER + words,)


def test_a_model_of_more_than_99_layers_gets_them_all(commands, gpu, subject):
    """Llama 3.1 405B has 126 blocks."""
    one = subject("llama-3.1-405b-instruct")
    held = Download(
        size_bytes=download_of(one).size_bytes,
        repository=None,
        file_name="405b.gguf",
        is_certain=True,
    )
    found = commands(*[gpu(80)] * 4, model="llama-3.1-405b-instruct", download=held)
    assert found["llama.cpp"].lines == ("llama-server -m 405b.gguf -c 8192 -ngl 127",)


def test_llama_cpp_is_told_which_gpus_it_may_use(commands, gpu):
    """Left alone it would share the layers out over both, with a pipeline's buffers."""
    one = commands(gpu(24), gpu(24))["llama.cpp"].lines[0]
    assert one.endswith(" --device CUDA0 -ngl 99")
    faster = (gpu(24, cuda_index=1), gpu(24, cuda_index=0))
    assert commands(*faster)["llama.cpp"].lines[0].endswith(" --device CUDA1 -ngl 99")
    both = commands(*faster, gpu_layers=16)["llama.cpp"].lines[0]
    assert both.endswith(" --device CUDA1,CUDA0 -ngl 16")
    in_order = commands(gpu(24), gpu(24), gpu_layers=16)["llama.cpp"].lines[0]
    assert in_order.endswith("-c 8192 -ngl 16")


def test_windows_that_are_kept_whole_are_asked_for(commands):
    asked = {"runtime": Runtime.LLAMA_CPP_PYTHON}
    (line,) = commands(model="gemma-3-4b-it", **asked)["llama.cpp"].lines
    assert line.endswith(" -np 1 -fa off --swa-full")
    (line,) = commands(**asked)["llama.cpp"].lines
    assert line.endswith(" -np 1 -fa off")


def test_a_model_for_embeddings_serves_them(commands):
    (line,) = commands(model="qwen3-embedding-0.6b")["llama.cpp"].lines
    assert line.endswith(" --embedding")


def test_every_key_of_a_request_that_sets_something_up_is_in_the_table():
    """So that a new one is thought of: the rest chooses the file or the machine, or only asks."""
    elsewhere = {"model", "quant", "device", "machine", "depth", "prompt", "runtime", "era"}
    in_tables = {
        *("context", "sequences", "kv_unified", "kv_type_k", "kv_type_v", "ubatch", "load_mode"),
        *("flash_attention", "backend", "gpu_layers", "n_cpu_moe", "tensor_split"),
    }
    assert set(KEYS) == elsewhere | in_tables


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
