"""Every rule a server has for CREATE TABLE, in the order of its checks and in its words; tried on 5.0.9."""

from __future__ import annotations

from cassandra_views.cql.findings import Finding, Findings, doubled
from cassandra_views.cql.option_values import find_integer
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.types import CqlType, UserTypes, parse_type
from cassandra_views.model.names import NAME_LIMIT, PHYSICAL_NAME_LIMIT, is_word, nearest
from cassandra_views.model.statement import At, ColumnDeclaration, TableStatement


def lint_table(
    statement: TableStatement, *, file: str, types: UserTypes | None = None, keyspace: str | None = None
) -> tuple[Finding, ...]:
    """Return what is wrong with the statement: refusals in the server's order, then the rest in that of the file.

    Args:
        file: for the places of the findings.
        types: the user-defined types that exist; None where they are not known.
        keyspace: of the session, where the statement names none.
    """
    findings = Findings(file)
    name, keyspace = statement.table, statement.keyspace or keyspace
    written = name if statement.keyspace is None else f"{statement.keyspace}.{name}"
    declared = {column.name: column for column in statement.columns}
    for twice in doubled(column.name for column in statement.columns):
        at = [column.at for column in statement.columns if column.name == twice][1]
        what = f"Duplicate column '{twice}' declaration for table '{written}'"
        findings.add("CV402", what, at, "Declare it once", server=what)
    for twice in doubled(each for each, _ in statement.clustering_order):
        what = f"Duplicate column '{twice}' in CLUSTERING ORDER BY clause for table '{written}'"
        findings.add("CV405", what, statement.order_at, f"Name '{twice}' once", server=what)
    lint_options(statement.options, findings, unknown="CV412", twice="CV413", kind="CV414")
    # The server walks over the columns by their names.
    columns = sorted(statement.columns, key=lambda column: column.name.encode())
    for column in columns:
        lint_type(parse_type(column.type), column.at, keyspace, types, findings)
    for column in columns:
        if holds_multi_cell(parse_type(column.type), types or {}):
            what = "Non-frozen UDTs with nested non-frozen collections are not supported"
            findings.add("CV409", what, column.at, f"Make it frozen<{column.type}>", server=what)
    _lint_key(statement, declared, keyspace, types, findings)
    _lint_counters(statement, findings)
    if statement.is_compact:
        what = "COMPACT STORAGE is deprecated, and no table can be made so on a cluster that forbids it"
        findings.add("CV411", what, statement.key_at, "Take COMPACT STORAGE out")
    lint_name(name, keyspace, statement.at, findings, "CV401")
    if is_word(name) and PHYSICAL_NAME_LIMIT < len(name) <= NAME_LIMIT:
        what = f"'{name}' is longer than the {PHYSICAL_NAME_LIMIT} characters that every version takes"
        findings.add("CV415", what, statement.at, "Choose another name")
    for option in statement.options:
        if option.name == "gc_grace_seconds" and find_integer(option.value) == 0:
            what = "no view can be made on a table with gc_grace_seconds of 0"
            findings.add("CV410", what, option.at, "Give a time longer than view updates may be late")
    return findings.sorted()


def lint_name(name: str, keyspace: str | None, at: At, findings: Findings, code: str) -> None:
    """Report a name that no table or view can have."""
    server = ""
    if not is_word(name):
        server = f'Table name must not be empty or not contain non-alphanumeric-underscore characters (got "{name}")'
        what = f"'{name}' cannot be a name: letters, digits and underscores are possible"
    elif len(name) > NAME_LIMIT:
        server = f"Table name must not be more than {NAME_LIMIT} characters long (got {len(name)} characters for "
        server += f'"{name}")'
        what = f"'{name}' is longer than {NAME_LIMIT} characters; nodes before 5.0.6 do not start again with it"
    if server:
        findings.add(code, what, at, "Choose another name", server=f"{keyspace}.{name}: {server}" if keyspace else None)


def _unknown_type(type_: CqlType, types: UserTypes) -> str:
    if type_.is_user_defined and type_.name not in types:
        return type_.name
    return next((found for one in type_.arguments if (found := _unknown_type(one, types))), "")


