"""`advisor verify`: whole, not whole, no GGUF file, or a header that nobody can read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from advisor.__main__ import _invoke
from advisor.errors import BadHeaderError, UsageError, translate
from advisor.render.paper import Paper
from advisor.render.verification import verification_text
from advisor.report.verification import verify
from catalog.gguf.errors import GgufError

PROJECT = Path(__file__).parents[2]
VALID = PROJECT / "tests/gguf/valid"
INVALID = PROJECT / "tests/gguf/invalid"
BLOCKS = VALID / "blocks.gguf"
BLOCKS_SHA256 = hashlib.sha256(BLOCKS.read_bytes()).hexdigest()


@pytest.fixture
def answer(capsys):
    """What `verify` answers, in this process: the exit code and what it printed."""

    def ask(*words):
        code = _invoke(["verify", *map(str, words)])
        return code, capsys.readouterr().out

    return ask


@pytest.fixture
def valid_json(answer):
    """The same as JSON that meets its schema."""
    schema = json.loads((PROJECT / "docs/schema/verify.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)

    def ask(*words):
        code, text = answer(*words, "--json")
        value = json.loads(text)
        validator.validate(value)
        return code, value

    return ask


def exit_code_of(path):
    """What the whole program would end with."""
    try:
        return 0 if verify(path).is_whole else 1
    except GgufError as error:
        return int(translate(error).exit_code)


# Whole


def test_a_whole_file_is_named_with_what_it_is(answer):
    code, text = answer(BLOCKS)
    assert code == 0
    assert text == (
        "blocks.gguf: whole\n"
        "  Architecture  llama\n"
        "  Name          not said\n"
        "  Quantization  Q4_K_M\n"
        "  Format        GGUF version 3\n"
        "  Parts         1\n"
        "  Tensors       2 of 356 B together\n"
        f"  Size          0 MB ({BLOCKS.stat().st_size} B)\n"
    )


def test_a_split_file_is_checked_whole_from_any_part(valid_json):
    whole = [valid_json(VALID / f"split-0000{part}-of-00002.gguf") for part in (1, 2)]
    for code, value in whole:
        assert code == 0
        assert value["contents"] == whole[0][1]["contents"]
        assert value["contents"]["parts"] == 2
        assert value["contents"]["gguf_versions"] == [3, 3]
        assert value["contents"]["tensors"] == 3
        assert value["contents"]["tensor_bytes"] == 32 + 288 + 68


def test_what_is_odd_is_noted_and_the_file_is_whole(answer):
    code, text = answer(VALID / "bytes-after-the-data.gguf")
    assert code == 0
    assert "Note: `bytes-after-the-data.gguf` has 36 bytes after its last tensor" in text


def test_what_a_header_does_not_say_is_null(valid_json):
    contents = valid_json(VALID / "every-value.gguf")[1]["contents"]
    assert contents["architecture"] == "llama"
    assert (contents["name"], contents["quant"]) == (None, None)


@pytest.mark.parametrize(
    ("number", "quant"), [(15, "Q4_K_M"), (7, "Q8_0"), (1024 + 15, "Q4_K_M"), (9999, None)]
)
def test_the_quant_is_the_headers_file_type_guessed_or_not(tmp_path, number, quant):
    raw = BLOCKS.read_bytes()
    stated = (15).to_bytes(4, "little")
    place = raw.index(stated, raw.index(b"general.file_type"))
    path = tmp_path / "model.gguf"
    path.write_bytes(raw[:place] + number.to_bytes(4, "little") + raw[place + 4 :])
    assert verify(path).contents.quant == quant


def test_a_name_cannot_move_the_cursor(tmp_path, answer):
    raw = (VALID / "stray-bytes.gguf").read_bytes()
    path = tmp_path / "model.gguf"
    path.write_bytes(raw.replace(b"caf\xe9", b"\x1b[2J"))
    assert "\x1b" not in answer(path)[1]


# Not whole


@pytest.mark.parametrize(
    "name",
    ["ends-in-its-data", "ends-in-its-keys", "overlap", "gap", "lonely-00001-of-00002"],
)
def test_a_file_that_is_not_whole_says_why_on_standard_output(answer, name):
    code, text = answer(INVALID / f"{name}.gguf")
    assert code == 1
    assert text.startswith(f"{name}.gguf: not whole\n")
    sentence = (INVALID / f"{name}.txt").read_text(encoding="utf-8").strip()
    assert " ".join(text.split()).count(f"{sentence}. Hint: ") == 1


def test_what_a_cut_off_file_is_can_still_be_told_from_its_header(valid_json):
    code, value = valid_json(INVALID / "ends-in-its-data.gguf")
    assert (code, value["whole"]) == (1, False)
    assert value["problem"].endswith("before the end of tensor `b`, 1 byte too early")
    assert value["contents"]["tensors"] == 2
    assert value["contents"]["file_bytes"] == 223


@pytest.mark.parametrize(
    "name", ["ends-in-its-keys", "lonely-00001-of-00002", "rows-of-half-blocks"]
)
def test_what_cannot_be_told_is_null(valid_json, name):
    code, value = valid_json(INVALID / f"{name}.gguf")
    assert (code, value["contents"], value["sha256"]) == (1, None, None)


# Exit codes


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("web-page", 2),
        ("empty", 2),
        ("another-magic", 2),
        ("ends-in-its-magic", 1),
        ("ends-in-its-tensors", 1),
        ("mixed-00001-of-00002", 1),
        ("misaligned", 1),
        ("version-1", 4),
        ("big-endian", 4),
        ("unknown-storage-type", 4),
        ("too-many-keys", 4),
    ],
)
def test_each_kind_of_trouble_has_its_exit_code(name, code):
    assert exit_code_of(INVALID / f"{name}.gguf") == code


def test_every_wrong_sample_ends_with_1_2_or_4():
    for sentence in INVALID.glob("*.txt"):
        assert exit_code_of(sentence.with_suffix(".gguf")) in {1, 2, 4}, sentence.stem


def test_other_commands_end_with_4_where_verify_says_not_whole():
    """They cannot go on with half a file, whatever is missing of it."""
    from catalog.gguf.errors import TruncatedError

    assert isinstance(translate(TruncatedError("it ends early")), BadHeaderError)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["no-such.gguf"], 2, "`no-such.gguf` does not exist"),
        (["."], 2, "`.` is a folder, not a file"),
        ([], 2, "Missing argument 'FILE'"),
        (
            [INVALID / "version-4.gguf"],
            4,
            "`version-4.gguf` cannot be read: it is of GGUF version 4",
        ),
        ([BLOCKS, "--sha256", "abc"], 2, "`abc` is not a SHA-256 of 64 hexadecimal digits"),
        ([BLOCKS, "--sha256", "g" * 64], 2, "is not a SHA-256 of 64 hexadecimal digits"),
    ],
)
def test_an_error_is_one_sentence_and_a_hint_on_standard_error(run, words, code, sentence):
    done = run("verify", *map(str, words))
    assert (done.returncode, done.stdout) == (code, "")
    first, _, hint = done.stderr.partition("\n\n")
    assert sentence in first
    assert "\n" not in first
    assert hint.startswith("Hint: ")


# SHA-256


@pytest.mark.parametrize("prefix", ["", "sha256:"])
@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_the_right_sha256_is_confirmed(valid_json, prefix, change):
    code, value = valid_json(BLOCKS, "--sha256", change(prefix + BLOCKS_SHA256))
    assert (code, value["whole"], value["problem"]) == (0, True, None)
    assert value["sha256"] == {
        "expected": BLOCKS_SHA256,
        "found": BLOCKS_SHA256,
        "matches": True,
    }


def test_another_sha256_makes_it_another_file(answer):
    code, text = answer(BLOCKS, "--sha256", "0" * 64)
    assert code == 1
    said = " ".join(text.split())
    assert f"the SHA-256 of `blocks.gguf` is {BLOCKS_SHA256}, where {'0' * 64} is expected" in said
    assert "another than expected" in said


def test_of_a_split_file_the_named_part_is_hashed(valid_json):
    part = VALID / "split-00002-of-00002.gguf"
    expected = hashlib.sha256(part.read_bytes()).hexdigest()
    assert valid_json(part, "--sha256", expected)[0] == 0


def test_a_file_that_is_not_whole_is_not_hashed():
    found = verify(INVALID / "overlap.gguf", expected_sha256="0" * 64, progress=pytest.fail)
    assert found.digest is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs a pseudo-terminal")
def test_a_bar_is_drawn_on_a_terminal_only_and_never_into_the_answer(run):
    words = ["verify", str(BLOCKS), "--sha256", BLOCKS_SHA256]
    assert run(*words).stderr == ""
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.run(
        run.command(*words),
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=run.with_variables({"TERM": "xterm"}),
        check=False,
    )
    os.close(theirs)
    seen = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "Hashing" in seen
    assert "100%" in seen
    assert done.stdout.decode() == run(*words).stdout


# Text


def test_no_sentence_is_wider_than_the_paper(tmp_path):
    path = tmp_path / ("a-long-name-of-a-model" * 3 + ".gguf")
    shutil.copy(INVALID / "ends-in-its-data.gguf", path)
    lines = verification_text(verify(path), Paper(80, colour=False)).splitlines()
    assert max(len(line) for line in lines if path.name not in line) <= 80


def test_a_missing_file_is_wrong_usage():
    with pytest.raises(GgufError) as refused:
        verify(Path("no-such.gguf"))
    assert isinstance(translate(refused.value), UsageError)
