"""The JSON that scripts rely on: what the commands print meets the published schemas."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest

from advisor.__main__ import _invoke

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / "docs/schema"
RECORDED = PROJECT / "tests/advisor/desktop.json"
RECORDINGS = sorted((PROJECT / "tests/machines").glob("*/machine.json"))
NAMES = (
    "scan",
    "show",
    "estimate",
    "devices",
    "models",
    "pull",
    "verify",
    "bench",
    "measurements",
    "check",
    "doctor",
    "error",
)


@pytest.fixture(scope="module")
def validators():
    """A strict validator for each answer."""
    found = {}
    for name in NAMES:
        schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        found[name] = jsonschema.Draft202012Validator(schema)
    return found


@pytest.fixture
def printed(capsys):
    """What a command line prints, as JSON; the command runs in this process."""

    def answer(*words):
        code = _invoke([*words, "--json"])
        assert code in {0, 1, 3}
        return json.loads(capsys.readouterr().out)

    return answer


@pytest.fixture
def valid(printed, validators):
    """The same, once it was found to meet the schema of its name."""

    def answer(*words):
        value = printed(*words)
        validators[words[0]].validate(value)
        assert value["schema"] == f"advisor.{words[0]}/1"
        return value

    return answer


@pytest.fixture
def variant(tmp_path):
    """The recorded desktop with changes: the path of the new recording."""

    def changed(**parts):
        machine = json.loads(RECORDED.read_text(encoding="utf-8"))
        machine.update(parts)
        path = tmp_path / "machine.json"
        path.write_text(json.dumps({key: value for key, value in machine.items() if value}))
        return str(path)

    return changed


# The files


def test_the_files_are_what_the_tool_writes(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT / "tools"))
    spec = importlib.util.spec_from_file_location(
        "output_schemas", PROJECT / "tools/output_schemas.py"
    )
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for module in [name for name in sys.modules if name.partition(".")[0] == "schemas"]:
        monkeypatch.delitem(sys.modules, module)
    texts = tool.texts()
    assert set(texts) == {f"{name}.schema.json" for name in NAMES}
    for name, text in texts.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, (
            "run `python tools/output_schemas.py`"
        )


def test_every_schema_has_a_test():
    files = {path.name.partition(".")[0] for path in FOLDER.iterdir()}
    assert files == {*NAMES, "machine", "requirement"}


def properties_of(schema):
    """Every property of every object in a schema, with its name."""
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            yield name, value
        for value in schema.values():
            yield from properties_of(value)
    if isinstance(schema, list):
        for value in schema:
            yield from properties_of(value)


UNITS = {
    "_bytes": "[bytes]",
    "_tokens": "[tokens]",
    "_tokens_per_s": "[tokens/s]",
    "_bytes_per_s": "[bytes/s]",
    "_flops_per_s": "[FLOP/s]",
    "_s": "[s]",
    "kld_mean": "[nats]",
}


def unit_of(name):
    """The unit that a key's name promises: that of its longest known ending."""
    known = [ending for ending in UNITS if name.endswith(ending)]
    return UNITS[max(known, key=len)] if known else None


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_described_and_every_quantity_has_its_unit(name):
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    schema.get("$defs", {}).pop("machine", None)  # its units are those of `probes.machine`
    for key, value in properties_of(schema):
        if key == "schema" or "$ref" in value:
            continue
        described = value.get("description", "")
        assert described, key
        is_number = {"integer", "number"} & set(str(value.get("type")).split("'"))
        if is_number and (unit := unit_of(key)):
            assert described.endswith(unit), key


# The answers


MACHINES = {
    "a device": ["--device", "RTX 4090"],
    "two devices of two kinds": ["--device", "RTX 3090", "--device", "RTX 3060 12GB"],
    "a Mac": ["--device", "M4 Max 128GB"],
    "a small board": ["--device", "Raspberry Pi 5 8GB"],
    "a processor": ["--machine", str(RECORDED)],
}
each_machine = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


@each_machine
def test_a_scan_meets_its_schema(valid, machine):
    answer = valid("scan", *machine, "--max-params", "9B")
    assert answer["recommendation"]["model"] == answer["models"][0]["model"]


@each_machine
def test_a_page_meets_its_schema(valid, machine):
    answer = valid("show", "qwen3-8b", *machine)
    assert answer["best"]["quant"] in {row["quant"] for row in answer["quants"]}


@each_machine
@pytest.mark.parametrize("model", ["llama-3.2-1b", "gpt-oss-120b", "qwen3-30b-a3b"])
def test_an_estimate_meets_its_schema(valid, machine, model):
    valid("estimate", model, "-q", "Q4_K_M", *machine)


def test_what_does_not_fit_meets_the_schemas(valid, variant):
    tiny = variant(memory={"total_bytes": 200 << 20, "available_bytes": 200 << 20})
    scan = valid("scan", "--machine", tiny)
    assert (scan["models"], scan["recommendation"]) == ([], None)
    assert scan["rejected"][0]["fit"]["verdict"] == "no"
    assert valid("show", "qwen3-8b", "--machine", tiny)["best"] is None
    refused = valid("estimate", "qwen3-8b", "--machine", tiny)["fit"]
    assert (refused["verdict"], refused["max_context_tokens"]) == ("no", None)


