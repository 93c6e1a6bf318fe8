"""What somebody asks: every key of a request, and where the model is to run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import UsageError
from advisor.request import (
    BACKENDS,
    KEYS,
    LARGEST_COUNT,
    gpu_layers_of,
    object_of_line,
    request_from_mapping,
    tokens,
)
from advisor.situation import situation
from advisor.workload import Era, FlashAttention, Runtime, Workload
from catalog.errors import CatalogError
from probes.errors import RecordError

DESKTOP = str(Path(__file__).with_name("desktop.json"))
"""A recorded machine: a desktop without a GPU."""


def request(**values):
    return request_from_mapping({"model": "qwen3-8b", **values})


def test_a_model_is_enough():
    found = request()
    assert (found.model, found.quant, found.devices, found.machine) == ("qwen3-8b", None, (), None)
    assert found.workload == Workload()


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("context", 4096, "context_tokens", 4096),
        ("context", "8k", "context_tokens", 8192),
        ("depth", 0, "depth_tokens", 0),
        ("depth", "2k", "depth_tokens", 2048),
        ("prompt", "4k", "prompt_tokens", 4096),
        ("ubatch", 1024, "ubatch_tokens", 1024),
        ("sequences", 2, "sequences", 2),
        ("kv_unified", True, "kv_unified", True),
        ("kv_unified", False, "kv_unified", False),
        ("kv_type_k", "Q8_0", "kv_type_k", "q8_0"),
        ("kv_type_v", "q4_0", "kv_type_v", "q4_0"),
        ("flash_attention", "off", "flash_attention", FlashAttention.OFF),
        ("flash_attention", True, "flash_attention", FlashAttention.ON),
        ("flash_attention", 0, "flash_attention", FlashAttention.OFF),
        ("runtime", "ollama", "runtime", Runtime.OLLAMA),
        ("era", "before-june-2026", "era", Era.BEFORE_JUNE_2026),
        ("backend", "vulkan", "backend", "vulkan"),
        ("gpu_layers", 12, "gpu_layers", 12),
        ("gpu_layers", "12", "gpu_layers", 12),
        ("gpu_layers", "auto", "gpu_layers", None),
        ("gpu_layers", "all", "offload_all", True),
    ],
)
def test_a_key_of_the_workload(key, value, field, expected):
    assert getattr(request(**{key: value}).workload, field) == expected


@pytest.mark.parametrize("key", KEYS)
def test_null_is_as_good_as_leaving_a_key_out(key):
    if key == "model":
        with pytest.raises(UsageError, match="`model` is missing"):
            request(model=None)
    else:
        assert request(**{key: None}) == request()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("RTX 4090", ("RTX 4090",), id="one name"),
        pytest.param(["RTX 3090", " RTX 3060 12GB "], ("RTX 3090", "RTX 3060 12GB"), id="a list"),
        pytest.param("2x RTX 3090", ("2x RTX 3090",), id="a count is part of the name"),
    ],
)
def test_devices_are_a_name_or_a_list_of_names(value, expected):
    assert request(device=value).devices == expected


@pytest.mark.parametrize(
    ("values", "sentence", "hint"),
    [
        ({"kontext": 1}, "`kontext` is not a key of a request", "did you mean `context`?"),
        ({"gpu-layers": 1}, "`gpu-layers` is not a key of a request", "did you mean `gpu_layers`?"),
        ({"xyz": 1}, "`xyz` is not a key of a request", f"the keys are {', '.join(KEYS)}"),
        ({"model": 3}, "`model` is not a name: 3", None),
        ({"model": " "}, "`model` is not a name: ' '", None),
        ({"quant": 4}, "`quant` is not a name: 4", None),
        ({"machine": []}, "`machine` is not a name: []", None),
        ({"device": []}, "`device` is not a name or a list of names: []", "write `RTX 4090`"),
        ({"device": 4090}, "`device` is not a name or a list of names: 4090", "write `RTX 4090`"),
        ({"device": ["a", 1]}, "`device` is not a name or a list", "write `RTX 4090`"),
        ({"context": 0}, "`context` is not a count of at least 1: 0", None),
        ({"context": -1}, "`context` is not a count of at least 1: -1", None),
        ({"context": 1.5}, "`context` is not a count of at least 1: 1.5", None),
        ({"context": True}, "`context` is not a count of at least 1: True", None),
        ({"context": "lots"}, "`lots` is not a count of tokens", "write `4096` or `8k`"),
        ({"depth": -1}, "`depth` is not a count of at least 0: -1", None),
        ({"ubatch": "512"}, "`ubatch` is not a count of at least 1: '512'", None),
        ({"sequences": 0}, "`sequences` is not a count of at least 1: 0", None),
        ({"sequences": LARGEST_COUNT + 1}, "`sequences` is not a count of at least 1", None),
        ({"kv_unified": "yes"}, "`kv_unified` is neither true nor false: 'yes'", None),
        ({"kv_type_k": 8}, "`kv_type_k` is not a name: 8", None),
        ({"flash_attention": "maybe"}, "`maybe` is not a flash attention", "use one of auto, on"),
        ({"runtime": "vllm"}, "`vllm` is not a runtime", "use one of llama-server, llama-bench"),
        ({"backend": "opencl"}, "`opencl` is not a backend", "use one of cuda, rocm, vulkan"),
        ({"gpu_layers": -1}, "`-1` is not a number of GPU layers", "write a number, `auto` or"),
        ({"gpu_layers": True}, "`True` is not a number of GPU layers", "write a number, `auto` or"),
        ({"gpu_layers": "some"}, "`some` is not a number of GPU layers", "write a number, `auto`"),
        ({"gpu_layers": 2.5}, "`2.5` is not a number of GPU layers", "write a number, `auto` or"),
    ],
)
def test_what_is_not_of_its_kind_is_refused(values, sentence, hint):
    with pytest.raises(UsageError) as refused:
        request(**values)
    assert str(refused.value).startswith(sentence)
    assert (refused.value.hint or "").startswith(hint or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("4096", 4096),
        ("8k", 8192),
        ("128K", 131_072),
        ("1M", 1_048_576),
        ("1.5k", 1536),
        (" 32k ", 32_768),
        ("131,072", 131_072),
        ("131_072", 131_072),
    ],
)
def test_a_count_of_tokens_as_people_write_it(text, expected):
    assert tokens(text) == expected


@pytest.mark.parametrize(
    "text", ["", "k", "0", "-8", "0.0001k", "8kk", "8g", "lots", "nan", "inf", "1e99", "9" * 30]
)
def test_what_is_no_count_of_tokens(text):
    with pytest.raises(UsageError, match="is not a count of tokens"):
        tokens(text)


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_text_is_a_positive_count_or_refused(text):
    try:
        found = tokens(text)
    except UsageError:
        return
    assert 0 < found <= LARGEST_COUNT


@settings(deadline=None)
@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6))
def test_any_value_is_a_number_of_layers_or_refused(value):
    try:
        layers, every = gpu_layers_of(value)
    except UsageError:
        return
    assert layers is None or (0 <= layers <= LARGEST_COUNT and not every)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_request_is_understood_or_refused(values):
    try:
        found = request_from_mapping(values)
    except UsageError:
        return
    assert found.model


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        pytest.param("{", "the line is not JSON: ", id="half an object"),
        pytest.param("[1]", "the line is JSON, but a list and not an object", id="a list"),
        pytest.param('"qwen3-8b"', "the line is JSON, but a string", id="a string"),
        pytest.param("12", "the line is JSON, but a number", id="a number"),
        pytest.param("true", "the line is JSON, but a boolean", id="a boolean"),
        pytest.param("null", "the line is JSON, but a null", id="null"),
        pytest.param("[" * 100_000, "the line is not JSON: ", id="nested beyond all depth"),
    ],
)
def test_a_line_holds_one_object(line, sentence):
    with pytest.raises(UsageError, match=sentence) as refused:
        object_of_line(line)
    assert refused.value.hint == 'write one object per line: {"model": "qwen3-8b"}'


def test_a_line_is_the_object_it_holds():
    asked = {"model": "qwen3-8b", "context": 4096}
    assert object_of_line(json.dumps(asked)) == asked


# Where it is to run.


def test_devices_of_the_catalog_stand_in_for_the_probes():
    here = situation(devices=["RTX 4090", "2x RTX 3090"])
    assert here.machine is None
    assert here.target.is_imagined
    assert [gpu.row_name for gpu in here.target.gpus] == [
        "NVIDIA GeForce RTX 4090",
        "NVIDIA GeForce RTX 3090",
        "NVIDIA GeForce RTX 3090",
    ]


def test_a_recorded_machine_stands_in_for_the_probes():
    here = situation(machine=DESKTOP)
    assert here.machine is not None
    assert not here.target.is_imagined


@pytest.mark.parametrize("devices", [["cpu"], ["CPU"]])
def test_cpu_means_the_machine_without_its_gpus(devices):
    here = situation(devices=devices, machine=DESKTOP)
    assert here.target.gpus == ()
    assert here.machine is not None


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "cpu"])
def test_a_backend_is_every_gpus(backend):
    here = situation(devices=["2x RTX 3090"], backend=backend)
    assert [gpu.backend for gpu in here.target.gpus] == [backend, backend]


def test_the_cpu_as_a_backend_leaves_the_gpus_out():
    assert situation(devices=["RTX 4090"], backend="cpu").target.gpus == ()


def test_a_usual_backend_is_its_makers():
    backends = {
        name: situation(devices=[name]).target.gpus[0].backend
        for name in ("RTX 4090", "RX 7900 XTX", "Arc B580", "M4 Max")
    }
    assert list(backends.values()) == ["cuda", "rocm", "vulkan", "metal"]


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"devices": ["cpu", "RTX 4090"]}, UsageError, "`cpu` means no GPU"),
        ({"devices": ["RTX 9999"]}, CatalogError, "`RTX 9999` is not a device"),
        ({"machine": "no-such-file.json"}, RecordError, "no-such-file.json"),
    ],
)
def test_what_cannot_stand_in_is_refused(asked, error, sentence):
    with pytest.raises(error, match=sentence):
        situation(**asked)
