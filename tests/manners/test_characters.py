"""Consoles that lack our characters get readable ones."""

from __future__ import annotations

import ast
import json
import re

import pytest

from advisor.output import PLAIN, escaped
from tests.shell import COMMANDS, PROJECT, every_json


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        *((pytest.param(words, "ascii", id=name)) for name, words in COMMANDS.items()),
        pytest.param(COMMANDS["scan"], "cp1252", id="scan on cp1252"),
        pytest.param(COMMANDS["estimate"], "cp1252", id="estimate on cp1252"),
    ],
)
def test_a_console_without_our_characters_gets_readable_ones(run, told, words, encoding):
    whole = told(*words)
    seen = run.bytes(*words, env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert seen.returncode == 0
    assert seen.stderr == b""
    assert seen.stdout.decode(encoding).replace("\r\n", "\n") == plainly(whole, encoding)


def plainly(text, encoding):
    """The text with what stands in `PLAIN` for each letter that the encoding lacks."""

    def has(letter):
        return letter.encode(encoding, "ignore") != b""

    return "".join(letter if has(letter) else PLAIN[letter] for letter in text)


def strings_of(path):
    """The strings in a module, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    talk = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in talk:
            yield node.value


def test_every_character_we_write_has_a_plain_one():
    lacking = {}
    for path in sorted(
        path
        for package in ("advisor", "probes", "catalog")
        for path in (PROJECT / package).rglob("*")
    ):
        if path.suffix == ".py":
            text = "".join(strings_of(path))
        elif path.suffix in {".csv", ".json"}:
            text = path.read_text(encoding="utf-8")
        else:
            continue
        if path.name == "plain.py":  # the bounds of what cannot be printed at all
            text = re.sub("[\x7f-\x9f\ud800-\udfff]", "", text)
        if missing := {letter for letter in text if not letter.isascii()} - set(PLAIN):
            lacking[path.relative_to(PROJECT)] = missing
    assert lacking == {}


@every_json
def test_json_on_a_console_without_our_characters_is_ascii_with_escapes(run, told, words):
    whole = json.loads(told(*words))
    seen = run.bytes(*words, env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    assert seen.returncode == 0
    assert seen.stdout.isascii()
    assert without_free_space(json.loads(seen.stdout)) == without_free_space(whole)


def without_free_space(answer):
    """The disk's free space is the one figure that may change between two runs."""
    return {name: value for name, value in answer.items() if name != "hub_cache_free_bytes"}


def test_json_beyond_the_first_plane_is_escaped_in_pairs():
    written = json.dumps({"name": "a 🦙 × 2"}, ensure_ascii=False)
    assert json.loads(escaped(written)) == {"name": "a 🦙 × 2"}
    assert escaped(written).isascii()


def test_an_error_is_readable_on_an_ascii_console(run):
    seen = run.bytes("show", "nobody×", env={"PYTHONIOENCODING": "ascii"})
    assert seen.returncode == 2
    assert seen.stderr.startswith(b"Error: `nobodyx` is not a model in the catalog")


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONUTF8": None},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": None, "PYTHONUTF8": "0"},
    ],
    ids=["C", "C, and Python keeps to it", "no locale"],
)
@pytest.mark.parametrize("name", ["estimate", "models"])
def test_a_plain_locale_changes_no_word(run, told, name, env):
    whole = told(*COMMANDS[name])
    seen = run.bytes(*COMMANDS[name], env=env)
    assert seen.returncode == 0
    assert seen.stderr == b""
    assert seen.stdout.decode() in {whole, plainly(whole, "ascii")}
