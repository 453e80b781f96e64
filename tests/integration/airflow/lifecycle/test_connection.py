"""Connections of the Cassandra provider, with what its own hook lacks; and the sensor that uses them."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel

from cassandra_client.tls import Tls
from tests.integration.airflow.airflow_process import AirflowProcess
from tests.integration.airflow.lifecycle import acts
from tests.integration.airflow.lifecycle.acts import Ran
from tests.integration.airflow.lifecycle.shop import Shop
from tests.paths import ROOT

EXAMPLE = ROOT / "examples" / "airflow" / "orders_report.py"
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
        ({"extra": {"tls": False, "tls_ca": "/etc/ca.pem"}}, "tls_ca is given, and tls is not true"),
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
    assert found["faults"] == []
    assert "cassandra_views.airflow.operators" in found["modules"]
    assert "cassandra_views.airflow.timetable.SlideTimetable" in found["timetables"]
    assert found["cassandra"].endswith("CassandraHook"), "its connection type is left alone"


def test_a_connection_type_has_a_form_and_can_be_tested(airflow: AirflowProcess) -> None:
    found = airflow.call(acts.provider)
    assert found["cassandra_views"] == ("cassandra_views.airflow.hook.ViewsHook", "Cassandra with views", True)
    assert found["host"] == "Contact points"
    # Each field is an extra that is understood, also where it was left empty.
    numbers = {"request_timeout_seconds": 3, "connect_timeout_seconds": 1.5}
    filled = {**dict.fromkeys(found["form"], "/a/path"), **numbers, "tls": True, "tls_check_hostname": False}
    filled |= {"local_dc": "dc1", "consistency": "ONE"}
    given = airflow.call(acts.access, {**CONNECTION, "conn_type": "cassandra_views", "extra": filled})
    path = Path("/a/path")
    assert given["tls"] == str(Tls(ca=path, cert=path, key=path, check_hostname=False))
    assert (given["local_dc"], given["request_timeout_seconds"]) == ("dc1", 3.0)
    empty = {**dict.fromkeys(found["form"]), "local_dc": "", "tls": False, "tls_check_hostname": True}
    plain = airflow.call(acts.access, {**CONNECTION, "conn_type": "cassandra_views", "extra": empty})
    assert plain == airflow.call(acts.access, CONNECTION)


def wait(shop: Shop, run: Callable[..., Ran], *, view: str, covers: str | None) -> Ran:
    text = SENSOR.format(view=view, covers=covers, registry=shop.registry)
    (shop.dags / "waits.py").write_text(text)
    return run("waits")


def run_example(shop: Shop, run: Callable[..., Ran], view: str) -> Ran:
    """Run the example's daily report, on this shop's cluster and names."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in (
        ("cassandra_shop", "shop_cluster"),
        ("views_registry", shop.registry),
        ("shop.orders_by_day", view),
    ):
        assert text.count(f'"{old}"') == 1
        text = text.replace(f'"{old}"', f'"{new}"')
    (shop.dags / "orders_report.py").write_text(text, encoding="utf-8")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return run("orders_report", at=today)


def test_the_sensor_waits_until_a_view_serves(shop: Shop, run: Callable[..., Ran]) -> None:
    manager = shop.manager()
    manager.apply(manager.plan(["orders_by_total"]))
    view = f"{shop.keyspace}.orders_by_day"
    assert wait(shop, run, view=view, covers=None).state == "failed"
    shop.fill(3)
    manager.apply(manager.plan(["orders_by_day"]))
    ran = run_example(shop, run, view)
    assert (ran.state, ran.returned["report"]) == ("success", 3)


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