def test_what_is_not_known_is_null(valid, variant):
    unmeasured = variant(read_bandwidth=None)
    scan = valid("scan", "--machine", unmeasured, "--max-params", "2B")
    assert scan["target"]["host"]["read_bytes_per_s"] is None
    assert {row["decode_tokens_per_s"] for row in scan["models"]} == {None}
    assert {row["demoted"] for row in scan["models"]} == {"its speed is not known"}
    speed = valid("estimate", "llama-3.2-1b", "--machine", unmeasured)["speed"]
    assert {speed[name] for name in speed if name != "prompt_tokens"} == {None}


def test_a_model_in_parts_meets_the_schemas(valid):
    answer = valid("estimate", "llama-3.3-70b", "-q", "Q4_K_M", "--device", "RTX 4090")
    assert answer["fit"]["verdict"] == "partial"
    assert 0 < answer["placement"]["gpu_layers"] < answer["placement"]["layers"] == 81
    assert [one["kind"] for one in answer["memory"]["devices"]] == ["gpu", "host"]


def test_devices_and_models_meet_their_schemas(valid):
    assert len(valid("devices", "gpt-oss-20b")["devices"]) > 100
    assert len(valid("models")["models"]) > 250
    assert valid("models", "no such model")["models"] == []


@pytest.mark.parametrize("command", ["scan", "doctor"])
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.parent.name)
def test_every_recorded_machine_meets_the_schemas(valid, command, path):
    valid(command, "--machine", str(path))


def test_a_diagnosis_meets_its_schema(valid):
    answer = valid("doctor", "--machine", str(RECORDED))
    assert answer["machine"] == json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "request_line",
    [
        "not JSON",
        "[]",
        '{"model": "no-such-model"}',
        '{"model": "qwen3-8b", "machine": "no-such-file"}',
        '{"model": "qwen3-8b", "context": -1}',
    ],
)
def test_an_error_meets_its_schema(validators, request_line):
    from advisor.batch import answer_lines
    from probes.bandwidth.store import Measure

    (line,) = answer_lines([request_line], defaults={}, measure=Measure.SKIP)
    answer = json.loads(line)
    validators["error"].validate(answer)
    assert answer["error"]["exit_code"] == 2


# The keys of the design: they may only be added to

NUMBER = (int, float)
SPEED = {"value": NUMBER, "low": NUMBER, "high": NUMBER, "origin": str}
PARTS = {
    "weights_bytes": int,
    "kv_cache_bytes": int,
    "compute_bytes": int,
    "overhead_bytes": int,
    "total_bytes": int,
}
PROMISED = {
    "schema": str,
    "model": str,
    "quant": str,
    "file_bytes": int,
    "tensor_bytes": int,
    "workload": {
        "context_tokens": int,
        "ubatch_tokens": int,
        "sequences": int,
        "kv_type_k": str,
        "kv_type_v": str,
        "flash_attention": str,
        "runtime": str,
    },
    "placement": {"gpu_layers": int, "layers": int},
    "memory": {
        **PARTS,
        "devices": [{"name": str, "kind": str, **PARTS, "available_bytes": (int, type(None))}],
    },
    "fit": {"verdict": str, "max_context_tokens": int, "reason": str},
    "speed": {
        "decode_tokens_per_s": SPEED,
        "decode_at_full_context_tokens_per_s": SPEED,
        "prefill_tokens_per_s": SPEED,
        "time_to_first_token_s": NUMBER,
    },
}


def missing(value, promised, path=""):
    """What was promised and is not there, or is of another type."""
    if isinstance(promised, dict):
        for name, inner in promised.items():
            here = f"{path}.{name}"
            yield from missing(value[name], inner, here) if name in value else [here]
    elif isinstance(promised, list):
        for place, one in enumerate(value):
            yield from missing(one, promised[0], f"{path}[{place}]")
    elif not isinstance(value, promised) or isinstance(value, bool):
        yield f"{path} is {value!r}"


def test_an_estimate_holds_every_key_that_scripts_rely_on(printed):
    answer = printed("estimate", "llama-3.2-1b-instruct", "-q", "Q4_K_M", "--device", "RTX 4090")
    assert list(missing(answer, PROMISED)) == []
    assert answer["schema"] == "advisor.estimate/1"
    assert answer["file_bytes"] == 807_694_464  # as bartowski publishes it
    assert answer["tensor_bytes"] == 799_862_912
    placement = answer["placement"]
    assert (placement["gpu_layers"], placement["layers"]) == (17, 17)


@each_machine
def test_the_parts_of_the_memory_add_up(printed, machine):
    memory = printed("estimate", "qwen3-8b", "-q", "Q4_K_M", *machine)["memory"]
    for whole in [memory, *memory["devices"]]:
        parts = ("weights_bytes", "kv_cache_bytes", "compute_bytes", "overhead_bytes")
        assert sum(whole[part] for part in parts) == whole["total_bytes"]
        exact = whole["weights_bytes"] + whole["kv_cache_bytes"]
        assert exact <= whole["low_bytes"] <= whole["total_bytes"] <= whole["high_bytes"]
    for part in PARTS:
        assert sum(device[part] for device in memory["devices"]) == memory[part]


def test_an_interval_holds_its_value(printed):
    for row in printed("scan", "--device", "RTX 4090", "--max-params", "9B")["models"]:
        speed = row["decode_tokens_per_s"]
        assert speed["low"] <= speed["value"] <= speed["high"]


def test_no_key_is_a_number_of_gigabytes(printed):
    text = json.dumps(printed("scan", "--device", "RTX 4090", "--max-params", "9B"))
    assert re.findall(r'"\w*(?:gib|gb|_mb)"', text) == []
