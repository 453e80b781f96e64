"""The version of a definition: a hash over its canonical form, window bounds left out.

Which bytes are hashed is specified in docs/formats.md; a change of them needs a new algorithm name.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cassandra_views.cql.printing import relation_cql, term_cql
from cassandra_views.model.statement import Operator, Relation, Subject, ViewStatement

ALGORITHM = "f1"


def fingerprint(keyspace: str, statement: ViewStatement) -> str:
    """Return ``f1:`` and 32 hex digits: equal for statements that make the same view, the window aside.

    Args:
        keyspace: where the view is, when the statement names none.
        statement: what the file says.
    """
    digest = hashlib.sha256(canonical_bytes(keyspace, statement)).hexdigest()
    return f"{ALGORITHM}:{digest[:32]}"


def canonical_bytes(keyspace: str, statement: ViewStatement) -> bytes:
    """Return the bytes that are hashed: JSON in UTF-8, keys sorted, no spaces (docs/formats.md)."""
    form = canonical_form(keyspace, statement)
    return json.dumps(form, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def canonical_form(keyspace: str, statement: ViewStatement) -> dict[str, Any]:
    """Return the canonical form: what the statement means, without how it is written."""
    own = statement.keyspace or keyspace
    descending = statement.descending
    return {
        "keyspace": own,
        "base": [statement.base_keyspace or own, statement.base],
        "columns": sorted(set(_columns(statement))) or "*",
        "where": sorted({canonical_relation(one) for one in statement.where if not one.bounds}),
        "windowed": list(statement.windowed_columns),
        "partition_key": list(statement.partition_key),
        "clustering": [[name, "DESC" if name in descending else "ASC"] for name in statement.clustering],
        "options": {
            option.name: option.value if isinstance(option.value, str) else dict(option.value)
            for option in statement.options
            if not option.is_no_lifetime
        },
    }


def _columns(statement: ViewStatement) -> list[str]:
    return [
        item.column
        if item.column is not None
        else term_cql(item.term) + ("" if item.alias is None else f" AS {item.alias}")
        for item in statement.selected
    ]


def canonical_relation(relation: Relation) -> str:
    """Return the relation's canonical text: the values of IN are a set, so sorted and each once."""
    if relation.operator in (Operator.IN, Operator.NOT_IN) and relation.subject in (
        Subject.COLUMN,
        Subject.TUPLE,
    ):
        values = {term_cql(value): value for value in relation.values}
        relation = Relation(
            columns=relation.columns,
            operator=relation.operator,
            values=tuple(values[text] for text in sorted(values)),
            subject=relation.subject,
        )
    return relation_cql(relation)
