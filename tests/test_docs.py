"""The documents say what the program does: commands, outputs, names, counts and paths."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from advisor.cli import COMMANDS
from advisor.errors import ExitCode

PROJECT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    str(path.relative_to(PROJECT))
    for path in (
        *PROJECT.glob("*.md"),
        *(PROJECT / "docs").glob("*.md"),
        PROJECT / "catalog/README.md",
    )
)


def text_of(name):
    return (PROJECT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module", name="tool")
def _tool():
    return console_blocks()


def console_blocks():
    """`tools/console_blocks.py`, which also writes the blocks."""
    spec = importlib.util.spec_from_file_location(
        "console_blocks", PROJECT / "tools/console_blocks.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for their names
    spec.loader.exec_module(module)
    return module


BLOCKS = [
    pytest.param(name, block, id=f"{name}: {block.command}")
    for name in console_blocks().FILES
    for block in console_blocks().blocks_of(text_of(name))
]


# Outputs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the blocks of all documents run."""
    return tmp_path_factory.mktemp("documents")


@pytest.mark.skipif(os.name == "nt", reason="the blocks are for a POSIX shell")
@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_the_program_prints_what_a_document_says(tool, folder, name, block):
    printed = tool.run(block.command, folder)
    assert block.agrees(printed), (
        f"{name} shows another output of `{block.command}`; run `make docs`\n{printed}"
    )


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_no_document_shows_an_output_that_depends_on_the_machine(name, block):
    assert block.is_deterministic, f"{name}: name a device, or machine.json"


@pytest.mark.parametrize(
    ("shown", "printed", "agrees"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\n", "a\nb\n", False),
        ("a\n…\n", "a\nb\nc\n", True),
        ("a\n…\n", "a\n", True),
        ("…\nc\n", "a\nb\nc\n", True),
        ("a\n…\nc\n", "a\nb\n", False),
        ("a\n…\nc\n…\ne\n", "a\nb\nc\nd\ne\n", True),
    ],
)
def test_an_ellipsis_stands_for_any_lines_and_nothing_else_does(tool, shown, printed, agrees):
    assert tool.Block(command="advisor", output=shown).agrees(printed) is agrees


@pytest.mark.parametrize(
    ("shown", "printed", "written"),
    [
        ("old\n", "new\nlines\n", "new\nlines\n"),
        ("1\n2\n…\n9\n", "a\nb\nc\nd\ne\n", "a\nb\n…\ne\n"),
        ("1\n…\n", "a\nb\nc\n", "a\n…\n"),
        ("a\n…\n", "a\nb\nc\n", "a\n…\n"),
    ],
)
def test_the_tool_keeps_as_many_lines_around_an_ellipsis(tool, shown, printed, written):
    assert tool.Block(command="advisor", output=shown).refreshed(printed) == written


# Commands


def options():
    for name in COMMANDS:
        command = import_module(f"advisor.commands.{name}").command
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                for option in (*parameter.opts, *parameter.secondary_opts):
                    yield pytest.param(name, option, id=f"{name} {option}")


def section_of(name):
    """What `docs/cli.md` says of a command."""
    return text_of("docs/cli.md").partition(f"## `advisor {name}`\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_section_with_an_example_and_its_help(name):
    section = section_of(name)
    assert f"$ advisor {name} --help\n" in section
    assert len(re.findall(r"^\$ .*advisor ", section, re.MULTILINE)) >= 2


@pytest.mark.parametrize(("name", "option"), list(options()))
def test_every_option_is_in_the_section_of_its_command(name, option):
    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", section_of(name))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    for parameter in import_module(f"advisor.commands.{name}").command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]}"


def test_every_key_of_a_request_is_documented():
    from advisor.request import KEYS

    section = section_of("estimate").partition("### Many requests")[2]
    assert [key for key in KEYS if f"`{key}`" not in section] == []


def exit_codes_of(name):
    """The codes in a document's table."""
    rows = re.findall(r"^\| ([\d, ]+) \|", text_of(name), re.MULTILINE)
    return {int(code) for row in rows for code in row.split(",")}


@pytest.mark.parametrize("name", ["README.md", "docs/cli.md"])
def test_the_exit_codes_of_a_document_are_the_programs(name):
    shells = {130, 141}
    assert exit_codes_of(name) == {*ExitCode, *shells}


# Names


@pytest.mark.parametrize("part", ["workload", "placement", "memory", "fit", "speed"])
def test_every_quantity_of_an_estimate_has_a_row_among_the_names(run, part):
    estimate = json.loads(run("estimate", "qwen3-8b", "--device", "RTX 4090", "--json").stdout)
    section = text_of("docs/names.md").partition(f"`{part}`\n")[2].partition("\n## ")[0]
    rows = {
        name
        for line in section.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1] if line.startswith("|") else "")
    }
    expected = set(estimate[part])
    if part == "memory":
        expected |= set(estimate["memory"]["devices"][0])
    if part == "speed":
        expected |= set(estimate["speed"]["decode_tokens_per_s"]) - {
            "value",
            "low",
            "high",
            "origin",
        }
    assert expected <= rows


