"""What text is laid out on: width, wrapping, tables, colour."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.render.paper import (
    BOLD,
    NARROWEST,
    USUAL_WIDTH,
    WIDEST,
    Column,
    Paper,
    Row,
    Section,
    has_colour,
    sheet_width,
)


def paper(width=40, *, colour=False):
    return Paper(width, colour=colour)


def test_a_sheet_begins_with_what_is_written_first_and_ends_with_one_line_feed():
    sheet = paper()
    sheet.heading("First")
    sheet.say("a sentence")
    sheet.heading("Second")
    sheet.blank()
    assert sheet.text() == "First\na sentence\n\nSecond\n"


def test_a_sentence_is_wrapped_at_the_edge_and_indented():
    sheet = paper(20)
    sheet.say("one two three four five six", indent=4)
    assert sheet.text() == "    one two three\n    four five six\n"


def test_words_are_broken_nowhere_else():
    """A path or an address can be copied, and no name is cut at its hyphens."""
    sheet = paper(20)
    sheet.say("see bartowski/Llama-3.2-1B-Instruct-GGUF there")
    assert sheet.text() == "see\nbartowski/Llama-3.2-1B-Instruct-GGUF\nthere\n"


def test_a_command_is_never_wrapped():
    sheet = paper(20)
    sheet.verbatim("llama-server -hf owner/repository -c 8192")
    assert sheet.text() == "  llama-server -hf owner/repository -c 8192\n"


def test_pairs_stand_in_two_columns():
    sheet = paper(30)
    sheet.pairs([("CPU", "a processor with many cores"), ("Memory", "64 GiB"), ("", "of it 40")])
    assert sheet.text().splitlines() == [
        "  CPU     a processor with",
        "          many cores",
        "  Memory  64 GiB",
        "          of it 40",
    ]


COLUMNS = [
    Column(title="Model", folds=True),
    Column(title="GiB of\nmemory", right=True),
    Column(title="Fit"),
]


def test_numbers_are_aligned_to_the_right_and_titles_stand_on_the_last_line():
    sheet = paper(60)
    sheet.table(COLUMNS, [Row(cells=("a", "5.2", "fits")), Row(cells=("bb", "142", "no"))])
    assert sheet.text().splitlines() == [
        "      GiB of",
        "Model memory Fit",
        "a        5.2 fits",
        "bb       142 no",
    ]


def test_a_section_names_the_rows_below_it():
    sheet = paper(60)
    sheet.table(COLUMNS, [Section(title="Evidence: strong"), Row(cells=("a", "1", "fits"))])
    assert sheet.text().splitlines()[2] == "Evidence: strong"


def test_a_long_name_is_folded_where_it_may_be_broken():
    sheet = paper(36)
    name = "qwen3-next-80b-a3b-instruct"
    sheet.table(COLUMNS, [Row(cells=(name, "5.2", "partial"))])
    lines = sheet.text().splitlines()
    assert [line[:20].rstrip() for line in lines[2:]] == ["qwen3-next-80b-a3b-", "instruct"]
    assert max(map(len, lines)) <= 36


def test_colour_is_only_added_and_never_instead_of_words():
    plain, coloured = (paper(colour=colour) for colour in (False, True))
    for sheet in (plain, coloured):
        sheet.heading("Title")
        sheet.table(COLUMNS, [Row(cells=("a", "1", "fits"), style=BOLD)])
    assert "\x1b[1mTitle\x1b[0m" in coloured.text()
    stripped = coloured.text().replace("\x1b[0m", "").replace("\x1b[1m", "").replace("\x1b[2m", "")
    assert stripped == plain.text()


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        pytest.param(Screen(), {}, True, id="a terminal has colour"),
        pytest.param(Screen(), {"NO_COLOR": "1"}, False, id="unless NO_COLOR is set"),
        pytest.param(Screen(), {"NO_COLOR": ""}, True, id="to something"),
        pytest.param(Screen(), {"TERM": "dumb"}, False, id="or it is a dumb one"),
        pytest.param(io.StringIO(), {}, False, id="a pipe has none"),
        pytest.param(None, {}, False, id="no output has none"),
    ],
)
def test_colour_is_for_terminals(stream, environ, expected, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", stream)
    assert has_colour() is expected


def test_a_closed_output_has_no_colour(monkeypatch):
    stream = Screen()
    stream.close()
    stream.isatty = io.StringIO.isatty.__get__(stream)
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("TERM", raising=False)
    assert has_colour() is False


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param("100", 100, id="as wide as COLUMNS says"),
        pytest.param("10", NARROWEST, id="never narrower than can be read"),
        pytest.param("500", WIDEST, id="never wider"),
        pytest.param("wide", USUAL_WIDTH, id="80 where nobody says"),
    ],
)
def test_a_sheet_is(columns, expected, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.__stdout__", None)
    assert sheet_width() == expected


WORDS = st.lists(st.text("abc-", min_size=1, max_size=12), max_size=20).map(" ".join)


@settings(deadline=None)
@given(text=WORDS, width=st.integers(16, 120), indent=st.integers(0, 4))
def test_no_line_is_longer_than_the_sheet_and_no_word_is_lost(text, width, indent):
    sheet = paper(width)
    sheet.say(text, indent=indent)
    assert max(map(len, sheet.text().splitlines()), default=0) <= width
    assert sheet.text().split() == text.split()


CELLS = st.tuples(WORDS.map(lambda text: text[:60] or "a"), st.just("1.2"), st.just("fits"))


@settings(deadline=None)
@given(rows=st.lists(CELLS, min_size=1, max_size=5), width=st.integers(40, 120))
def test_a_table_keeps_every_cells_characters(rows, width):
    sheet = paper(width)
    sheet.table(COLUMNS, [Row(cells=cells) for cells in rows])
    written = "".join(sheet.text().split())
    for cells in rows:
        for cell in cells[1:]:
            assert cell in written
    letters = sorted(letter for cells in rows for letter in cells[0] if letter in "bc")
    body = "".join(sheet.text().splitlines()[2:])
    assert sorted(letter for letter in body if letter in "bc") == letters
