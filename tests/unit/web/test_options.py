"""``VIEWS_*`` of an app and of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from cassandra_client.errors import ConfigurationError
from cassandra_views.web import CassandraViews
from cassandra_views.web.options import WebOptions


def test_the_apps_configuration_outranks_the_environment() -> None:
    variables = {"VIEWS_TIMEOUT_SECONDS": "3", "VIEWS_MOST_AT_ONCE": "7", "VIEWS_ENV": ""}
    found = WebOptions.of({"VIEWS_TIMEOUT_SECONDS": 1.5, "DEBUG": True}, variables)
    assert (found.timeout_seconds, found.most_at_once, found.env) == (1.5, 7, None)


def test_an_empty_prefix_in_the_environment_means_none() -> None:
    assert WebOptions.of({}, {"VIEWS_API_PREFIX": ""}).api_prefix == ""
    assert WebOptions.of({}, {}).api_prefix == "/api"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"VIEWS_TIMEOUT_SECOND": 1}, "no setting VIEWS_TIMEOUT_SECOND; did you mean"),
        ({"VIEWS_TIMEOUT_SECONDS": 0}, "VIEWS_TIMEOUT_SECONDS cannot be used"),
        ({"VIEWS_PORT": "x"}, "VIEWS_PORT cannot be used"),
        ({"VIEWS_API_PREFIX": "api/"}, "VIEWS_API_PREFIX cannot be used"),
    ],
)
def test_what_is_wrong_is_named(config: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        WebOptions.of(config, {})
    assert text.partition(";")[0] in str(raised.value)


def test_where_the_cluster_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASSANDRA_CONTACT_POINTS", raising=False)
    with pytest.raises(ConfigurationError, match="no contact point"):
        WebOptions.of({}, {}).settings(tmp_path)
    (tmp_path / "views.toml").write_text('[env.dev]\ncontact_points = ["10.0.0.1"]\nregistry = "reg"\n')
    assert WebOptions.of({}, {}).settings(tmp_path).env.contact_points == ("10.0.0.1",)
    found = WebOptions.of({"VIEWS_CONTACT_POINTS": "a, b:9043", "VIEWS_PORT": 9142}, {}).settings(tmp_path)
    assert (found.env.contact_points, found.env.port, found.env.registry) == (("a", "b:9043"), 9142, "reg")


def test_an_api_needs_a_key_for_its_tokens() -> None:
    with pytest.raises(ConfigurationError, match="no key to sign"):
        CassandraViews(Flask("shop"))
    app = Flask("shop")
    app.config["VIEWS_API_PREFIX"] = ""
    CassandraViews(app)
    assert not [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("views_api")]


def test_an_app_without_views_says_so() -> None:
    with pytest.raises(ConfigurationError, match="not set up"):
        CassandraViews().select("v")


def test_each_address_may_be_none() -> None:
    app = Flask("shop")
    names = ("API_PREFIX", "PAGES_PREFIX", "METRICS_PATH", "HEALTH_PATH", "READY_PATH")
    app.config.update({f"VIEWS_{name}": "" for name in names})
    CassandraViews(app)
    assert [rule.rule for rule in app.url_map.iter_rules()] == ["/static/<path:filename>"]
    found = WebOptions.of({}, {f"VIEWS_{name}": "" for name in names})
    assert [getattr(found, name.lower()) for name in names] == [""] * 5
    with pytest.raises(ConfigurationError, match="VIEWS_METRICS_PATH cannot be used"):
        WebOptions.of({"VIEWS_METRICS_PATH": "metrics"}, {})
