"""``cassandra_views.check`` beside a real server, on statements that a generator draws from the grammar.

What the server refuses we must refuse, what it takes we must take, and of what harms it we must tell; each disagreement
is printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from cassandra.cluster import Session

from cassandra_client.driver_errors import DRIVER_ERRORS, server_words
from cassandra_views import Finding, check
from cassandra_views.cli.lint_server import ask_server
from cassandra_views.cql.findings import Kind
from cassandra_views.cql.statements import table_statement
from cassandra_views.cql.token_reader import split_statements
from cassandra_views.project.loader import ProjectLoader
from tests.unit.cql.applications import read_applications
from tests.unit.cql.generated import TYPES, Case, generate, generate_harmful
from tests.unit.cql.harms import HARMS

SEED, CASES, HARMFUL_CASES = 13, 90, len(HARMS)
CASES_AT_A_TIME = 30
LEAST_EQUAL_TEXTS = 0.9
_OBJECT_NUMBER = re.compile(r"@[0-9a-f]{4,}")
"""Java prints the address of an object that has no text of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What both sides say of a statement; "" is accepted, None of ours a text that is not foretold.

    Args:
        statements: those before it, and itself.
        harm: how the server is harmed by a view that it took, "" where it is not.
        is_foretold: whether we report a harm.
    """

    case: Case
    statements: tuple[str, ...]
    server: str
    is_invalid_request: bool
    ours: Finding | None
    harm: str = ""
    is_foretold: bool = False

    @property
    def agrees(self) -> bool:
        return bool(self.server) == (self.ours is not None)

    @property
    def has_equal_text(self) -> bool:
        return self.ours is not None and self.ours.server_message == _OBJECT_NUMBER.sub("@...", self.server)

    @property
    def is_missed(self) -> bool:
        return bool(self.harm) and not self.is_foretold

    def __str__(self) -> str:
        ours = f"{self.ours.code} {self.ours.server_message or self.ours.message}" if self.ours else "accepted"
        text = "; ".join(self.statements)
        return f"[{self.case.way}] {text}\n    server: {self.server or 'accepted'} {self.harm}\n    ours:   {ours}"


def execute(session: Session, statement: str) -> tuple[str, bool]:
    """Return the server's refusal, "" where it has none, and whether it is an InvalidRequest."""
    try:
        session.execute(statement)
    except DRIVER_ERRORS as error:
        return server_words(error) or type(error).__name__, type(error).__name__ == "InvalidRequest"
    return "", False


def compare(session: Session, keyspace: str, case: Case, *, looks_for_harm: bool) -> list[Comparison]:
    """Compare what is said of each statement of the schema that either side refuses, and of the view."""
    types = [each.format(keyspace) for each in TYPES]
    schema = [*types, *case.schema]
    found = check(case.view, ";\n".join(schema))
    refused = [one for one in found if one.kind is Kind.REFUSED]
    compared = []
    line = 1
    for number, statement in enumerate(schema):
        end = line + statement.count("\n")
        ours = next((one for one in refused if one.place.file == "schema" and line <= one.place.line <= end), None)
        line = end + 1
        server, is_invalid = execute(session, statement) if number >= len(types) else ("", False)
        if server or ours:
            before = (*case.schema[: number - len(types)], statement)
            one = Comparison(case=case, statements=before, server=server, is_invalid_request=is_invalid, ours=ours)
            compared.append(one)
            if not one.agrees:
                return compared
    server, is_invalid = execute(session, case.view)
    view = Comparison(
        case=case,
        statements=(*case.schema, case.view),
        server=server,
        is_invalid_request=is_invalid,
        ours=next((one for one in refused if one.place.file == "view"), None),
        harm=harm_of(session, keyspace, case) if looks_for_harm and not server else "",
        is_foretold=any(one.kind is Kind.HARMFUL for one in found),
    )
    return [*compared, view]


def harm_of(session: Session, keyspace: str, case: Case) -> str:
    """Return how a view that the server took harms it.

    A node reads the WHERE clause that it keeps at each start, so what it would find there is sent to it once more.
    """
    name = case.drawn.name.partition(".")[2].strip('"')
    where = f"WHERE keyspace_name = '{keyspace}' AND view_name = '{name}'"
    kept = session.execute(f"SELECT where_clause FROM system_schema.views {where}").one()
    if kept is None or case.drawn.whole:
        return ""
    again = execute(session, case.drawn.again(kept.where_clause))[0]
    if again:
        return f"and cannot read again {kept.where_clause}: {again}"
    refusal, _is_invalid = execute(session, case.insert)
    is_of_another_base = refusal.startswith("Undefined column name") or refusal.endswith("does not exist")
    return f"and fails each write to the base: {refusal}" if refusal and not is_of_another_base else ""


def in_keyspace(session: Session, keyspace: str, cases: list[Case]) -> Iterator[Case]:
    """Yield cases one by one, and create the keyspace again at times: no heap holds all their views."""
    for number, case in enumerate(cases):
        if number % CASES_AT_A_TIME == 0:
            session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=120)  # many views, on a busy machine
            replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
            session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
            for each in TYPES:
                session.execute(each.format(keyspace))
        yield case
    session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=120)


