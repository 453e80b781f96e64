"""The published JSON Schemas are current, and judge front matter as the loader does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cassandra_views.model.errors import ProjectError
from cassandra_views.project.front_matter import read_front_matter, split
from cassandra_views.project.schemas import KINDS, TableFrontMatter, ViewFrontMatter, schema_text

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
MATTERS: dict[str, Any] = {"view": ViewFrontMatter, "table": TableFrontMatter}
GOOD = {
    "view": [
        "",
        "keyspace: shop",
        "keyspace:",
        "window: {last: 28 days, step: 1 day}",
        'window: {last: 1 day 12 hours, step: 6h, at: "0:10"}',
        "strategy: rebuild\ngrace: 1 hour\nowner: web\ntags: [a, b]\ndescription: x",
    ],
    "table": [
        "managed: true",
        "time: {column: day, type: date}",
        'time: {column: t, format: "%Y-%m-%d_%H-%M", grain: minute}',
        "time: {column: t, type: seconds, format: null}",
        "time:",
    ],
}
BAD = {
    "view": [
        "windw: {last: 28 days, step: 1 day}",
        "window: {last: 28 days}",
        "window: {last: 28 days, step: 1 day, stop: 1 day}",
        "window: {last: 28, step: 1 day}",
        "window: {last: 28 parsecs, step: 1 day}",
        "window: {last: 0 days, step: 1 day}",
        "window: {last: 28 days, step: 1 day, at: 10:30}",
        'window: {last: 28 days, step: 1 day, at: "25:00"}',
        "strategy: rebuld",
        "grace: 900",
        "tags: flask",
        "tags: [1]",
        "description: 5",
        "owner: [web]",
        "keyspace: 5",
        "grace:",
    ],
    "table": [
        "managed: 'yes'",
        "managed: 1",
        "time: day",
        "time: {column: day}",
        'time: {column: day, type: date, format: "%Y"}',
        "time: {column: day, type: datum}",
        'time: {column: day, format: "%d-%m-%Y"}',
        'time: {column: day, format: "%Y-%m-%d", grain: month}',
        "window: {last: 28 days, step: 1 day}",
    ],
}


def _samples(found: dict[str, list[str]]) -> list[Any]:
    return [pytest.param(kind, text, id=f"{kind}: {text}") for kind, texts in found.items() for text in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_schema_is_current(kind: str) -> None:
    published = (SCHEMAS / f"{kind}.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(kind) + "\n", f"run: views schema {kind} > docs/schemas/{kind}.schema.json"
    jsonschema.Draft202012Validator.check_schema(json.loads(published))


@pytest.mark.parametrize(("kind", "text"), _samples(GOOD))
def test_both_take_it(kind: str, text: str) -> None:
    read_front_matter(split(f"---\n{text}\n---\n", "f"), MATTERS[kind])
    jsonschema.validate(yaml.safe_load(text) or {}, json.loads(schema_text(kind)))


@pytest.mark.parametrize(("kind", "text"), _samples(BAD))
def test_both_refuse_it(kind: str, text: str) -> None:
    with pytest.raises(ProjectError) as caught:
        read_front_matter(split(f"---\n{text}\n---\n", "f"), MATTERS[kind])
    assert caught.value.place is not None
    assert caught.value.place.line == 2
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), json.loads(schema_text(kind)))


def test_defaults_are_written_as_people_write_them() -> None:
    properties = json.loads(schema_text("view"))["properties"]
    assert properties["grace"]["default"] == "15 minutes"
    assert all(each.get("description") for each in properties.values()), "editors show the description"
