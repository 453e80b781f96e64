"""Permissions: what covers what, and how a role that lacks some is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cassandra_client.errors import ClusterError
from cassandra_client.grants import Grant, RolePermissions, read_permissions

ORDERS = Grant(permission="SELECT", keyspace="shop", table="orders")


@pytest.mark.parametrize(
    ("resource", "covers"),
    [
        ("<table shop.orders>", True),
        ("<all tables in shop>", True),
        ("<keyspace shop>", True),
        ("<all keyspaces>", True),
        ("<table shop.orders2>", False),
        ("<keyspace shop2>", False),
        ("<all roles>", False),
    ],
)
def test_a_permission_covers_what_is_below_its_resource(resource: str, covers: bool) -> None:
    assert ORDERS.is_within(frozenset({("SELECT", resource)})) is covers
    assert not ORDERS.is_within(frozenset({("MODIFY", resource)}))


def test_a_table_covers_neither_its_keyspace_nor_all_of_them() -> None:
    held = frozenset({("CREATE", "<table shop.orders>"), ("CREATE", "<all tables in shop>")})
    assert not Grant(permission="CREATE", keyspace="shop").is_within(held)
    assert not Grant(permission="CREATE").is_within(frozenset({("CREATE", "<keyspace shop>")}))


def test_names_are_quoted_where_cql_needs_it() -> None:
    grant = Grant(permission="SELECT", keyspace="Shop", table='o"rders')
    assert grant.cql("Ann Lee") == 'GRANT SELECT ON TABLE "Shop"."o""rders" TO "Ann Lee"'


def session_of(username: str | None) -> Any:
    provider = SimpleNamespace(username=username) if username else None
    return SimpleNamespace(cluster=SimpleNamespace(auth_provider=provider))


def test_everything_that_lacks_is_named_with_its_statement() -> None:
    answers: dict[str, list[dict[str, Any]]] = {
        "LIST ROLES OF keeper": [{"role": "keeper", "super": False}],
        "LIST ALL PERMISSIONS OF keeper": [{"permission": "SELECT", "resource": "<table shop.orders>"}],
    }
    found = read_permissions(session_of("keeper"), answers.__getitem__)
    assert found is not None
    alter = Grant(permission="ALTER", keyspace="shop", table="orders")
    found.check([ORDERS], on="shop")
    with pytest.raises(ClusterError) as refused:
        found.check([ORDERS, alter, Grant(permission="CREATE"), alter], on="shop")
    assert refused.value.what == "the role keeper lacks ALTER ON TABLE shop.orders, CREATE ON ALL KEYSPACES"
    assert refused.value.next == (
        "As an administrator: GRANT ALTER ON TABLE shop.orders TO keeper; GRANT CREATE ON ALL KEYSPACES TO keeper; "
        "then run the command again"
    )


def test_a_superuser_lacks_nothing_and_is_not_asked_further() -> None:
    answers: dict[str, list[dict[str, Any]]] = {"LIST ROLES OF root": [{"role": "root", "super": True}]}
    found = read_permissions(session_of("root"), answers.__getitem__)
    assert found == RolePermissions(role="root", is_superuser=True)
    assert found.missing([ORDERS]) == ()


def test_where_the_servers_list_no_permissions_nothing_is_known() -> None:
    def refuse(_query: str) -> list[dict[str, Any]]:
        raise ClusterError("LIST PERMISSIONS operation is not supported by AllowAllAuthorizer", next="")

    assert read_permissions(session_of("ann"), refuse) is None
    assert read_permissions(session_of(None), refuse) is None