def test_every_quantity_has_the_unit_that_its_name_says():
    units = {"_bytes": "bytes", "_tokens": "tokens", "_tokens_per_s": "tokens/s", "_s": "s"}
    for line in text_of("docs/names.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `") or len(cells) != 3:
            continue
        for name in re.findall(r"`(\w+)`", cells[0]):
            known = [ending for ending in units if name.endswith(ending)]
            if known:
                assert cells[1] == units[max(known, key=len)], name


# Counts


def rows_in(*names):
    total = 0
    for name in names:
        with (PROJECT / name).open(encoding="utf-8", newline="") as file:
            total += sum(1 for _ in csv.DictReader(line for line in file if line[0] != "#"))
    return total


def counted():
    """What the documents count, and how many there are."""
    from catalog.hardware import load_devices
    from catalog.quants import load_quants
    from catalog.shelf import load_models

    models = load_models()
    return {
        "devices and systems": len(load_devices()),
        "models": len(models),
        "architectures": len({model.architecture for model in models}),
        "file types": len(load_quants()),
        "published files": rows_in("catalog/published.csv"),
        "published scores": rows_in("catalog/benchmarks.csv"),
        "published runs": rows_in("tests/measured/decode_speed.csv"),
        "systems and boards": rows_in("catalog/devices/systems.csv"),
        "rows stand in five": rows_in(
            *(f"catalog/devices/{maker}.csv" for maker in ("amd", "apple", "intel", "nvidia")),
            "catalog/devices/unified.csv",
        ),
    }


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "catalog/README.md"])
def test_what_a_document_counts_is_what_there_is(name):
    there_are = counted()
    if name == "catalog/README.md":
        del there_are["models"]  # it counts many groups of them
    words = "|".join(sorted(there_are, key=len, reverse=True))
    for number, thing in re.findall(rf"(?<![\w.,-])([\d,]+) ({words})\b", text_of(name)):
        assert int(number.replace(",", "")) == there_are[thing], f"{number} {thing}"


# Paths


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_a_document_names_exists(name):
    """Paths with a folder, from the checkout's root or the document's own folder."""
    here = (PROJECT / name).parent
    paths = re.findall(r"`([\w.-]+(?:/[\w.*-]+)+/?)`", text_of(name))
    known_suffixes = {".py", ".csv", ".json", ".md", ".toml", ".txt", ".c", ""}
    first = {path.name for path in (*PROJECT.iterdir(), *here.iterdir())}
    for path in paths:
        if path.split("/")[0] in first and Path(path).suffix in known_suffixes:
            assert [*PROJECT.glob(path), *here.glob(path)], path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_within_the_project_leads_somewhere(name):
    here = (PROJECT / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(name)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = here / path if path else PROJECT / name
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
            assert anchor in anchors, target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_target_of_make_that_a_document_names_exists(name):
    targets = set(re.findall(r"^(\w+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make (\w+)", text_of(name), re.MULTILINE)) <= targets


def test_the_changelog_begins_with_what_is_not_released_or_with_this_version():
    from importlib.metadata import version

    first = re.search(r"^## \[([^\]]+)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    assert first[1] in {"Unreleased", version("gguf-advisor")}
