"""What an embedded server says of a project's views, for ``views lint --server``.

The server is started for this alone and its data dropped, so that a statement that harms it harms nothing else. Another
can be handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cassandra_views.cli.output import err, escape
from cassandra_views.cli.server_commands import require_embedded, translate_embedded_errors

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_views.model.definition import ViewDefinition
    from cassandra_views.model.statement import TableStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswer:
    """What the server said of one view.

    Args:
        refusal: its words, empty where it took the statement, None where it was not asked.
        reason: why it was not asked.
    """

    refusal: str | None
    reason: str = ""

    def __str__(self) -> str:
        if self.refusal is None:
            return f"not asked: {self.reason}"
        return f"refused: {self.refusal}" if self.refusal else "accepted"


_UNKNOWN_BASE = ServerAnswer(refusal=None, reason="no file describes its base table")


@contextmanager
def embedded_session() -> Iterator[Session]:
    """Start an embedded server, for as long as its session is used.

    Raises:
        ViewsError: the server cannot be started.
    """
    require_embedded()
    from cassandra_client.connect import connected
    from cassandra_embedded import QUICK_SCHEMA, EmbeddedCassandra

    def tell(text: str) -> None:
        err.print(f"{escape(text)} ...", style="dim")

    with (
        translate_embedded_errors(),
        EmbeddedCassandra(port=0, jvm_options=QUICK_SCHEMA, on_progress=tell) as server,
        connected(tuple(server.contact_points), port=server.port) as session,
    ):
        yield session


def ask_server(
    views: Sequence[tuple[ViewDefinition, TableStatement | None]],
    open_session: Callable[[], AbstractContextManager[Session]] = embedded_session,
    *,
    prefix: str = "lint",
) -> list[ServerAnswer]:
    """Return a server's answer on each view, on its base table alone in a keyspace of its own, which is then dropped.

    Bounds of windows are left out: they are literals of ours.

    Args:
        views: each with its base, None where no file describes that.
        open_session: how to reach the server; it is asked for none where no base is known.
        prefix: how the names of the keyspaces begin.

    Raises:
        ViewsError: the server cannot be reached, does not answer, or has a keyspace of such a name already.
    """
    if all(base is None for _, base in views):
        return [_UNKNOWN_BASE for _ in views]
    with open_session() as session:
        return [_answer(session, f"{prefix}_{number}", *each) for number, each in enumerate(views)]


def _answer(session: Session, keyspace: str, view: ViewDefinition, base: TableStatement | None) -> ServerAnswer:
    from dataclasses import replace

    from cassandra_client.driver_errors import translate_driver_errors
    from cassandra_views.cql.printing import keyspace_cql, table_cql, view_cql
    from cassandra_views.cql.statements import view_statement
    from cassandra_views.model.schema import SIMPLE, Keyspace

    if base is None:
        return _UNKNOWN_BASE
    statement = replace(view_statement(view), keyspace=None, base_keyspace=None)
    cql = view_cql(statement, keyspace=keyspace, physical=statement.view, window_start=None, window_end=None)
    remains = f"Keyspace {keyspace} may be left there"
    with translate_driver_errors("the server cannot be asked about a view", on=str(view.name), remains=remains):
        # Where this fails the keyspace is none of ours, and stays.
        session.execute(keyspace_cql(Keyspace.of(keyspace, {"class": SIMPLE, "replication_factor": 1})))
        refusal = _refusal(session, table_cql(replace(base, keyspace=None), keyspace=keyspace))
        if refusal:
            answer = ServerAnswer(refusal=None, reason=f"its base table is refused: {refusal}")
        else:
            answer = ServerAnswer(refusal=_refusal(session, cql) or _refused_check(session, keyspace, view))
        session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")
    return answer


def _refused_check(session: Session, keyspace: str, view: ViewDefinition) -> str:
    """Return the server's words on the first check of a view that it does not take; "" where it takes all."""
    for check in view.checks:
        words = _refusal(session, check.cql(keyspace, view.name.view))
        if words:
            return f"the check '{check.name}': {words}"
    return ""


def _refusal(session: Session, cql: str) -> str:
    """Return the server's words where it takes a statement not, or fails on it; "" where it takes it."""
    from cassandra_client.driver_errors import DRIVER_ERRORS, NO_ANSWER, is_refusal, server_words

    try:
        session.execute(cql)
    except DRIVER_ERRORS as error:
        if isinstance(error, NO_ANSWER) and not is_refusal(error):
            raise
        return server_words(error) or type(error).__name__
    return ""
