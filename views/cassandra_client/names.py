"""Names and ids of CQL things: how a name is spelled, and the id that a table or view is created with."""

from __future__ import annotations

import re
import uuid

_PLAIN = re.compile(r"[a-z][a-z0-9_]*\Z")

RESERVED = frozenset(
    """add allow alter and apply asc authorize batch begin by columnfamily create default delete desc describe
    drop entries execute from full grant if in index infinity insert into is keyspace limit materialized mbean
    mbeans modify nan norecursive not null of on or order primary rename replace revoke schema select set table
    to token truncate unlogged unset update use using view where with true false""".split()  # noqa: SIM905
)
"""Words that cannot stand as identifiers unless quoted (Parser.g, ``K_*`` less ``basic_unreserved_keyword``;
the lexer takes ``true`` and ``false`` for values)."""


def quoted(name: str) -> str:
    """Return the name as CQL spells it: bare when it may stand bare, in double quotes otherwise."""
    if _PLAIN.match(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def table_id(keyspace: str, name: str) -> uuid.UUID:
    """Return the id that each CREATE of this table or view carries.

    Two that are sent at once then make one; with ids of their own they would leave two of one name (design 5.2).
    """
    return uuid.uuid5(uuid.NAMESPACE_URL, f"cassandra-views:{keyspace}.{name}")