def check_statements(session: Session, keyspace: str, cases: int, harmful: int, *, looks_for_harm: bool) -> None:
    """Compare the verdicts on so many statements, at least a third of them on either side.

    Args:
        harmful: how many are added that were drawn to harm the server.
        looks_for_harm: whether the others are looked at for harm, too.
    """
    home, other = f"{keyspace}_{SEED}", f"{keyspace}_harm"
    compared = [
        each
        for case in in_keyspace(session, home, generate(SEED, cases, home))
        for each in compare(session, home, case, looks_for_harm=looks_for_harm)
    ]
    harming = [
        compare(session, other, case, looks_for_harm=True)[-1]
        for case in in_keyspace(session, other, generate_harmful(SEED, harmful, other))
    ]
    wrong = [each for each in compared + harming if not each.agrees]
    missed = [each for each in compared + harming if each.is_missed]
    invalid = [each for each in compared if each.agrees and each.is_invalid_request]
    other_words = [each for each in invalid if not each.has_equal_text]
    for title, some in (("verdicts differ", wrong), ("harms are missed", missed), ("texts differ", other_words)):
        print(f"\n{title}: {len(some)}", *some, sep="\n")
    refused = [each for each in compared if each.server]
    harmed = [each for each in harming if each.harm]
    print(f"{len(compared)} verdicts, {len(invalid)} InvalidRequests, {len(harmed)} harms of {len(harming)}")
    assert len(invalid) >= cases // 3
    assert cases // 3 <= len(refused) <= len(compared) - cases // 3
    assert len(harmed) >= harmful // 3
    assert wrong == []
    assert missed == []
    assert len(other_words) <= (1 - LEAST_EQUAL_TEXTS) * len(invalid), other_words


def check_applications(session: Session, keyspace: str) -> None:
    """Ask a server about each view that an application wrote, in keyspaces of its own."""
    own = session.cluster.connect()
    wrong = []
    for application in read_applications(f"{keyspace}_a"):
        for name in (f"{keyspace}_a", f"{keyspace}_a_2"):
            replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
            own.execute(f"DROP KEYSPACE IF EXISTS {name}")
            own.execute(f"CREATE KEYSPACE {name} WITH replication = {replication}")
        statements = [each.text for each in split_statements(application.schema)]
        refused = next((refusal for text in statements if (refusal := execute(own, text)[0])), "")
        answer = ("schema", refused) if refused else ("view", execute(own, application.view)[0])
        ours = (application.refused, application.server)
        is_other = ours[1] is not None and ours[1] != _OBJECT_NUMBER.sub("@...", answer[1])
        if bool(answer[1]) != bool(ours[0]) or (ours[0] and ours[0] != answer[0]) or is_other:
            wrong.append((application.name, answer, ours))
    own.execute(f"DROP KEYSPACE {keyspace}_a", timeout=120)
    own.execute(f"DROP KEYSPACE {keyspace}_a_2", timeout=120)
    own.shutdown()
    assert wrong == []


def test_the_verdict_is_the_servers(session: Session, keyspace: str) -> None:
    check_statements(session, keyspace, CASES, HARMFUL_CASES, looks_for_harm=False)


VIEW = """---
keyspace: {}
---
CREATE MATERIALIZED VIEW {{{{ view }}}} AS
SELECT day, customer FROM {{{{ base('orders') }}}}
WHERE day IS NOT NULL AND customer IS NOT NULL
PRIMARY KEY ({})
"""


def test_lint_asks_a_server_about_each_view_on_its_base_alone(session: Session, keyspace: str, tmp_path: Path) -> None:
    for folder in ("views", "tables"):
        (tmp_path / folder).mkdir()
    table = f"---\nkeyspace: {keyspace}\n---\nCREATE TABLE {{{{ table }}}} (customer text PRIMARY KEY, day date)\n"
    (tmp_path / "tables" / "orders.cql.j2").write_text(table, encoding="utf-8")
    for name, key in (("by_day", "day, customer"), ("by_day_alone", "day")):
        (tmp_path / "views" / f"{name}.cql.j2").write_text(VIEW.format(keyspace, key), encoding="utf-8")
    project = ProjectLoader(tmp_path).load()
    base = table_statement(project.tables[0])
    asked = [(view, base) for view in sorted(project.views, key=lambda view: view.name)]
    answers = ask_server(asked, lambda: nullcontext(session), prefix=keyspace)
    missing = "Cannot create materialized view 'by_day_alone' without primary key columns customer from base table"
    assert [str(answer) for answer in answers] == ["accepted", f"refused: {missing} 'orders'"]
    left = session.execute("SELECT keyspace_name FROM system_schema.keyspaces")
    assert [row.keyspace_name for row in left if row.keyspace_name.startswith(f"{keyspace}_")] == []