def _lint_key(
    statement: TableStatement,
    declared: dict[str, ColumnDeclaration],
    keyspace: str | None,
    types: UserTypes | None,
    findings: Findings,
) -> None:
    at, seen = statement.key_at, set[str]()
    for name in statement.key:
        column = declared.get(name)
        if column is None:
            what = f"Unknown column '{name}' referenced in PRIMARY KEY for table '{statement.table}'"
            guess = nearest(name, list(declared)).rstrip("?")
            findings.add("CV403", what + guess, at, "Declare it, or correct its name", server=what)
        elif name in seen:
            what = f"Duplicate column '{name}' in PRIMARY KEY clause for table '{statement.table}'"
            findings.add("CV404", what, at, f"Name '{name}' once", server=what)
        else:
            _lint_key_column(column, statement, keyspace, types, findings)
        seen.add(name)
    ordered = tuple(dict.fromkeys(name for name, _ in statement.clustering_order))
    others = [name for name in ordered if name not in statement.clustering]
    # The first columns alone are enough.
    other = [pair for pair in zip(statement.clustering, ordered, strict=False) if pair[0] != pair[1]]
    if others:
        what = "Only clustering key columns can be defined in CLUSTERING ORDER directive"
        server = f"{what}: [{', '.join(others)}] are not clustering columns"
        fix = f"Name there, in this order: {', '.join(statement.clustering) or 'nothing, there are none'}"
        findings.add("CV405", server, statement.order_at, fix, server=server)
    elif other:
        name, given = other[0]
        what = f"Missing CLUSTERING ORDER for column {name}"
        if name in ordered:
            what = "The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns"
            what += f" ({name} must appear before {given})"
        fix = f"Name there, in this order: {', '.join(statement.clustering)}"
        findings.add("CV405", what, statement.order_at, fix, server=what)
    if statement.is_compact:
        _lint_compact(statement, findings)
        return
    for column in statement.columns:
        if column.is_static and not statement.clustering and column.name not in statement.key:
            what = "Static columns are only useful (and thus allowed) if the table has at least one clustering column"
            findings.add("CV406", what, column.at, "Take STATIC out, or add a clustering column", server=what)


def _lint_compact(statement: TableStatement, findings: Findings) -> None:
    others = [column for column in statement.columns if column.name not in statement.key]
    what = ""
    if any(parse_type(column.type).is_multi_cell for column in others):
        what = "Non-frozen collections and UDTs are not supported with COMPACT STORAGE"
    elif any(column.is_static for column in statement.columns):
        what = "Static columns are not supported in COMPACT STORAGE tables"
    elif not statement.clustering and not others:
        what = "No definition found that is not part of the PRIMARY KEY"
    elif statement.clustering and len(others) > 1:
        names = ", ".join(sorted((column.name for column in others), key=str.encode))
        what = "COMPACT STORAGE with composite PRIMARY KEY allows no more than one column not part of the PRIMARY KEY"
        what += f" (got: {names})"
    if what:
        findings.add("CV416", what, statement.key_at, "Take COMPACT STORAGE out", server=what)


def _lint_key_column(
    column: ColumnDeclaration,
    statement: TableStatement,
    keyspace: str | None,
    types: UserTypes | None,
    findings: Findings,
) -> None:
    type_, name = parse_type(column.type), column.name
    what = ""
    if type_.is_multi_cell:
        kind = "user-defined" if type_.is_user_defined else "collection"
        shown = f'"{keyspace}.{type_.name}"' if type_.is_user_defined and keyspace else str(type_)
        what = f"Invalid non-frozen {kind} type {shown} for PRIMARY KEY column '{name}'"
    elif type_.name == "counter":
        what = f"counter type is not supported for PRIMARY KEY column '{name}'"
    elif type_.mentions("duration", types):
        what = f"duration type is not supported for PRIMARY KEY column '{name}'"
    if what:
        findings.add("CV407", what, column.at, "Take another column, or another type", server=what)
    if column.is_static:
        what = f"Static column '{name}' cannot be part of the PRIMARY KEY"
        findings.add("CV406", what, column.at, "Take STATIC out", server=what)


