"""What a workload leaves open, filled in as the wanted runtime fills it in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import UsageError
from advisor.estimate.setup import (
    KV_TYPES,
    check_head_lengths,
    default_context_tokens,
    resolve,
    round_up,
)
from advisor.workload import Era, FlashAttention, Runtime, Workload
from catalog.names import find_model

TRAINED = 131_072


def filled(*, trained_tokens=TRAINED, **asked):
    return resolve(Workload(**asked), trained_tokens=trained_tokens)


@pytest.mark.parametrize(
    ("trained_tokens", "expected"),
    [
        pytest.param(131_072, 8192, id="8,192 for a model made for more"),
        pytest.param(4096, 4096, id="the model's own where that is less"),
    ],
)
def test_a_context_nobody_asked_for(trained_tokens, expected):
    assert default_context_tokens(trained_tokens) == expected
    assert filled(trained_tokens=trained_tokens).context_tokens == expected


@pytest.mark.parametrize(
    ("runtime", "sequences", "output_rows"),
    [
        pytest.param(Runtime.LLAMA_SERVER, 4, 4, id="llama-server: four slots, a row for each"),
        pytest.param(Runtime.LLAMA_BENCH, 1, 512, id="llama-bench: one, a row for each token"),
        pytest.param(Runtime.LLAMA_CPP_PYTHON, 1, 512, id="llama-cpp-python: as llama-bench"),
        pytest.param(Runtime.OLLAMA, 1, 1, id="Ollama: one slot of llama-server"),
        pytest.param(Runtime.LMSTUDIO, 4, 4, id="LM Studio: four predictions, as llama-server"),
        pytest.param(Runtime.LLAMAFILE, 1, 512, id="llamafile: as llama-bench"),
    ],
)
def test_each_runtime_has_its_own_slots_and_rows_of_logits(runtime, sequences, output_rows):
    found = filled(runtime=runtime)
    assert (found.sequences, found.output_rows) == (sequences, output_rows)


@pytest.mark.parametrize(
    ("asked", "streams", "stream_cells"),
    [
        pytest.param({}, 1, 8192, id="uncounted slots share one cache"),
        pytest.param({"sequences": 4}, 4, 2048, id="counted slots divide the context"),
        pytest.param({"sequences": 4, "kv_unified": True}, 1, 8192, id="unless they are to share"),
        pytest.param({"kv_unified": False}, 4, 2048, id="the usual four, told not to share"),
        pytest.param({"sequences": 1}, 1, 8192, id="a single one has it all"),
        pytest.param({"sequences": 3}, 3, 2816, id="8,192 / 3 = 2,730 is rounded up to 2,816"),
        pytest.param(
            {"sequences": 2, "context_tokens": 513},
            2,
            512,
            id="513 is 768 before it is divided: 384 each, rounded up to 512",
        ),
    ],
)
def test_slots_share_a_cache_or_have_their_own(asked, streams, stream_cells):
    found = filled(**asked)
    assert (found.streams, found.stream_cells) == (streams, stream_cells)


def test_a_context_is_rounded_up_to_256_cells():
    assert [filled(context_tokens=tokens).stream_cells for tokens in (1, 256, 257, 8000)] == [
        256,
        256,
        512,
        8192,
    ]


def test_a_micro_batch_is_never_longer_than_the_context():
    assert filled(context_tokens=100).ubatch_tokens == 100


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({"sequences": 1}, 768, id="627 tokens are 768 cells"),
        pytest.param({"sequences": 4, "kv_unified": True}, 768, id="shared by four, the same"),
        pytest.param({"sequences": 4}, 1024, id="four of 256 each: more than the batch asked for"),
    ],
)
def test_an_encoders_micro_batch_is_never_longer_than_its_cells(asked, expected):
    """It looks both ways, so that llama.cpp bounds no batch by the context that was asked for."""
    workload = Workload(context_tokens=627, ubatch_tokens=1024, **asked)
    found = resolve(workload, trained_tokens=2048, architecture="gemma-embedding")
    assert found.ubatch_tokens == expected
    assert resolve(workload, trained_tokens=2048, architecture="gemma3").ubatch_tokens == 627


@pytest.mark.parametrize(
    ("gpu_gib", "expected"),
    [
        pytest.param(None, 4096, id="4,096 where the memory is not known"),
        pytest.param(0, 4096, id="and without a GPU"),
        pytest.param(22.9, 4096, id="and below 23 GiB"),
        pytest.param(23, 32_768, id="32,768 from there"),
        pytest.param(47, 131_072, id="262,144 from 47 GiB, but never more than the model's own"),
    ],
)
def test_ollama_gives_context_by_the_gpus_memory(gpu_gib, expected):
    memory = None if gpu_gib is None else int(gpu_gib * (1 << 30))
    asked = {"trained_tokens": TRAINED, "gpu_bytes": memory}
    assert resolve(Workload(runtime=Runtime.OLLAMA), **asked).context_tokens == expected


def test_who_asks_ollama_for_a_context_gets_it():
    asked = Workload(runtime=Runtime.OLLAMA, context_tokens=16_384)
    for memory in (None, 80 << 30):
        assert resolve(asked, trained_tokens=TRAINED, gpu_bytes=memory).context_tokens == 16_384


@pytest.mark.parametrize(
    ("context_tokens", "expected"),
    [(2048, 512), (4096, 512), (4352, 1024), (32_768, 1024), (33_024, 2048)],
)
def test_ollama_takes_a_larger_batch_for_a_longer_context(context_tokens, expected):
    asked = {"runtime": Runtime.OLLAMA, "context_tokens": context_tokens}
    assert filled(**asked).ubatch_tokens == expected
    assert filled(**asked, ubatch_tokens=256).ubatch_tokens == 256


def test_ollama_takes_a_whole_prompt_at_once_where_embeddings_are_wanted():
    asked = Workload(runtime=Runtime.OLLAMA, context_tokens=2048)
    found = resolve(asked, trained_tokens=TRAINED, architecture="nomic-bert")
    assert found.ubatch_tokens == 2048


def test_ollama_gives_every_sequence_the_whole_context():
    """`-c` is the context times the sequences, divided among them again."""
    found = filled(runtime=Runtime.OLLAMA, context_tokens=8192, sequences=3)
    assert (found.streams, found.stream_cells, found.context_tokens) == (3, 8192, 8192)


@pytest.mark.parametrize(("architecture", "expected"), [("qwen3next", 1), ("qwen3", 4)])
def test_ollama_runs_some_architectures_one_at_a_time(architecture, expected):
    asked = Workload(runtime=Runtime.OLLAMA, sequences=4, context_tokens=4096)
    found = resolve(asked, trained_tokens=TRAINED, architecture=architecture)
    assert found.sequences == expected


def test_llama_cpp_python_keeps_the_whole_context_of_layers_with_a_window():
    runtimes = [one for one in Runtime if filled(runtime=one).keeps_whole_windows]
    assert runtimes == [Runtime.LLAMA_CPP_PYTHON]


def test_builds_before_june_2026_have_a_row_of_logits_for_each_token():
    for runtime in Runtime:
        found = filled(runtime=runtime, era=Era.BEFORE_JUNE_2026)
        assert found.output_rows == found.ubatch_tokens


def test_a_depth_is_never_beyond_the_context():
    assert filled(context_tokens=4096, depth_tokens=9999).depth_tokens == 4096


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, True, id="on wherever nobody says otherwise"),
        pytest.param({"flash_attention": FlashAttention.OFF}, False, id="off when told so"),
        pytest.param({"runtime": Runtime.LLAMAFILE}, False, id="off in llamafile"),
        pytest.param({"runtime": Runtime.LLAMA_CPP_PYTHON}, False, id="off in llama-cpp-python"),
        pytest.param(
            {"runtime": Runtime.LLAMAFILE, "flash_attention": FlashAttention.ON},
            True,
            id="on in llamafile when told so",
        ),
    ],
)
def test_flash_attention_is(asked, expected):
    assert filled(**asked).flash_attention is expected


@pytest.mark.parametrize(
    ("asked", "sentence", "hint"),
    [
        pytest.param(
            {"context_tokens": 200_000},
            "a context of 200,000 tokens is beyond the model's own 131,072",
            "ask for `--context 131072` or less",
            id="a context beyond the model's",
        ),
        pytest.param(
            {"kv_type_k": "q3_K"},
            "`q3_K` is not a cache type that llama.cpp takes for `kv_type_k`",
            "use one of f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, iq4_nl",
            id="a type that no cache has",
        ),
        pytest.param(
            {"kv_type_v": "q8_0", "flash_attention": FlashAttention.OFF},
            "llama.cpp refuses a V cache of type `q8_0` without flash attention",
            "leave flash attention on, or use `f16`",
            id="a quantized V without flash attention",
        ),
        pytest.param(
            {"kv_type_v": "q8_0", "runtime": Runtime.LLAMAFILE},
            "llama.cpp refuses a V cache of type `q8_0` without flash attention",
            "leave flash attention on, or use `f16`",
            id="the same in a runtime that has it off",
        ),
    ],
)
def test_what_cannot_be_is_refused(asked, sentence, hint):
    with pytest.raises(UsageError) as refused:
        filled(**asked)
    assert str(refused.value) == sentence
    assert refused.value.hint == hint


def test_a_quantized_k_needs_no_flash_attention():
    found = filled(kv_type_k="q8_0", flash_attention=FlashAttention.OFF)
    assert found.kv_type_k == "q8_0"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, True, id="where `auto` chose it"),
        pytest.param({"flash_attention": FlashAttention.ON}, False, id="not where it was asked"),
        pytest.param({"kv_type_v": "q8_0"}, False, id="nor where the cache insists on it"),
        pytest.param({"runtime": Runtime.LLAMAFILE}, False, id="nor where it is off"),
    ],
)
def test_flash_attention_may_be_given_up(asked, expected):
    assert filled(**asked).may_lose_flash is expected


def test_one_latent_for_k_and_v_has_one_type():
    """llama.cpp refuses two for latent attention and for compressed streams."""
    for name in ("deepseek-v3-0324", "deepseek-v4-flash"):
        hyper = find_model(name).hyperparameters
        with pytest.raises(UsageError, match="different types for K and V"):
            check_head_lengths(filled(kv_type_k="q8_0"), hyper)
        check_head_lengths(filled(kv_type_k="q8_0", kv_type_v="q8_0"), hyper)


def test_a_cache_whose_blocks_do_not_divide_the_heads_is_refused():
    """EXAONE 3.5 2.4B has heads of 80; q8_0 and its kin store 32 values a block."""
    heads_of_80 = find_model("exaone-3.5-2.4b-instruct").hyperparameters
    with pytest.raises(UsageError, match="its heads of 80 are no whole blocks of 32"):
        check_head_lengths(filled(kv_type_k="q8_0"), heads_of_80)
    with pytest.raises(UsageError, match="a V cache of type `q4_0`"):
        check_head_lengths(filled(kv_type_v="q4_0"), heads_of_80)
    check_head_lengths(filled(kv_type_k="bf16"), heads_of_80)
    heads_of_128 = find_model("llama-3.1-8b-instruct").hyperparameters
    for name in KV_TYPES:
        check_head_lengths(filled(kv_type_k=name, kv_type_v=name), heads_of_128)


@settings(deadline=None)
@given(value=st.integers(0, 1 << 40), step=st.integers(1, 4096))
def test_rounding_up_gives_the_next_multiple(value, step):
    rounded = round_up(value, step)
    assert rounded % step == 0
    assert value <= rounded < value + step
