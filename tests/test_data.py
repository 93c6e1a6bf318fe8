"""The data files: each is text that everybody reads alike, and each row says where it is from.

What a row means is tested beside the module that reads it.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

LAST_CHECK = date(2026, 11, 24)
"""No row was checked later; raise it with the first that is. It catches a mistyped year."""

KEYS = {
    "advisor/estimate/overhead_parts.csv": ("part", "backend", "graph"),
    "advisor/estimate/overheads.csv": ("backend", "architecture", "kind"),
    "advisor/estimate/runtimes.csv": ("runtime",),
    "catalog/benchmarks.csv": ("repository", "name"),
    "catalog/devices/amd.csv": ("name",),
    "catalog/devices/amd_pci_ids.csv": ("pci_device", "pci_revision"),
    "catalog/devices/apple.csv": ("name",),
    "catalog/devices/intel.csv": ("name",),
    "catalog/devices/intel_pci_ids.csv": ("pci_device",),
    "catalog/devices/nvidia.csv": ("name",),
    "catalog/devices/nvidia_pci_ids.csv": ("pci_device", "subsystems"),
    "catalog/devices/systems.csv": ("name",),
    "catalog/devices/unified.csv": ("name",),
    "catalog/devices/unified_share.csv": ("vendor", "os", "os_version_min", "memory_min_bytes"),
    "catalog/evidence.csv": ("name",),
    "catalog/file_traits.csv": ("trait", "publisher", "begins_with", "contains", "architectures"),
    "catalog/ggml_types.csv": ("name",),
    "catalog/gguf/architectures.csv": ("architecture",),
    "catalog/mixes.csv": ("publisher", "label", "model"),
    "catalog/published.csv": ("repository", "file"),
    "catalog/publishers.csv": ("publisher", "begins_with"),
    "catalog/purposes.csv": ("repository",),
    "catalog/quality.csv": ("model", "quant", "metric", "source"),
    "catalog/quality_bands.csv": ("band",),
    "catalog/quality_curve.csv": ("quant",),
    "catalog/quality_models.csv": ("model",),
    "catalog/quality_scale.csv": ("name",),
    "catalog/quality_sources.csv": ("id",),
    "catalog/quants.csv": ("name",),
    "catalog/repacks.csv": ("processor", "type"),
    "catalog/variants.csv": (
        *("publisher", "labels", "architectures", "head", "per_layer_table"),
        "released_before",
    ),
    "catalog/vocabularies.csv": ("name",),
}
"""What no two rows of a file have in common. A new file needs its line here."""

SORTED = {
    "catalog/devices/amd_pci_ids.csv": ("pci_device", "pci_revision"),
    "catalog/devices/intel_pci_ids.csv": ("pci_device",),
    "catalog/devices/nvidia_pci_ids.csv": ("pci_device",),
    "catalog/published.csv": ("repository",),
    "catalog/quality_bands.csv": ("band",),
}
"""What rows are sorted by, where a reader looks a row up by eye."""

PACKAGES = ("advisor", "catalog", "probes")
TABLES = sorted(
    str(path.relative_to(PROJECT))
    for package in PACKAGES
    for path in (PROJECT / package).rglob("*.csv")
)
TEXTS = sorted(
    str(path.relative_to(PROJECT))
    for folder in (*PACKAGES, "tests", "docs")
    for path in (PROJECT / folder).rglob("*")
    if path.suffix in {".csv", ".json", ".md"}
)
MODEL_FILES = sorted((PROJECT / "catalog/models").iterdir())

each_table = pytest.mark.parametrize("name", TABLES)


def rows_of(name):
    with (PROJECT / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def models():
    for path in MODEL_FILES:
        for row in json.loads(path.read_text(encoding="utf-8")):
            yield path.name, row


# Text


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_file_is_utf_8_with_one_newline_at_its_end(name):
    data = (PROJECT / name).read_bytes()
    data.decode("utf-8")
    assert not data.startswith(b"\xef\xbb\xbf"), "a byte order mark"
    assert b"\r" not in data
    assert data.endswith(b"\n")
    assert not data.endswith(b"\n\n")


@pytest.mark.parametrize("name", TEXTS)
def test_no_line_ends_in_blanks(name):
    lines = (PROJECT / name).read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if line != line.rstrip()] == []


@each_table
def test_no_cell_begins_or_ends_in_blanks(name):
    for number, row in enumerate(rows_of(name), 1):
        loose = {column: cell for column, cell in row.items() if cell != cell.strip()}
        assert loose == {}, f"row {number}"


@each_table
def test_every_row_has_as_many_cells_as_the_heading(name):
    for number, row in enumerate(rows_of(name), 1):
        assert None not in row, f"row {number} has more"
        assert None not in row.values(), f"row {number} has fewer"


# Sources


def is_a_day_so_far(text):
    return len(text) == 10 and date.fromisoformat(text) <= LAST_CHECK


@each_table
def test_every_row_has_a_source_and_the_day_it_was_checked(name):
    for number, row in enumerate(rows_of(name), 1):
        assert row["source"], f"row {number}"
        assert is_a_day_so_far(row["checked"]), f"row {number}"


def test_every_model_has_sources_and_the_day_it_was_checked():
    for name, row in models():
        assert row["sources"], f"{row['repository']} in {name}"
        assert all(source.strip() for source in row["sources"]), row["repository"]
        assert is_a_day_so_far(row["checked"]), row["repository"]


def test_no_score_is_from_the_future():
    late = [row for row in rows_of("catalog/benchmarks.csv") if not is_a_day_so_far(row["date"])]
    assert late == []


def test_every_quality_figure_names_a_source_that_is_listed():
    listed = {row["id"] for row in rows_of("catalog/quality_sources.csv")}
    assert {row["source"] for row in rows_of("catalog/quality.csv")} <= listed


def test_the_constants_of_the_speed_model_say_what_they_were_fitted_on():
    fitted = json.loads((PROJECT / "advisor/estimate/parameters.json").read_text())["fitted"]
    assert is_a_day_so_far(fitted["date"])
    for name in (fitted["by"], fitted["data"], fitted["errors"]):
        assert (PROJECT / name).is_file()


# Keys


def test_every_table_is_known_here():
    assert set(TABLES) == set(KEYS)


@each_table
def test_no_two_rows_are_for_the_same_thing(name):
    keys = Counter(tuple(row[column] for column in KEYS[name]) for row in rows_of(name))
    assert {key: count for key, count in keys.items() if count > 1} == {}


def test_no_two_models_are_the_same():
    names = Counter(row["repository"].casefold() for _, row in models())
    assert {name: count for name, count in names.items() if count > 1} == {}


def test_no_two_devices_of_different_makers_files_are_the_same():
    names = Counter(
        f"{row['vendor']} {row['name']}".casefold()
        for name in TABLES
        if name.startswith("catalog/devices/") and "ids" not in name and "share" not in name
        for row in rows_of(name)
    )
    assert {name: count for name, count in names.items() if count > 1} == {}


@pytest.mark.parametrize("name", SORTED)
def test_rows_are_in_their_order(name):
    keys = [tuple(row[column].casefold() for column in SORTED[name]) for row in rows_of(name)]
    assert [pair for pair in pairwise(keys) if pair[0] > pair[1]] == []


def test_every_model_that_a_table_names_is_in_the_catalog():
    known = {row["repository"] for _, row in models()}
    for name in ("catalog/purposes.csv", "catalog/benchmarks.csv"):
        assert {row["repository"] for row in rows_of(name)} - known == set()
    named = {row["model"] for row in rows_of("catalog/published.csv")} - {""}
    assert named - {repository.partition("/")[2].lower() for repository in known} == set()


# Privacy


def test_no_data_file_names_a_home_directory():
    for name in TEXTS:
        text = (PROJECT / name).read_text(encoding="utf-8")
        for folder in ("/home/", "/Users/", "\\Users\\", "/root/"):
            assert folder not in text.replace("/Users/…", "").replace("/home/…", ""), name
