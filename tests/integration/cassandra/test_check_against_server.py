"""``cassandra_views.check`` beside a real server, on statements that a generator draws from the grammar.

What the server refuses we must refuse, what it takes we must take; each disagreement is printed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cassandra.cluster import Session

from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_views import Finding, check
from cassandra_views.cli.lint_server import server_words
from cassandra_views.cql.findings import Kind
from tests.unit.cql.generated import TYPES, Case, generate

SEED, CASES = 13, 100
LEAST_AGREEMENT = 0.99
LEAST_EQUAL_TEXTS = 0.9
_OBJECT_NUMBER = re.compile(r"@[0-9a-f]{4,}")
"""Java prints the address of an object that has no text of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What both sides say of a case; "" is accepted, None of ours a text that is not foretold."""

    case: Case
    server: str
    is_invalid_request: bool
    ours: Finding | None

    @property
    def agrees(self) -> bool:
        return bool(self.server) == (self.ours is not None)

    @property
    def has_equal_text(self) -> bool:
        return self.ours is not None and self.ours.server_message == _OBJECT_NUMBER.sub("@...", self.server)

    def __str__(self) -> str:
        ours = f"{self.ours.code} {self.ours.server_message or self.ours.message}" if self.ours else "accepted"
        return f"[{self.case.way}] {self.case.view}\n    server: {self.server or 'accepted'}\n    ours:   {ours}"


def execute(session: Session, statement: str) -> tuple[str, bool]:
    """Return the server's refusal, "" where it has none, and whether it is an InvalidRequest."""
    try:
        session.execute(statement)
    except DRIVER_ERRORS as error:
        return server_words(error) or type(error).__name__, type(error).__name__ == "InvalidRequest"
    return "", False


def compare(session: Session, keyspace: str, case: Case) -> Comparison:
    schema = [each.format(keyspace) for each in TYPES] + list(case.schema)
    found = [one for one in check(case.view, ";\n".join(schema)) if one.kind is Kind.REFUSED]
    refusals = [execute(session, statement) for statement in case.schema]
    ours_of_schema = next((one for one in found if one.place.file == "schema"), None)
    refused = next((each for each in refusals if each[0]), None)
    if (refused is None) != (ours_of_schema is None):
        server, is_invalid = refused or ("", False)
        return Comparison(case=case, server=server, is_invalid_request=is_invalid, ours=ours_of_schema)
    server, is_invalid = execute(session, case.view)
    ours = next((one for one in found if one.place.file == "view"), None)
    return Comparison(case=case, server=server, is_invalid_request=is_invalid, ours=ours)


def check_statements(session: Session, keyspace: str, count: int) -> None:
    """Compare the verdicts on so many statements, at least a third of them on either side."""
    home = f"{keyspace}_{SEED}"
    session.execute(f"CREATE KEYSPACE {home} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    for each in TYPES:
        session.execute(each.format(home))
    compared = [compare(session, home, case) for case in generate(SEED, count, home)]
    session.execute(f"DROP KEYSPACE {home}")
    wrong = [each for each in compared if not each.agrees]
    invalid = [each for each in compared if each.agrees and each.is_invalid_request]
    other_words = [each for each in invalid if not each.has_equal_text]
    for title, some in (("verdicts differ", wrong), ("texts differ", other_words)):
        print(f"\n{title}: {len(some)}", *some, sep="\n")
    print(f"{len(compared)} statements, {len(invalid)} of them InvalidRequest")
    refused = [each for each in compared if each.server]
    assert len(compared) == count
    assert len(invalid) >= count // 3
    assert count // 3 <= len(refused) <= count - count // 3
    assert len(wrong) <= (1 - LEAST_AGREEMENT) * len(compared), wrong
    assert len(other_words) <= (1 - LEAST_EQUAL_TEXTS) * len(invalid), other_words


def test_the_verdict_is_the_servers(session: Session, keyspace: str) -> None:
    check_statements(session, keyspace, CASES)
