"""The document of the API (OpenAPI 3.1), made of the views there are: each has an address with its own parameters."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cassandra_views.model.schema import Column, ColumnKind
from cassandra_views.model.times import TimeColumn
from cassandra_views.read.json_values import nullable, schema_of_text
from cassandra_views.web.api.listing import ViewEntry
from cassandra_views.web.api.rows import ORDERS, TIMES
from cassandra_views.web.problems import MEDIA_TYPE

_RANGES = {"gt": "above", "gte": "at or above", "lt": "below", "lte": "at or below"}


def document(entries: tuple[ViewEntry, ...], *, prefix: str, default_limit: int, largest_limit: int) -> dict[str, Any]:
    """Return the document.

    Args:
        prefix: the address of the API, which its paths begin with.
    """
    paths: dict[str, Any] = {
        f"{prefix}/views": {"get": _operation("listViews", "List the views", "ViewList", [])},
        f"{prefix}/views/{{view}}": {
            "get": _operation(
                "describeView",
                "Describe a view",
                "View",
                [_parameter("view", "path", {"type": "string", "minLength": 1}, "NAME or KEYSPACE.NAME", True)],
                statuses=("404",),
            )
        },
    }
    schemas = dict(_SCHEMAS)
    for entry in entries:
        if not entry.columns:
            continue
        schema = f"Rows.{entry.name}"
        schemas[schema] = _rows_schema(entry)
        paths[f"{prefix}/views/{entry.name}/rows"] = {
            "get": _operation(
                f"read.{entry.name}",
                f"Read {entry.name.view}",
                schema,
                _parameters(entry, default_limit, largest_limit),
                description=_description(entry),
                statuses=("400", "404", "429", "500"),
                tags=[entry.name.keyspace],
            )
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Views",
            "version": _version(),
            "description": "Materialized views of Apache Cassandra, read by their keys. "
            "What the key cannot answer is refused; a page goes on where the one before ended.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _version() -> str:
    try:
        return version("cassandra-views")
    except PackageNotFoundError:
        return "0"


def _operation(
    name: str,
    summary: str,
    schema: str,
    parameters: list[dict[str, Any]],
    *,
    description: str = "",
    statuses: tuple[str, ...] = (),
    tags: list[str] | None = None,
) -> dict[str, Any]:
    told = {"400": "The read is wrong.", "404": "There is no such view, or it does not cover that time."}
    told |= {"429": "Too many reads of one client.", "503": "It cannot be read now; try again."}
    told["500"] = "The rows cannot be read as they stand; trying again is no use."
    answers: dict[str, Any] = {
        "200": {
            "description": "What was asked for.",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
        },
        "304": {"description": "It is as it was."},
    }
    for status in (*statuses, "503"):
        answers[status] = {
            "description": told[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    found: dict[str, Any] = {"operationId": name, "summary": summary, "parameters": parameters, "responses": answers}
    if description:
        found["description"] = description
    if tags:
        found["tags"] = tags
    return found


def _parameters(entry: ViewEntry, default_limit: int, largest_limit: int) -> list[dict[str, Any]]:
    found = []
    for column in entry.columns:
        time = entry.time if entry.time and entry.time.name == column.name else None
        if column.kind is ColumnKind.PARTITION_KEY:
            found.append(_parameter(column.name, "query", _asked(column, time), f"{column.type}, of the key", True))
        elif column.kind is ColumnKind.CLUSTERING:
            found.append(_parameter(column.name, "query", _asked(column, time), f"{column.type}, of the key"))
            found += [
                _parameter(f"{column.name}.{op}", "query", _asked(column, time), f"{word} this value")
                for op, word in _RANGES.items()
            ]
    limit = {"type": "integer", "minimum": 1, "maximum": largest_limit, "default": min(default_limit, largest_limit)}
    return [
        *found,
        _parameter("limit", "query", limit, "How many rows at most."),
        _parameter("page", "query", {"type": "string"}, "'next_page' of the answer before, with the same conditions."),
        _parameter("order", "query", {"enum": list(ORDERS)}, "The view's own order, or against it."),
        _parameter("times", "query", {"enum": list(TIMES)}, "Times in the table's own form, or as ISO 8601."),
    ]


def _parameter(name: str, place: str, schema: dict[str, Any], told: str, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": schema, "description": told.strip(), "required": required}


def _asked(column: Column, time: TimeColumn | None) -> dict[str, Any]:
    if time is not None:
        told = f"ISO 8601, or {time.format}" if time.format else "ISO 8601, or the column's own form"
        return {"type": "string", "description": told}
    return schema_of_text(column.type) or {"type": "string"}


def _rows_schema(entry: ViewEntry) -> dict[str, Any]:
    properties = {}
    for column in entry.columns:
        schema = schema_of_text(column.type)
        is_time = entry.time is not None and entry.time.name == column.name
        if is_time and schema.get("type") != "string":
            schema = {"anyOf": [schema, {"type": "string"}]}  # by ``times=iso``
        key = column.kind in (ColumnKind.PARTITION_KEY, ColumnKind.CLUSTERING)
        properties[column.name] = schema if key or not schema else nullable(schema)
    row = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "view": {"const": str(entry.name)},
            "generations": _TEXTS,
            "window": _WINDOW,
            "rows": {"type": "array", "items": row},
            "next_page": nullable({"type": "string"}),
        },
        "required": ["view", "generations", "window", "rows", "next_page"],
        "additionalProperties": False,
    }


def _description(entry: ViewEntry) -> str:
    partition = ", ".join(c.name for c in entry.columns if c.kind is ColumnKind.PARTITION_KEY)
    key = [f"({partition})"]
    key += [
        f"{c.name} {'descending' if c.is_descending else 'ascending'}"
        for c in entry.columns
        if c.kind is ColumnKind.CLUSTERING
    ]
    told = entry.definition.description if entry.definition else ""
    several = "Several values of a column of the key are given as COLUMN.in, once each."
    return " ".join([f"{told.rstrip('.')}." if told else "", f"Key: {', '.join(key)}.", several]).strip()


_TEXTS = {"type": "array", "items": {"type": "string"}}
_INSTANT = nullable({"type": "string", "format": "date-time"})
_TEXT = nullable({"type": "string"})
_WINDOW = {"type": "object", "properties": {"start": _INSTANT, "end": _INSTANT}, "required": ["start", "end"]}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_SCHEMAS: dict[str, Any] = {
    "ViewList": _object(views={"type": "array", "items": {"$ref": "#/components/schemas/View"}}),
    "View": _object(
        name={"type": "string"},
        keyspace={"type": "string"},
        description={"type": "string"},
        owner={"type": "string"},
        tags=_TEXTS,
        state={"type": "string"},
        is_ready={"type": "boolean"},
        columns={
            "type": "array",
            "items": _object(
                name={"type": "string"},
                type=_TEXT,
                key={"enum": ["partition", "clustering", None]},
                order={"enum": ["asc", "desc", None]},
            ),
        },
        time=nullable(_object(column={"type": "string"}, kind={"type": "string"}, format=_TEXT, grain=_TEXT)),
        window=_WINDOW,
        generations=_TEXTS,
        freshness=_object(
            served_at=_INSTANT,
            audited_at=_INSTANT,
            audit=_TEXT,
            next_slide_at=_INSTANT,
            late_seconds=nullable({"type": "number"}),
            promise=_TEXT,
        ),
        links=_object(self={"type": "string"}, rows={"type": "string"}),
    ),
    "Problem": {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "what": {"type": "string"},
            "on": {"type": "string"},
            "remains": {"type": "string"},
            "next": {"type": "string"},
        },
        "required": ["type", "title", "status", "detail"],
    },
}
