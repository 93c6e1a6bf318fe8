"""The requirement file: what it may say, and where each mistake stands."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.check.file import parse, read_file
from advisor.check.keys import KEYS, OF_REQUEST
from advisor.check.positions import positions
from advisor.check.problem import RequirementError
from advisor.errors import UsageError

PROJECT = Path(__file__).parents[2]
SCHEMA = json.loads((PROJECT / "docs/schema/requirement.schema.json").read_text(encoding="utf-8"))
GIB = 1 << 30

WHOLE = """\
[check]
strict = true
fail_on = "warning"
ignore = ["ADV202"]

[[require]]
name = "chat"
where = "gpu"
model = "qwen3-8b"
quant = "Q4_K_M"
context = "16k"
sequences = 2
kv_type_k = "q8_0"
kv_type_v = "q8_0"
flash_attention = "on"
min_decode = 30
min_prefill = 500.5
allow_partial = true
ignore = ["ADV408"]

[[require]]
gpu = "2x RTX 3090"
min_gpus = 2
min_gpu_memory = "20GiB"
min_free_gpu_memory = 1073741824
max_gpu_in_use = "1GiB"
dedicated = true
mig = "none"
min_driver = 550.54
min_memory = "16GB"
min_cpus = 4
min_free_disk = "30GB"
"""


def problems(text):
    """Each mistake as line, column and what is said."""
    with pytest.raises(RequirementError) as wrong:
        parse(text.encode(), "advisor.toml")
    return [(one.place.line, one.place.column, one.sentence) for one in wrong.value.problems]


def test_a_file_says_what_is_required():
    said = parse(WHOLE.encode(), "advisor.toml")
    assert (said.strict, said.fail_on, said.ignore) == (True, "warning", ("ADV202",))
    chat, cards = said.requirements
    assert (chat.name, chat.where, chat.request.model) == ("chat", "gpu", "qwen3-8b")
    assert chat.request.workload.context_tokens == 16_384
    assert (chat.request.workload.sequences, chat.request.workload.kv_type_v) == (2, "q8_0")
    assert (chat.min_decode_tokens_per_s, chat.min_prefill_tokens_per_s) == (30.0, 500.5)
    assert (chat.allow_partial, chat.ignore) == (True, ("ADV408",))
    assert (cards.name, cards.request) == ("requirement 2", None)
    assert (cards.min_gpu_memory_bytes, cards.min_free_gpu_memory_bytes) == (20 * GIB, GIB)
    assert (cards.min_driver, cards.min_memory_bytes) == ("550.54", 16 * 10**9)


def test_each_key_knows_its_place():
    chat, cards = parse(WHOLE.encode(), "advisor.toml").requirements
    assert (chat.place_of("min_decode").line, chat.place_of("min_decode").column) == (16, 1)
    assert chat.place_of(None).line == 6
    assert cards.place_of("min_driver").line == 29
    assert cards.place_of("model").line == 21, "what is not there is asked for by the whole"


MISTAKES = [
    pytest.param(
        '[[require]]\nmodle = "qwen3-8b"\n',
        [(2, 1, "`modle` is not a key of a requirement")],
        id="an unknown key",
    ),
    pytest.param(
        '[[require]]\n  min_memory = "lots"\n',
        [(2, 3, "`min_memory`: `lots` is not a size; write `20GiB` (binary) or `30GB` (decimal)")],
        id="a value that is none, indented",
    ),
    pytest.param(
        '[[require]]\nmin_cpus = 4\n[[require]]\nmin_cpus = 0\nmin_gpus = "two"\n',
        [
            (4, 1, "`min_cpus`: `0` is not a count of at least 1"),
            (5, 1, "`min_gpus`: `two` is not a count of at least 1"),
        ],
        id="every mistake is told, in the order of the file",
    ),
    pytest.param(
        "[[require]]\nmin_decode = 30\n",
        [(2, 1, "`min_decode` says something of a model, and there is no `model`")],
        id="a floor without a model",
    ),
    pytest.param(
        '[[require]]\nmodel = "qwen3-8b"\ncontext = "much"\n',
        [(3, 1, "`much` is not a count of tokens")],
        id="a key of the request",
    ),
    pytest.param(
        '[[require]]\nmodel = "qwen3-8b"\nruntime = "vllm"\n',
        [(3, 1, "`vllm` is not a runtime")],
        id="a word that is not among those allowed",
    ),
    pytest.param(
        '[[require]]\nname = "x"\n', [(1, 1, "`requirement 1` asks for nothing")], id="nothing"
    ),
    pytest.param("", [(1, 1, "it has no `[[require]]` table")], id="an empty file"),
    pytest.param(
        "[require]\nmin_cpus = 4\n", [(1, 1, "`require` is one table")], id="one pair of brackets"
    ),
    pytest.param(
        "[requires]\nmin_cpus = 4\n\n[[require]]\nmin_cpus = 4\n",
        [(1, 1, "`requires` is not a table of a requirement file")],
        id="an unknown table",
    ),
    pytest.param(
        "[check]\nstrickt = true\n[[require]]\nmin_cpus = 4\n",
        [(2, 1, "`strickt` is not a key of `[check]`; did you mean `strict`?")],
        id="an unknown setting",
    ),
    pytest.param(
        '[check]\nfail_on = "note"\n[[require]]\nmin_cpus = 4\n',
        [(2, 1, "`fail_on`: `note` is neither `error` nor `warning`")],
        id="a severity that cannot decide",
    ),
    pytest.param(
        '[[require]]\nmin_cpus = 4\nignore = ["ADV999"]\n',
        [(3, 1, "`ignore`: `ADV999` is not a rule; docs/rules.md lists them")],
        id="an unknown rule",
    ),
    pytest.param(
        '[[require]]\nmin_cpus = 4\nmodel = "qwen3\n',
        [(3, 15, "it is not TOML: illegal character '\\n'")],
        id="what is no TOML",
    ),
    pytest.param(
        "[[require]]\nmin_cpus =", [(2, 11, "it is not TOML: invalid value")], id="a cut file"
    ),
    pytest.param(
        "require = [\n  { min_cpus = 4 },\n  { min_cpus = 4, min_gpu = 1 },\n]\n",
        [(3, 19, "`min_gpu` is not a key of a requirement")],
        id="inline tables",
    ),
    pytest.param(
        '[[require]]\nmin_cpus = 4\n"min cpus" = 4\n',
        [(3, 1, "`min cpus` is not a key of a requirement")],
        id="a quoted key",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_a_mistake_is_told_with_its_line_and_column(text, expected):
    assert problems(text) == expected


def test_an_unknown_key_comes_with_the_nearest_one():
    with pytest.raises(RequirementError) as wrong:
        parse(b'[[require]]\nmin_gpu_memmory = "1GiB"\n', "advisor.toml")
    assert str(wrong.value) == (
        "`advisor.toml`, line 2, column 1: `min_gpu_memmory` is not a key of a requirement; did you"
        " mean `min_gpu_memory`?"
    )


def test_a_file_with_other_line_ends_or_a_mark_at_its_beginning_is_read_alike():
    odd = b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode()
    assert parse(odd, "advisor.toml") == parse(WHOLE.encode(), "advisor.toml")


def test_a_file_that_is_not_utf_8_is_refused_at_the_byte():
    with pytest.raises(RequirementError) as wrong:
        parse(b"# a\n# b\xff\n", "advisor.toml")
    (only,) = wrong.value.problems
    assert (only.place.line, only.place.column, only.sentence) == (2, 4, "it is not UTF-8")


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read: No such file"):
        read_file(str(tmp_path / "advisor.toml"))


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "advisor.toml"
    path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read_file(str(path))


# The schema


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_takes_what_the_program_takes():
    jsonschema.validate(tomllib.loads(WHOLE), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        case.values[0]
        for case in MISTAKES
        # What is no TOML, and words whose sense only the program knows, are beyond a schema.
        if "TOML" not in case.values[1][0][2] and case.id not in {"a key of the request", "nothing"}
    ],
)
def test_the_schema_refuses_what_the_program_refuses(text):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), SCHEMA)


def test_the_schema_knows_every_key():
    table = SCHEMA["properties"]["require"]["items"]["properties"]
    assert set(table) == {key.name for key in KEYS} | {"name", "where", "ignore"}


def test_keys_of_a_model_are_those_of_a_request():
    from advisor.request import KEYS as REQUEST_KEYS

    assert set(OF_REQUEST) <= set(REQUEST_KEYS)


def test_the_example_of_the_guide_is_one(tmp_path):
    guide = (PROJECT / "docs/ci.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    said = parse(example.encode(), "advisor.toml")
    assert [one.name for one in said.requirements] == ["chat", "fallback"]
    jsonschema.validate(tomllib.loads(example), SCHEMA)


# Places


AWKWARD = '''\
# [[require]] in a comment
title = "a [table] = 'no' # comment"   # model = 1
"quoted key" = 1
literal = 'C:\\path\\'
dotted . "key" = { inner = [1, { deep = "}" }], other = """
multi = "no"
""" }
text = """"quoted" at both ends"""""
more = \'\'\'it's\'\'\'
numbers = [
  1,  # one
  2,
]
[[things]]
a = 1
[things.sub]
b = 2
[[things]]
a = 3
'''


def test_places_are_found_among_everything_that_toml_has():
    found = positions(AWKWARD)
    assert found["title",] == (2, 1)
    assert found["quoted key",] == (3, 1)
    assert found["literal",] == (4, 1)
    assert found["dotted", "key"] == (5, 1)
    assert found["dotted", "key", "inner"] == (5, 20)
    assert found["dotted", "key", "inner", 1, "deep"] == (5, 34)
    assert found["dotted", "key", "other"] == (5, 49)
    assert found["text",] == (8, 1)
    assert found["more",] == (9, 1)
    assert found["numbers", 1] == (12, 3)
    assert found["things", 0, "a"] == (15, 1)
    assert found["things", 0, "sub", "b"] == (17, 1)
    assert found["things", 1, "a"] == (19, 1)


def paths_of(value, path=()):
    """Every path that a value has."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from paths_of(inner, (*path, key))


@pytest.mark.parametrize("text", [WHOLE, AWKWARD], ids=["usual", "awkward"])
def test_every_path_that_the_parser_knows_has_a_place(text):
    assert set(paths_of(tomllib.loads(text))) <= set(positions(text))


KEYS_OF_TOML = st.sampled_from(["a", "b", '"c d"', "'e.f'", "g-h"])
STRINGS = st.sampled_from(['"x"', "'y'", '"""z\nz"""', "'''[[\n'''", '"\\""', '"#"', "1", "true"])
VALUES = st.recursive(
    STRINGS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda many: "[" + ", ".join(many) + "]")
        | st.dictionaries(KEYS_OF_TOML, inner, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs.items()) + "}"
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(KEYS_OF_TOML, VALUES, max_size=5))
def test_no_valid_text_hides_a_path(pairs):
    text = "".join(f"{key} = {value}  # note\n" for key, value in pairs.items())
    assert set(paths_of(tomllib.loads(text))) <= set(positions(text))
