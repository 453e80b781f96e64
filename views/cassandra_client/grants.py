"""Permissions as the servers' authorizer knows them: what a role needs, what it holds, the GRANT of what it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_client.database import Row

_REFUSED = re.compile(
    r"User (?P<role>.+?) has no (?P<permission>[A-Z_]+) permission on "
    r"<(?P<kind>all keyspaces|keyspace|all tables in|table) ?(?P<name>[^>]*)>"
)
"""The server's words (4.1 to 6.0) of a statement that it refuses to a role."""
_ALL_TABLES = "*"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Grant:
    """One permission on a table, on a keyspace, or on all keyspaces where neither is named.

    Args:
        table: ``*`` for all tables of the keyspace.
        why: what it is for.
    """

    permission: str
    keyspace: str = ""
    table: str = ""
    why: str = field(default="", compare=False)

    @property
    def resource(self) -> str:
        """What it is on, as CQL names it."""
        if self.table == _ALL_TABLES:
            return f"ALL TABLES IN KEYSPACE {quoted(self.keyspace)}"
        if self.table:
            return f"TABLE {quoted(self.keyspace)}.{quoted(self.table)}"
        return f"KEYSPACE {quoted(self.keyspace)}" if self.keyspace else "ALL KEYSPACES"

    def cql(self, role: str) -> str:
        """Return the statement that gives it to a role."""
        return f"GRANT {self.permission} ON {self.resource} TO {quoted(role)}"

    def __str__(self) -> str:
        return f"{self.permission} ON {self.resource}"

    def is_within(self, held: frozenset[tuple[str, str]]) -> bool:
        """Tell whether permissions that are held, on this resource or one above it, include this one."""
        above = ["<all keyspaces>"]
        if self.keyspace:
            above.append(f"<keyspace {self.keyspace}>")
        if self.table:
            above.append(f"<all tables in {self.keyspace}>")
        if self.table and self.table != _ALL_TABLES:
            above.append(f"<table {self.keyspace}.{self.table}>")
        return any((self.permission, resource) in held for resource in above)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePermissions:
    """What a role holds, itself or by roles that were granted to it.

    Args:
        held: pairs of permission and resource, as the server lists them.
    """

    role: str
    held: frozenset[tuple[str, str]] = frozenset()
    is_superuser: bool = False

    def missing(self, needed: Iterable[Grant]) -> tuple[Grant, ...]:
        """Return what the role lacks, each once, in the order in which it is named."""
        if self.is_superuser:
            return ()
        return tuple(dict.fromkeys(each for each in needed if not each.is_within(self.held)))

    def check(self, needed: Iterable[Grant], *, on: str) -> None:
        """Refuse to begin where the role lacks something.

        Raises:
            ClusterError: names the role, each permission and its resource, and the statements to give them.
        """
        missing = self.missing(needed)
        if missing:
            raise ClusterError(missing_text(self.role, missing), on=on, next=grants_text(self.role, missing))


def read_permissions(session: Session, read: Callable[[str], list[Row]]) -> RolePermissions | None:
    """Return what the role of a session holds; None where the servers ask for none, or do not list them.

    Args:
        read: runs a read in that session and returns its rows.
    """
    provider: Any = session.cluster.auth_provider
    role = getattr(provider, "username", None)
    if role is None:
        return None
    try:
        roles = read(f"LIST ROLES OF {quoted(role)}")
        if any(row.get("super") for row in roles):
            return RolePermissions(role=role, is_superuser=True)
        listed = read(f"LIST ALL PERMISSIONS OF {quoted(role)}")
    except ClusterError:
        return None  # AllowAllAuthorizer lists none; another role finds out from the server's own answer
    return RolePermissions(role=role, held=frozenset((row["permission"], row["resource"]) for row in listed))


def missing_text(role: str, missing: Iterable[Grant]) -> str:
    """Return what a role lacks, for an error."""
    return f"the role {role} lacks {', '.join(map(str, missing))}"


def grants_text(role: str, missing: Iterable[Grant], again: str = "run the command again") -> str:
    """Return what to do about it."""
    return f"As an administrator: {'; '.join(each.cql(role) for each in missing)}; then {again}"


def find_refused_grant(text: str) -> tuple[str, Grant] | None:
    """Return the role and the permission that a server's refusal speaks of; None where it speaks of something else."""
    found = _REFUSED.search(text)
    if found is None:
        return None
    keyspace, _dot, table = found["name"].partition(".")
    if found["kind"] == "all tables in":
        table = _ALL_TABLES
    return found["role"], Grant(permission=found["permission"], keyspace=keyspace, table=table)


__all__ = [
    "Grant",
    "RolePermissions",
    "find_refused_grant",
    "grants_text",
    "missing_text",
    "read_permissions",
]
