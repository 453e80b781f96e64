"""What a plan takes from files: a mark of each, so that a plan is refused once a file says something else. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition
from cassandra_views.model.errors import StalePlan
from cassandra_views.model.schema import Keyspace
from cassandra_views.model.steps import (
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    FilePrecondition,
    Plan,
    Step,
)

NO_FILE = ""


def file_marks(project: Project, keyspaces: Iterable[Keyspace]) -> dict[str, str]:
    """Return the marks of all that a project's files say, by what they are of.

    Args:
        keyspaces: those that views.toml describes.
    """
    marks = {f"view {each.name}": _mark_of_view(each) for each in project.views}
    marks |= {f"table {each.keyspace}.{each.table}": _mark_of_table(each) for each in project.tables}
    return marks | {f"keyspace {each.name}": _mark(each.replication) for each in keyspaces}


def find_preconditions(
    steps: Iterable[Step], project: Project, marks: Mapping[str, str]
) -> tuple[FilePrecondition, ...]:
    """Return what the files must still say when these steps are carried out; a view may have no file by then."""
    bases = {each.name: f"table {each.name.keyspace}.{each.base}" for each in project.views}
    subjects: dict[str, None] = {}
    for step in steps:
        match step:
            case CreateRegistry():
                pass
            case CreateKeyspace():
                subjects.setdefault(f"keyspace {step.keyspace}")
            case CreateTable():
                subjects.setdefault(f"table {step.keyspace}.{step.table}")
            case _:
                subjects.setdefault(f"view {step.view}")
                if step.view in bases:
                    subjects.setdefault(bases[step.view])
    return tuple(FilePrecondition(subject=each, mark=marks.get(each, NO_FILE)) for each in subjects)


def refuse_changed_files(plan: Plan, marks: Mapping[str, str]) -> None:
    """Refuse a plan where a file that it was made from says something else now.

    Raises:
        StalePlan: names what the file is of.
    """
    for each in plan.files:
        found = marks.get(each.subject, NO_FILE)
        if found != each.mark:
            kind, _space, name = each.subject.partition(" ")
            what = "what views.toml says of this keyspace" if kind == "keyspace" else f"the file of this {kind}"
            how = "is gone or wrong" if found == NO_FILE else "is new" if each.mark == NO_FILE else "has changed"
            raise StalePlan(f"the plan is stale: {what} {how} since it was made", on=name, next="Plan again")


def _mark_of_view(view: ViewDefinition) -> str:
    return _mark(
        view.version,
        view.text,
        view.base,
        view.window,
        view.time,
        view.strategy.value,
        view.grace,
        view.max_lag,
        view.min_rows_percent,
    )


def _mark_of_table(table: TableDefinition) -> str:
    return _mark(table.managed, table.time, table.text, table.cql)


def _mark(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
