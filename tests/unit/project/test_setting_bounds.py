"""Every number of views.toml has bounds, and an error names the key, the value and the range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cassandra_client.errors import ConfigurationError
from cassandra_healing.policy import MachineSettings, Policy, ServicePolicy
from cassandra_views.project.settings import EnvConfig, ProjectConfig, read_config

SECTIONS: dict[str, type[BaseModel]] = {
    "env.dev": EnvConfig,
    "env.dev.healing": Policy,
    "env.dev.healing.machines": MachineSettings,
    "env.dev.healing.services.spark": ServicePolicy,
}
SERVICE = 'kind = "probe"\nprobe_command = ["true"]\n'


def numbers() -> Iterator[tuple[str, str, FieldInfo]]:
    """Return (section, key, field) of each number."""
    for section, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            if field.annotation in (int, float):
                yield section, key, field


NUMBERS = list(numbers())


def bounds(field: FieldInfo) -> dict[str, float]:
    return {name: getattr(each, name) for each in field.metadata for name in ("ge", "gt", "le") if hasattr(each, name)}


def read(folder: Path, section: str, key: str, text: str) -> ProjectConfig:
    path = folder / "views.toml"
    head = SERVICE if section.endswith("spark") else ""
    path.write_text(f"[{section}]\n{head}{key} = {text}\n", encoding="utf-8")
    return read_config(path)


@pytest.mark.parametrize(("section", "key", "field"), NUMBERS, ids=[f"{section}.{key}" for section, key, _ in NUMBERS])
def test_each_number_has_two_bounds_and_a_default_within(section: str, key: str, field: FieldInfo) -> None:
    found = bounds(field)
    assert ("ge" in found) is not ("gt" in found)
    assert "le" in found
    assert found.get("ge", found.get("gt", 0)) <= field.default <= found["le"]


def test_the_numbers_of_views_toml_are_found() -> None:
    keys = {key for _section, key, _field in NUMBERS}
    assert {"port", "history_days", "view_budget", "page_minutes", "apply_minutes", "max_age_seconds"} <= keys
    assert len(NUMBERS) > 40


VALUES: st.SearchStrategy[Any] = (
    st.sampled_from([0, -1, 1, True, False, math.nan, math.inf, -math.inf, 10**30, 1e300, 5e-324, "", "7", "many"])
    | st.integers()
    | st.floats()
)


def toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case float() if not math.isfinite(value):
            return str(value)
        case float():
            text = repr(value)
            return text if "." in text or "e" not in text else text.replace("e", ".0e")
        case _:
            return str(value)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.sampled_from(NUMBERS), value=VALUES)
def test_a_number_is_taken_within_its_bounds_and_refused_with_them(
    number: tuple[str, str, FieldInfo], value: Any, tmp_path: Path
) -> None:
    section, key, field = number
    found = bounds(field)
    is_number = isinstance(value, int if field.annotation is int else int | float) and not isinstance(value, bool)
    is_within = (
        is_number and found.get("ge", -math.inf) <= value <= found["le"] and not value <= found.get("gt", -math.inf)
    )
    text = toml(value)
    if is_within:
        read(tmp_path, section, key, text)
        return
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, section, key, text)
    told = caught.value
    low = found.get("ge", found.get("gt"))
    assert told.what.startswith(f"'{section}.{key}' is ")
    assert told.what.endswith((f"from {low} to {found['le']}", f"more than {low} and at most {found['le']}")), told.what
    assert told.place is not None
    assert told.place.line == (4 if section.endswith("spark") else 2)


@pytest.mark.parametrize("value", ["-1", "true", "1.5", "1001"])
def test_replicas_have_bounds_too(tmp_path: Path, value: str) -> None:
    text = f'{{ class = "SimpleStrategy", replication_factor = {value} }}'
    for section, key in (("env.dev", "registry_replication"), ("env.dev.keyspaces.shop", "replication")):
        with pytest.raises(ConfigurationError, match=r"replication_factor' is .*a whole number from 0 to 1000"):
            read(tmp_path, section, key, text)


def test_history_that_would_never_expire_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'env.dev.history_days' is 0, .* from 1 to 7300"):
        read(tmp_path, "env.dev", "history_days", "0")