def _lint_counters(statement: TableStatement, findings: Findings) -> None:
    others = [column for column in statement.columns if column.name not in statement.key]
    counters = [column for column in others if column.type == "counter"]
    if counters and len(counters) < len(others):
        what = "Cannot mix counter and non counter columns in the same table"
        findings.add("CV408", what, counters[0].at, "Put the counters into a table of their own", server=what)
    elif counters:
        life = next((one for one in statement.options if one.name == "default_time_to_live"), None)
        if life is not None and (find_integer(life.value) or 0) > 0:
            what = "Cannot set default_time_to_live on a table with counters"
            findings.add("CV408", what, life.at, "Take default_time_to_live out", server=what)
        what = "no view can be made on a counter table"
        findings.add("CV410", what, counters[0].at, "Roll the counters up into a plain table for views")


def holds_multi_cell(type_: CqlType, types: UserTypes) -> bool:
    """Tell whether it is a user-defined type, not frozen, with a field that is kept in several cells."""
    is_multi_cell = type_.is_user_defined and type_.is_multi_cell
    return is_multi_cell and any(field.is_multi_cell for _name, field in types.get(type_.name, ()))


def lint_type(type_: CqlType, at: At, keyspace: str | None, types: UserTypes | None, findings: Findings) -> None:
    """Report what no column's type can be.

    Args:
        keyspace: None where it is not known.
        types: the user-defined types that exist; None where they are not known.
    """
    if types is not None and (unknown := _unknown_type(type_, types)):
        what = f"Unknown type {keyspace or '?'}.{unknown}"
        server = what if keyspace else None
        findings.add("CV409", what, at, "Create the type before the table", server=server)
    _lint_inner(type_, at, findings)


def _lint_inner(type_: CqlType, at: At, findings: Findings) -> None:
    if type_.name == "vector" and not type_.is_user_defined and type_.dimension < 1:
        what = f"vectors may only have positive dimensions; given {type_.dimension}"
        findings.add("CV409", what, at, "Give the number of its elements", server=what)
    for inner in type_.arguments:
        what = ""
        if not type_.is_collection:
            pass
        elif inner.name == "counter":
            what = f"Counters are not allowed inside collections: {type_}"
        elif inner.is_multi_cell and not type_.is_frozen:
            kind = "UDTs" if inner.is_user_defined else "collections"
            what = f"Non-frozen {kind} are not allowed inside collections: {type_}"
        elif inner is type_.arguments[0] and inner.name == "duration":
            if type_.name == "set":
                what = f"Durations are not allowed inside sets: {type_}"
            elif type_.name == "map":
                what = f"Durations are not allowed as map keys: {type_}"
        if what:
            findings.add("CV409", what, at, f"Use frozen<{inner}> or another type inside", server=what)
        _lint_inner(inner, at, findings)


_MARSHAL = "org.apache.cassandra.db.marshal."
_CLASSES = {
    "ascii": "AsciiType",
    "bigint": "LongType",
    "blob": "BytesType",
    "boolean": "BooleanType",
    "counter": "CounterColumnType",
    "date": "SimpleDateType",
    "decimal": "DecimalType",
    "double": "DoubleType",
    "duration": "DurationType",
    "float": "FloatType",
    "inet": "InetAddressType",
    "int": "Int32Type",
    "list": "ListType",
    "map": "MapType",
    "set": "SetType",
    "smallint": "ShortType",
    "text": "UTF8Type",
    "time": "TimeType",
    "timestamp": "TimestampType",
    "timeuuid": "TimeUUIDType",
    "tinyint": "ByteType",
    "tuple": "TupleType",
    "uuid": "UUIDType",
    "varint": "IntegerType",
    "vector": "VectorType",
}


def java_type(type_: CqlType, keyspace: str, types: UserTypes | None = None) -> str:
    """Return a type as servers print their own class of it."""
    if type_.is_user_defined:
        fields = (types or {}).get(type_.name, ())
        shown = ",".join(f"{name.encode().hex()}:{java_type(one, keyspace, types)}" for name, one in fields)
        text = f"{_MARSHAL}UserType({keyspace},{type_.name.encode().hex()}{',' if shown else ''}{shown})"
    else:
        text = _MARSHAL + _CLASSES.get(type_.name, type_.name)
        inner = [java_type(one, keyspace, types) for one in type_.arguments]
        if inner:
            text += f"({','.join(inner)}" + (f" , {type_.dimension})" if type_.dimension else ")")
    return f"{_MARSHAL}FrozenType({text})" if type_.is_frozen and type_.name != "tuple" else text
