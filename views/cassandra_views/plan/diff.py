"""What changed in a view's definition between its file and a generation, in words and as a text diff. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import unified_diff
from typing import Any

from cassandra_client.errors import ViewsError
from cassandra_client.names import quoted
from cassandra_views.cql.fingerprint import canonical_form
from cassandra_views.cql.parse import parse_view
from cassandra_views.cql.printing import option_cql
from cassandra_views.cql.statements import view_statement
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.generation import Generation, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.relation import Operator, Relation
from cassandra_views.model.statement import ViewStatement
from cassandra_views.model.term import WindowBound
from cassandra_views.model.times import parse_duration

_OURS = ("comment", "id")
_NO_SNAPSHOT = ("allow_auto_snapshot", "incremental_backups")
_WINDOW = re.compile(r"\{last: (?P<last>[^,}]+), step: (?P<step>[^,}]+)(?:, at: \"(?P<at>[^\"]+)\")?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionDiff:
    """A view's file beside one of its generations.

    Args:
        changes: what is different, in words; empty where nothing is.
        lines: a unified diff of the two canonical texts.
    """

    view: ViewName
    generation: int
    generation_version: str
    file: str
    file_version: str
    changes: tuple[str, ...]
    lines: tuple[str, ...]


def make_diff(each: Generation, definition: ViewDefinition, record: ViewRecord) -> DefinitionDiff:
    """Return what the view's file says otherwise than a generation."""
    old, new = _forms(each, definition, record)
    changes = (*definition_changes(each, definition, record), *window_changes(each, definition))
    if not changes and each.version != definition.version:
        changes = ("the definition changed; the registry does not hold the former one",)
    lines: Iterable[str] = ()
    if old is not None:
        lines = unified_diff(
            _text(old, each.window_declared),
            _text(new, definition.window.declared if definition.window else ""),
            fromfile=f"generation {each.number} ({each.version})",
            tofile=f"{definition.place.file} ({definition.version})",
            n=100,
            lineterm="",
        )
    return DefinitionDiff(
        view=record.name,
        generation=each.number,
        generation_version=each.version,
        file=definition.place.file,
        file_version=definition.version,
        changes=changes,
        lines=tuple(lines),
    )


def definition_changes(each: Generation, definition: ViewDefinition, record: ViewRecord) -> tuple[str, ...]:
    """Return in words how the file's statement differs from a generation's; empty where that cannot be told."""
    if each.version == definition.version:
        return ()
    old, new = _forms(each, definition, record)
    if old is None:
        return ()
    found: list[str] = []
    if old["base"] != new["base"]:
        found.append(f"the base table is {'.'.join(new['base'])}, not {'.'.join(old['base'])}")
    if "*" in (old["columns"], new["columns"]):
        if old["columns"] != new["columns"]:
            found.append("it selects all columns" if new["columns"] == "*" else "it no longer selects all columns")
    else:
        found += [f"column {name} is added" for name in new["columns"] if name not in old["columns"]]
        found += [f"column {name} is left out" for name in old["columns"] if name not in new["columns"]]
    if old["partition_key"] != new["partition_key"]:
        found.append(f"the partition key is {_names(new['partition_key'])}, not {_names(old['partition_key'])}")
    before, after = ([name for name, _order in form["clustering"]] for form in (old, new))
    if before != after:
        found.append(f"the clustering is {_names(after)}, not {_names(before)}")
    else:
        pairs = zip(old["clustering"], new["clustering"], strict=True)
        found += [f"column {name} is ordered {order}, not {was}" for (_n, was), (name, order) in pairs if was != order]
    found += [f"the filter has {text}" for text in new["where"] if text not in old["where"]]
    found += [f"the filter lacks {text}" for text in old["where"] if text not in new["where"]]
    if old["windowed"] != new["windowed"]:
        found.append("it has a window" if new["windowed"] else "it covers its whole base")
    for name in sorted({*old["options"], *new["options"]}):
        was, now = old["options"].get(name), new["options"].get(name)
        if was != now:
            found.append(f"option {name} is {_shown(now)}, and was {_shown(was)}")
    return tuple(found)


