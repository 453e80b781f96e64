"""The published JSON Schemas, made from the models that check the files: editors complete by them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import nearest
from cassandra_views.model.times import duration_text
from cassandra_views.project.config_file import ProjectConfig
from cassandra_views.project.matter import TableMatter, ViewMatter

KINDS: dict[str, type[BaseModel]] = {"view": ViewMatter, "table": TableMatter, "toml": ProjectConfig}


class _Schema(GenerateJsonSchema):
    """Durations stand in schemas as people write them."""

    def encode_default(self, dft: Any) -> Any:
        return duration_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def schema_text(kind: str) -> str:
    """Return a published JSON Schema as text.

    Raises:
        ProjectError: there is none of that name.
    """
    if kind not in KINDS:
        raise ProjectError(
            f"there is no schema '{kind}'{nearest(kind, list(KINDS))}", next=f"Name one of: {', '.join(KINDS)}"
        )
    found = KINDS[kind].model_json_schema(schema_generator=_Schema)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **found}, indent=2)
