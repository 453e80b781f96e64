"""Tables at every width: columns give way by importance, and no name is ever broken."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.markup import escape

from cassandra_views.cli.output import shortened, table, table_of
from cassandra_views.cli.terminal import LAYOUTS, Output, TableColumn, TextTable

WIDTHS = st.integers(min_value=60, max_value=200)
NAME = st.from_regex(r"[a-z][a-z0-9_]{0,47}\.[a-z][a-z0-9_]{0,37}", fullmatch=True)
PROMISED = (*LAYOUTS["status"], *LAYOUTS["promise"])
WORD = st.from_regex(r"[A-Za-z0-9_.:/@\[\]-]{1,40}", fullmatch=True)
SENTENCE = st.lists(WORD, min_size=1, max_size=6).map(" ".join)


def drawn(shown: TextTable, width: int) -> list[str]:
    """Return the lines that a terminal of this width shows, without breaking any."""
    console = Console(file=io.StringIO(), width=width, soft_wrap=True, highlight=False, emoji=False)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@st.composite
def tables(draw: st.DrawFn) -> tuple[TextTable, list[list[str]]]:
    columns = draw(st.sampled_from([*(LAYOUTS[each] for each in LAYOUTS if each != "promise"), PROMISED]))
    rows = draw(
        st.lists(
            st.tuples(*(NAME if at == 0 else SENTENCE if each.is_prose else WORD for at, each in enumerate(columns))),
            min_size=1,
            max_size=3,
        )
    )
    found = TextTable(columns)
    for row in rows:
        found.add_row(*map(escape, row))
    return found, [list(row) for row in rows]


@settings(max_examples=40, deadline=None)
@given(made=tables(), width=WIDTHS)
def test_no_name_and_no_word_is_broken_at_any_width(made: tuple[TextTable, list[list[str]]], width: int) -> None:
    shown, rows = made
    lines = drawn(shown, width)
    text = "\n".join(lines)
    is_table = all(column.header in lines[0] for column in shown.columns if not column.drop_order)
    hidden = re.search(r"\(--wide also shows ([^)]+)\)", " ".join(text.split()))
    left_out = hidden[1].split(", ") if hidden and is_table else []
    for row in rows:
        assert any(re.search(rf"(?:^|\s){re.escape(row[0])}(?:\s|$)", line) for line in lines)
        for column, cell in zip(shown.columns, row, strict=True):
            if column.header not in left_out:
                for word in cell.split():
                    assert any(word in line for line in lines), (column.header, word)
    if is_table:
        assert max(map(len, (line.rstrip() for line in lines))) <= width
        assert {column.header for column in shown.columns if not column.drop_order}.isdisjoint(left_out)
    else:  # a record for each row, with every column
        assert left_out == []
        for column in shown.columns[1:]:
            assert sum(line.startswith(f"  {column.header}") for line in lines) >= len(rows)


@settings(max_examples=40, deadline=None)
@given(made=tables(), width=WIDTHS)
def test_wide_shows_every_column_on_one_line(made: tuple[TextTable, list[list[str]]], width: int) -> None:
    shown, rows = made
    wide = TextTable(shown.columns, is_wide=True)
    for row in rows:
        wide.add_row(*map(escape, row))
    lines = drawn(wide, width)
    assert lines[0].split() == [word for column in shown.columns for word in column.header.split()]
    assert [line.split() for line in lines[1:]] == [[word for cell in row for word in cell.split()] for row in rows]


def test_less_important_columns_go_first() -> None:
    def shown(width: int) -> str:
        found = table_of("status")
        found.add_row("shop.orders_by_day", "serving", "g1", "12", "3 h", "2026-10-26", "2 d", "in 16 h")
        return drawn(found, width)[0]

    assert shown(120).split("  ")[-1] == "NEXT SLIDE"
    assert "AUDITED" not in shown(80)
    assert "ROWS AT AUDIT" in shown(90)
    assert shown(60).split() == ["VIEW", "CONDITION", "SERVES", "NEXT", "SLIDE"]


def test_columns_given_by_name_are_never_left_out() -> None:
    found = table("A", "B")
    found.add_row("a" * 40, "b" * 40)
    assert drawn(found, 60) == ["a" * 40, "  B  " + "b" * 40]
    assert drawn(found, 100)[0].split() == ["A", "B"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_table_keeps_what_names_its_rows(name: str) -> None:
    kept = [column for column in LAYOUTS[name] if not column.drop_order]
    order = [column.drop_order for column in LAYOUTS[name] if column.drop_order]
    assert (kept and kept[0] is LAYOUTS[name][0]) or name == "promise"
    assert len(set(order)) == len(order)


def test_every_command_with_droppable_columns_takes_wide() -> None:
    used = set()
    for path in (Path(sys.modules[TextTable.__module__].__file__ or "").parent).glob("*.py"):
        used |= set(re.findall(r'table_of\("(\w+)"', path.read_text(encoding="utf-8")))
    assert used | {"promise"} == set(LAYOUTS)


@settings(max_examples=50, deadline=None)
@given(text=SENTENCE, lead=st.integers(0, 6), width=WIDTHS)
def test_sentences_are_broken_between_words(text: str, lead: int, width: int) -> None:
    stream = io.StringIO()
    printer = Output(sys.stdout, width=width)
    printer.file = stream
    printer.print(" " * lead + escape(text))
    lines = stream.getvalue().splitlines()
    assert " ".join(stream.getvalue().split()) == " ".join(text.split())
    assert all(word in lines[at] for at, line in enumerate(lines) for word in line.split())
    assert all(line.startswith(" " * (lead + 2)) for line in lines[1:])


def test_what_is_piped_is_one_line_however_long() -> None:
    with io.StringIO() as stream:
        printer = Output(stream)
        printer.file = stream
        printer.print("word " * 500 + ":smile:")
        assert stream.getvalue() == "word " * 500 + ":smile:\n"


@settings(max_examples=40, deadline=None)
@given(text=SENTENCE)
def test_a_shortened_text_ends_with_a_whole_word(text: str) -> None:
    found = shortened(text, 40)
    assert set(found.removesuffix(" ...").split()) <= set(text.split())
    assert found == text or len(found) <= max(40, len(text.split()[0]) + 4)


def test_a_column_is_a_value() -> None:
    assert TableColumn(header="A") == TableColumn(header="A", drop_order=0, is_prose=False)


def test_a_line_that_must_stay_one_is_not_broken() -> None:
    stream = io.StringIO()
    printer = Output(sys.stdout, width=60)
    printer.file = stream
    printer.print("-- " + "a comment of CQL " * 10, soft_wrap=True)
    assert stream.getvalue().count("\n") == 1