def window_changes(each: Generation, definition: ViewDefinition) -> tuple[str, ...]:
    """Return in words how the file's window differs from the one a generation was made with; a slide is no change."""
    window = definition.window
    if window is None or each.window_start is None or each.window_declared == window.declared:
        return ()
    was, now = _WINDOW.fullmatch(each.window_declared), _WINDOW.fullmatch(window.declared)
    if was is None or now is None:
        return ()  # an older program made the generation and did not write it down
    found = []
    if was["last"] != now["last"]:
        verb = "lengthened" if parse_duration(now["last"]) > parse_duration(was["last"]) else "shortened"
        found.append(f"the window is {verb} from {was['last']} to {now['last']}")
    if was["step"] != now["step"]:
        found.append(f"the window's step is {now['step']}, not {was['step']}")
    if was["at"] != now["at"]:
        found.append(f"the window moves {_at(now['at'])}, not {_at(was['at'])}")
    return tuple(found)


def _at(text: str | None) -> str:
    return f"at {text}" if text else "as soon as it can"


def _forms(
    each: Generation, definition: ViewDefinition, record: ViewRecord
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    keyspace, new = record.name.keyspace, view_statement(definition)
    try:
        old = parse_view(each.cql) if each.cql else None
    except ViewsError:
        old = None
    return (
        canonical_form(keyspace, _as_in_a_file(old, each, new, definition, record)) if old is not None else None,
        canonical_form(keyspace, new),
    )


def _as_in_a_file(
    old: ViewStatement, each: Generation, new: ViewStatement, definition: ViewDefinition, record: ViewRecord
) -> ViewStatement:
    """Return a generation's statement without what the manager put into it: options of its own, and the bound."""
    named = {option.name for option in new.options}
    options = tuple(
        option
        for option in old.options
        if option.name not in _OURS
        and not (option.name in _NO_SNAPSHOT and option.value == "false" and option.name not in named)
    )
    where = old.where
    if each.window_start is not None:
        served = next((entry.time for entry in record.read_from if entry.name == each.physical), None)
        column = served.name if served else definition.time.name if definition.time else ""
        bound = Relation(columns=(column,), operator=Operator.GREATER_OR_EQUAL, values=(WindowBound.START,))
        where = tuple(bound if _is_bound(one, column) else one for one in where)
    return replace(old, options=options, where=where)


def _is_bound(relation: Relation, column: str) -> bool:
    return relation.columns == (column,) and relation.operator is Operator.GREATER_OR_EQUAL


def _text(form: dict[str, Any], window: str) -> list[str]:
    """Return a canonical form as the lines of a file."""
    lines = ["---", f"window: {window}", "---"] if window else []
    columns = form["columns"] if isinstance(form["columns"], str) else ",\n    ".join(form["columns"])
    lines += [f"SELECT\n    {columns}", f"FROM {'.'.join(quoted(part) for part in form['base'])}"]
    where = [f"{quoted(name)} >= :window_start" for name in form["windowed"]] + form["where"]
    lines += [f"{'WHERE' if index == 0 else '  AND'} {text}" for index, text in enumerate(where)]
    clustering = "".join(f", {quoted(name)}" for name, _order in form["clustering"])
    lines.append(f"PRIMARY KEY (({', '.join(map(quoted, form['partition_key']))}){clustering})")
    order = ", ".join(f"{quoted(name)} {order}" for name, order in form["clustering"])
    given = [f"CLUSTERING ORDER BY ({order})"] if order else []
    given += [f"{quoted(name)} = {_shown(value)}" for name, value in sorted(form["options"].items())]
    lines += [f"{'WITH' if index == 0 else '  AND'} {text}" for index, text in enumerate(given)]
    return "\n".join(lines).splitlines()


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return option_cql(value if isinstance(value, str) else tuple(value.items()))


def _names(columns: Iterable[str]) -> str:
    return f"({', '.join(columns)})"


def reason_of_change(each: Generation, definition: ViewDefinition, record: ViewRecord) -> str:
    """Return in a clause why a changed definition is made, with both fingerprints."""
    changes = "; ".join(definition_changes(each, definition, record)) or "the definition changed"
    return f"{changes} ({each.version[:11]} to {definition.version[:11]})"


__all__ = ["DefinitionDiff", "definition_changes", "make_diff", "reason_of_change", "window_changes"]
