"""Connections of the Cassandra provider, with what its own hook lacks; and the sensor that uses them."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel

from cassandra_client.tls import Tls
from tests.integration.airflow.airflow_process import AirflowProcess
from tests.integration.airflow.lifecycle import acts
from tests.integration.airflow.lifecycle.acts import Ran
from tests.integration.airflow.lifecycle.shop import Shop

CONNECTION: dict[str, Any] = {"conn_type": "cassandra", "host": "10.0.0.1, 10.0.0.2", "port": 9142}
SENSOR = """\
from airflow.sdk import DAG
from cassandra_views.airflow import ViewServingSensor

with DAG("waits", schedule=None):
    ViewServingSensor(
        task_id="ready",
        view="{view}",
        covers={covers!r},
        cassandra_conn_id="shop_cluster",
        registry="{registry}",
        mode="poke",
        poke_interval=1,
        timeout=3,
    )
"""


def test_its_fields_are_those_of_the_provider(airflow: AirflowProcess) -> None:
    given = {**CONNECTION, "login": "views", "password": "secret word"}
    found = airflow.call(acts.access, given)
    assert found["contact_points"] == ("10.0.0.1", "10.0.0.2")
    assert (found["port"], found["username"]) == (9142, "views")
    assert "secret word" not in found["shown"]


def test_extras_give_what_the_providers_hook_lacks(airflow: AirflowProcess) -> None:
    extra = {
        "local_dc": "dc1",
        "consistency": "local_quorum",
        "serial_consistency": "LOCAL_SERIAL",
        "request_timeout_seconds": 3,
        "connect_timeout_seconds": 1.5,
        "tls": {"ca": "/etc/ca.pem", "check_hostname": False},
        "protocol_version": 4,
        "execution_profiles": {"reports": {"consistency": "one", "request_timeout_seconds": 60}},
    }
    found = airflow.call(acts.access, {**CONNECTION, "extra": extra})
    assert found["local_dc"] == "dc1"
    assert found["consistency"] == ConsistencyLevel.LOCAL_QUORUM
    assert found["serial_consistency"] == ConsistencyLevel.LOCAL_SERIAL
    assert (found["request_timeout_seconds"], found["connect_timeout_seconds"]) == (3.0, 1.5)
    assert found["tls"] == str(Tls(ca=Path("/etc/ca.pem"), check_hostname=False))
    assert found["protocol_version"] == 4
    assert found["profiles"] == str({"reports": {"consistency_level": ConsistencyLevel.ONE, "request_timeout": 60.0}})


def test_the_providers_own_extras_are_understood(airflow: AirflowProcess) -> None:
    extra = {
        "ssl_options": {"ca_certs": "/etc/ca.pem", "certfile": "/etc/me.pem", "keyfile": "/etc/me.key"},
        "load_balancing_policy": "DCAwareRoundRobinPolicy",
        "load_balancing_policy_args": {"local_dc": "dc1"},
    }
    found = airflow.call(acts.access, {**CONNECTION, "extra": extra})
    files = Tls(ca=Path("/etc/ca.pem"), cert=Path("/etc/me.pem"), key=Path("/etc/me.key"))
    assert found["tls"] == str(files)
    assert "DCAwareRoundRobinPolicy" in found["load_balancing"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": ""}, "it names no host"),
        ({"extra": {"local_cd": "dc1"}}, "unknown extra 'local_cd'"),
        ({"extra": {"consistency": "LOCAL_QUROUM"}}, "LOCAL_QUORUM"),
        ({"extra": {"tls": {"cafile": "x"}}}, "unknown key 'cafile'"),
        ({"extra": {"request_timeout_seconds": "soon"}}, "its extras are wrong"),
        ({"extra": {"execution_profiles": {"reports": {"timeout": 1}}}}, "'reports': unknown key 'timeout'"),
        ({"extra": {"execution_profiles": ["reports"]}}, "its extras are wrong"),
    ],
)
def test_what_is_wrong_is_said(airflow: AirflowProcess, change: dict[str, Any], words: str) -> None:
    found = airflow.call(acts.access, {**CONNECTION, **change})
    assert words in found["error"]
    assert "connection given" in found["error"]


def test_airflow_knows_this_package_as_a_provider(airflow: AirflowProcess) -> None:
    found = airflow.call(acts.provider)
    assert found["provider"] == "Cassandra materialized views"
    assert "cassandra_views.airflow.timetable.SlideTimetable" in found["timetables"]
    assert found["is_cassandra_connection_theirs"].endswith("CassandraHook"), "its connection type is left alone"


def wait(shop: Shop, run: Callable[..., Ran], *, view: str, covers: str | None) -> Ran:
    text = SENSOR.format(view=view, covers=covers, registry=shop.registry)
    (shop.dags / "waits.py").write_text(text)
    return run("waits")


def test_the_sensor_waits_until_a_view_serves(shop: Shop, run: Callable[..., Ran]) -> None:
    manager = shop.manager()
    manager.apply(manager.plan(["orders_by_total"]))
    view = f"{shop.keyspace}.orders_by_day"
    assert wait(shop, run, view=view, covers=None).state == "failed"
    manager.apply(manager.plan(["orders_by_day"]))
    assert wait(shop, run, view=view, covers=None).state == "success"


def test_the_sensor_waits_until_a_time_is_covered(shop: Shop, run: Callable[..., Ran]) -> None:
    manager = shop.manager()
    manager.apply(manager.plan(["orders_by_day"]))
    view = f"{shop.keyspace}.orders_by_day"
    assert wait(shop, run, view=view, covers="2019-01-01T00:00:00Z").state == "failed"
    assert wait(shop, run, view=view, covers="2099-01-01T00:00:00Z").state == "success"


@pytest.mark.parametrize(
    ("conn_id", "on", "next_step"),
    [
        ("another", "connection another: the connection cannot be read", "conn_id under [cassandra_views]"),
        ("shop_cluster", "has no registry there", "views apply"),
    ],
)
def test_the_page_says_what_its_settings_lack(
    airflow: AirflowProcess, shop: Shop, conn_id: str, on: str, next_step: str
) -> None:
    section = {"CONN_ID": conn_id, "REGISTRY": shop.registry}
    variables = {f"AIRFLOW__CASSANDRA_VIEWS__{name}": value for name, value in section.items()}
    status, text = airflow.call(acts.ask_page, {**shop.variables, **variables})
    assert status == 503
    assert on in text
    assert next_step in html.unescape(text)
