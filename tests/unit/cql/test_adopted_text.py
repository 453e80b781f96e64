"""Adoption from a text: each CREATE is reported once, each comment is kept, what later statements change is right."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.cql.adoption import AdoptedStatement, Adoption, adopt_schema
from cassandra_views.model.errors import StatementError

TABLE = "CREATE TABLE s.t (k int PRIMARY KEY, v int);\n"
VIEW = "CREATE MATERIALIZED VIEW s.{} AS SELECT * FROM s.{} WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)"


def adopt(text: str) -> Adoption:
    return adopt_schema(text, file="schema.cql")


def named(found: Adoption, name: str) -> AdoptedStatement:
    return next(one for one in found.adopted if one.name == name)


def refusals(found: Adoption) -> list[tuple[str, int]]:
    return [(one.name, one.place.line) for one in found.refused if one.place is not None]


# Statements after one that was changed


def test_a_value_of_several_lines_that_is_taken_out_moves_no_other_statement() -> None:
    found = adopt(
        TABLE
        + VIEW.format("a", "t")
        + " WITH comment = 'one\ntwo\nthree';"
        + VIEW.format("b", "missing")
        + ";\n"
        + VIEW.format("c", "t")
        + ";\n"
    )
    assert [one.name for one in found.adopted] == ["t", "a", "c"]
    assert refusals(found) == [("b", 4)]
    assert named(found, "a").description == "one two three"
    assert "comment" not in named(found, "a").body


def test_a_finding_behind_a_value_of_several_lines_keeps_its_line() -> None:
    found = adopt(f"{TABLE}{VIEW.format('a', 't')} WITH comment = 'one\ntwo'\nAND gc_grace_seconds = 0;")
    assert refusals(found) == [("a", 4)]


# What cqlsh reads by lines


@pytest.mark.parametrize(
    "command", ["CONSISTENCY QUORUM", "PAGING OFF", "SOURCE '~/x.cql'", "describe s", "LOGIN bob p@ss", "TRACING ON;"]
)
def test_a_command_of_cqlsh_ends_with_its_line(command: str) -> None:
    found = adopt(f"{command}\n{TABLE}{command}\n{VIEW.format('a', 't')};")
    assert [one.name for one in found.adopted] == ["t", "a"]
    assert found.refused == ()


@pytest.mark.parametrize("before", ["COPY s.x TO 'file'", "INSERT INTO s.x (k) VALUES (1)", "GRANT SELECT ON s.x TO y"])
def test_a_statement_without_its_end_is_reported_and_not_passed_over(before: str) -> None:
    found = adopt(f"{before}\n{TABLE}{VIEW.format('a', 't')};")
    assert "a ';' is missing before CREATE TABLE in line 2" in found.refused[0].what
    assert found.refused[1].name == "a"


def test_a_grant_of_the_right_to_create_holds_no_statement() -> None:
    found = adopt(f"{TABLE}GRANT CREATE ON KEYSPACE s TO bob; REVOKE ALTER ON TABLE s.t FROM bob;")
    assert found.refused == ()


def test_what_cannot_be_read_ends_at_its_semicolon() -> None:
    found = adopt(f"CREATE TABLE s.bad (k int § PRIMARY KEY);\n{TABLE}")
    assert [(one.kind, one.name) for one in found.refused] == [("table", "bad")]
    assert [one.name for one in found.adopted] == ["t"]


# Migrations


def test_the_statement_of_a_table_that_was_dropped_is_forgotten() -> None:
    found = adopt(
        f"{TABLE}DROP TABLE IF EXISTS s.t;\nCREATE TABLE IF NOT EXISTS s.t (k int PRIMARY KEY, w text); -- new"
    )
    table = named(found, "t")
    assert table.body == "-- new\nCREATE TABLE IF NOT EXISTS {{ table }} (k int PRIMARY KEY, w text)\n"
    assert table.changes == ()


def test_a_renamed_column_of_the_base_is_renamed_in_all_of_its_views() -> None:
    found = adopt(
        'CREATE TABLE s.t (k int, "C" int, v int, PRIMARY KEY (k, "C"));\n'
        'CREATE MATERIALIZED VIEW s.a AS SELECT k, "C", v FROM s.t WHERE v IS NOT NULL AND k > 2 AND "C" IN (1, 2)\n'
        'PRIMARY KEY ((v), k, "C") WITH CLUSTERING ORDER BY (k ASC, "C" DESC);\n'
        'ALTER TABLE s.t RENAME "C" TO d AND k TO "K";\n'
    )
    assert not found.refused
    assert named(found, "a").body == (
        "CREATE MATERIALIZED VIEW {{ view }} AS\n"
        'SELECT "K", d, v\n'
        "FROM {{ base('t') }}\n"
        'WHERE v IS NOT NULL AND "K" > 2 AND d IN (1, 2)\n'
        'PRIMARY KEY ((v), "K", d)\n'
        'WITH CLUSTERING ORDER BY ("K" ASC, d DESC)\n'
    )


def test_a_second_create_if_not_exists_does_nothing() -> None:
    found = adopt(f"{TABLE}CREATE TABLE IF NOT EXISTS s.t (k int PRIMARY KEY);")
    assert named(found, "t").body == "CREATE TABLE {{ table }} (k int PRIMARY KEY, v int)\n"


def test_the_description_is_the_comment_in_the_end() -> None:
    found = adopt(
        "CREATE TABLE s.t (k int PRIMARY KEY, v int) WITH comment = 'before';"
        f"{VIEW.format('a', 't')} WITH comment = 'before';"
        "ALTER TABLE s.t WITH comment = 'after'; ALTER MATERIALIZED VIEW s.a WITH comment = 'after';"
    )
    assert {one.description for one in found.adopted} == {"after"}


@pytest.mark.parametrize("comment", ["one\ntwo", "x" * 501])
def test_a_comment_that_ours_cannot_follow_is_taken_out_of_a_view_by_whatever_it_came(comment: str) -> None:
    created = adopt(f"{TABLE}{VIEW.format('a', 't')} WITH comment = '{comment}';")
    altered = adopt(f"{TABLE}{VIEW.format('a', 't')}; ALTER MATERIALIZED VIEW s.a WITH comment = '{comment}';")
    for found in (created, altered):
        assert found.refused == ()
        assert "comment" not in named(found, "a").body
        assert named(found, "a").description == " ".join(comment.split())
        assert any("is the file's description" in change for change in named(found, "a").changes)


@pytest.mark.parametrize(
    ("given_", "written"),
    [
        ("{'sstable_compression': ''}", "{'enabled': 'false'}"),
        ("{'class': ''}", "{'enabled': 'false'}"),
        ("{'enabled': 'false', 'class': 'LZ4Compressor'}", "{'enabled': 'false'}"),
        (
            "{'sstable_compression': 'org.apache.cassandra.io.compress.LZ4Compressor', 'chunk_length_kb': '64', "
            "'crc_check_chance': '0.5'}",
            "{'chunk_length_in_kb': '64', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}",
        ),
    ],
)
def test_a_compression_as_old_servers_wrote_it_is_rewritten(given_: str, written: str) -> None:
    table = named(adopt(f"CREATE TABLE s.t (k int PRIMARY KEY) WITH compression = {given_} AND cdc = false;"), "t")
    assert (
        table.body == f"CREATE TABLE {{{{ table }}}} (k int PRIMARY KEY) WITH compression = {written} AND cdc = false\n"
    )
    assert [change.partition(": servers")[2] != "" for change in table.changes] == [True]


@pytest.mark.parametrize("kept", ["{'enabled': 'false'}", "{}", "{'class': 'LZ4Compressor'}"])
def test_a_compression_that_servers_take_stays(kept: str) -> None:
    assert named(adopt(f"CREATE TABLE s.t (k int PRIMARY KEY) WITH compression = {kept};"), "t").changes == ()


# What files do not hold


def test_other_objects_are_named() -> None:
    found = adopt(
        TABLE
        + """CREATE INDEX by_v ON s.t (v);
        CREATE TYPE s.address (street text);
        CREATE FUNCTION s.f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ return a; $$;
        CREATE TRIGGER gone ON s.t USING 'x'; DROP TRIGGER gone ON s.t;
        CREATE TRIGGER audit ON s.t USING 'x';
        CREATE ROLE bob; GRANT SELECT ON s.t TO bob;
        CREATE TYPE s.gone (x int); DROP TYPE s.gone;"""
    )
    assert [(one.kind, one.keyspace, one.name) for one in found.unmanaged] == [
        ("index", "s", "by_v"),
        ("type", "s", "address"),
        ("function", "s", "f"),
        ("trigger", "s", "audit"),
        ("role", "", "bob"),
        ("grant", "", ""),
    ]


def test_a_text_without_any_create_is_refused() -> None:
    for text in ("", "-- nothing", "USE s;"):
        with pytest.raises(StatementError, match="holds no CREATE"):
            adopt(text)


def test_comments_are_kept_where_their_statement_goes() -> None:
    found = adopt(
        "-- header\n\n-- keyspace\nCREATE KEYSPACE s WITH replication = {'class': 'SimpleStrategy', "
        "'replication_factor': 1}; -- behind it\n"
        "-- above\nCREATE TABLE s.t (k int PRIMARY KEY, v int) -- trailing\n-- on its own line\n; -- behind\n"
        "-- why\nALTER TABLE s.t ADD w /* inside */ int; -- behind the change\n"
        "-- index\nCREATE INDEX ON s.t (v);\n-- end\n"
    )
    assert named(found, "t").body.splitlines()[:7] == [
        "-- above",
        "-- trailing",
        "-- on its own line",
        "-- behind",
        "-- why",
        "/* inside */",
        "-- behind the change",
    ]
    assert [(one.place.line, one.text, one.keyspace) for one in found.comments] == [
        (1, "-- header", "s"),
        (3, "-- keyspace", "s"),
        (4, "-- behind it", "s"),
        (11, "-- index", "s"),
        (13, "-- end", ""),
    ]


# Any text


@dataclass
class Text:
    """A text that is drawn, and what must be found in it."""

    draw: st.DrawFn
    parts: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    alive: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    number: int = 0

    def new_name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    def write(self, *words: str, ends: bool = True) -> None:
        """Write a statement, with a comment between its parts here and there."""
        for word in words:
            self.parts += [self.gap(), word]
        self.parts.append(f"{self.gap()};{self.gap()}" if ends else "\n")

    def gap(self) -> str:
        style = self.draw(st.sampled_from([" ", "\n", " ", "\n\n", " -- {}\n", " // {}\n", " /* {}\n */ "]))
        if "{}" in style:
            self.comments.append(f"comment {len(self.comments)}.")
            style = style.format(self.comments[-1])
        return style


def _add_statement(text: Text) -> None:
    tables = [name for name, base in text.alive.items() if not base]
    table = text.draw(st.sampled_from(tables)) if tables else None
    views = [name for name, base in text.alive.items() if base]
    match text.draw(st.sampled_from(["table", "table", "view", "view", "alter", "drop", "broken", "cqlsh", "other"])):
        case "view" if table:
            name = text.new_name("view")
            option = text.draw(
                st.sampled_from(
                    [(), ("WITH comment =", "'a\n\nb'"), ("WITH read_repair_chance =", "0.1", "AND cdc = false")]
                )
            )
            head = f"CREATE MATERIALIZED VIEW IF NOT EXISTS s.{name}" if text.draw(st.booleans()) else None
            text.write(
                head or f"CREATE MATERIALIZED VIEW s.{name}",
                f"AS SELECT * FROM s.{table}",
                "WHERE v IS NOT NULL AND k IS NOT NULL",
                "PRIMARY KEY (v, k)",
                *option,
            )
            text.alive[name] = table
        case "alter" if table:
            text.write(f"ALTER TABLE s.{table}", f"ADD {text.new_name('c')}", "text")
        case "drop" if views:
            view = text.draw(st.sampled_from(views))
            text.write("DROP MATERIALIZED VIEW", f"s.{view}")
            del text.alive[view]
        case "broken":
            name = text.new_name("broken")
            text.write(
                f"CREATE TABLE s.{name}", text.draw(st.sampled_from(["(k no_type PRIMARY KEY)", "(k § int)", ""]))
            )
            text.refused.add(name)
        case "cqlsh":
            text.parts.append("\n")
            text.write(text.draw(st.sampled_from(["CONSISTENCY ONE", "PAGING OFF", "SOURCE 'x'"])), ends=False)
        case "other":
            text.write(text.draw(st.sampled_from(["INSERT INTO s.x (k)", "SELECT * FROM s.x"])), "")
        case _:
            name = text.new_name("table")
            text.write(f"CREATE TABLE s.{name} (k int,", "v int, PRIMARY KEY (k))")
            text.alive[name] = ""


@st.composite
def texts(draw: st.DrawFn) -> Text:
    text = Text(draw)
    for _number in range(draw(st.integers(1, 7))):
        _add_statement(text)
    text.write("CREATE TABLE s.last (k int PRIMARY KEY)")
    text.alive["last"] = ""
    return text


@given(texts())
def test_each_create_is_adopted_or_refused_and_each_comment_is_kept(text: Text) -> None:
    found = adopt("".join(text.parts))
    assert sorted(one.name for one in found.adopted) == sorted(text.alive)
    assert {one.name for one in found.refused if one.kind != "statement"} == text.refused
    held = "\n".join([*(one.body for one in found.adopted), *(one.text for one in found.comments)])
    assert [comment for comment in text.comments if comment not in held] == []
