"""CREATE and ALTER KEYSPACE among the statements of a schema; what a cluster's data centres decide is not looked at."""

from __future__ import annotations

from collections.abc import Mapping

from cassandra_views.cql.option_values import RefusedValue, find_class, is_integer, read_boolean, read_map, should_be
from cassandra_views.cql.schema_state import RefusedStatement, SchemaStatement, check_keyspace_name
from cassandra_views.cql.token_reader import UnreadableStatement
from cassandra_views.cql.types import whole
from cassandra_views.model.schema import NETWORK, SIMPLE
from cassandra_views.model.statement import OptionValue

_STRATEGIES = frozenset((SIMPLE, NETWORK, "LocalStrategy", "EverywhereStrategy", "MetaStrategy"))


def create_keyspace(statement: SchemaStatement) -> None:
    """Read what follows CREATE KEYSPACE."""
    words, schema = statement.words, statement.schema
    is_lenient = statement.takes_if_not_exists()
    name = words.name()
    options = _read_options(statement)
    check_keyspace_name(name)
    if "replication" not in options:
        raise RefusedStatement("Missing mandatory option 'replication'")
    if name in schema.keyspaces:
        if is_lenient:
            return
        raise RefusedStatement(f'Cannot add existing keyspace "{name}"')
    is_transient = _is_transient(options, name)
    schema.dropped_keyspaces.discard(name)
    schema.get_keyspace(name).has_transient_replicas = is_transient


def alter_keyspace(statement: SchemaStatement) -> None:
    """Read what follows ALTER KEYSPACE."""
    is_lenient = statement.takes_if_exists()
    name = statement.words.name()
    options = _read_options(statement)
    check_keyspace_name(name)
    home = statement.schema.find_keyspace(name)
    if home is None:
        if is_lenient:
            return
        raise RefusedStatement(f"Keyspace '{name}' doesn't exist")
    if "replication" not in options:
        return
    is_transient = _is_transient(options, name)
    if is_transient and home.views:
        raise RefusedStatement("Cannot use transient replication on keyspaces using materialized views")
    if is_transient and home.indexes:
        raise RefusedStatement("Cannot use transient replication on keyspaces using secondary indexes")
    home.has_transient_replicas = is_transient


def _read_options(statement: SchemaStatement) -> dict[str, OptionValue]:
    if not statement.words.take("with"):
        raise UnreadableStatement("WITH is missing")
    found: dict[str, OptionValue] = {}
    for option in statement.options():
        if option.name in found:
            raise RefusedStatement(f"Multiple definitions for property '{option.name}'")
        found[option.name] = option.value
    for name in found:
        if name not in ("replication", "durable_writes"):
            raise RefusedStatement(f"Unknown property '{name}'")
    try:
        if "replication" in found and "class" not in read_map("replication", found["replication"]):
            raise RefusedStatement("Missing replication strategy class")
        if "durable_writes" in found:
            read_boolean("durable_writes", found["durable_writes"])
    except RefusedValue as refusal:
        raise RefusedStatement(str(refusal)) from refusal
    return found


def _is_transient(options: Mapping[str, OptionValue], keyspace: str) -> bool:
    """Tell whether a replication has transient replicas, whose number stands after a slash."""
    value = options["replication"]
    if isinstance(value, str):
        raise RefusedStatement(should_be("replication", "a map."))
    factors = dict(value)
    try:
        strategy = find_class(
            "replication strategy", "org.apache.cassandra.locator.", factors.pop("class"), _STRATEGIES
        )
    except RefusedValue as refusal:
        raise RefusedStatement(str(refusal)) from refusal
    if strategy == "LocalStrategy":
        raise RefusedStatement("Unable to use given strategy class: LocalStrategy is reserved for internal use.")
    if strategy == SIMPLE:
        for key in factors:
            if key != "replication_factor":
                what = f"Unrecognized strategy option {{{key}}} passed to {SIMPLE} for keyspace {keyspace}"
                raise RefusedStatement(what)
    _check_factors(factors, is_network=strategy == NETWORK)
    return any(text.partition("/")[2].strip("0") for text in factors.values())


def _check_factors(factors: Mapping[str, str], *, is_network: bool) -> None:
    for key, text in factors.items():
        if is_network and key == "replication_factor":
            # The server drops one that it cannot read.
            if not is_integer(text.partition("/")[0]) and len(factors) == 1:
                raise RefusedStatement("Configuration for at least one datacenter must be present")
            continue
        full, slash, transient = text.partition("/")
        for number in (full, transient) if slash else (full,):
            if not is_integer(number):
                raise RefusedStatement(f'For input string: "{number}"')
        if whole(full) < 0:
            raise RefusedStatement(f"Replication factor must be non-negative, found {whole(full)}")
