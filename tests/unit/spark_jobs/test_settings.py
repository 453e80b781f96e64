from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from cassandra_client.errors import ConfigurationError
from spark_jobs.errors import JobError, first_line
from spark_jobs.session import answers, java_home, spark_options, start
from spark_jobs.settings import JobSettings, cassandra_options, host_and_port
from tests.certificates import certificate

POINTS = {"CASSANDRA_CONTACT_POINTS": "10.0.0.1, 10.0.0.2"}


def test_the_variables_of_a_job(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    found = JobSettings.of(
        POINTS
        | {
            "CASSANDRA_PORT": "9142",
            "CASSANDRA_LOCAL_DC": "dc1",
            "CASSANDRA_USERNAME": "jobs",
            "CASSANDRA_PASSWORD_FILE": str(secret),
            "SPARK_MASTER": "spark://10.0.0.9:7077",
            "SPARK_CONNECT": "off",
        }
    )
    assert found.contact_points == ("10.0.0.1", "10.0.0.2")
    assert (found.port, found.master, found.connect, found.tls) == (9142, "spark://10.0.0.9:7077", "", None)
    assert "hush" not in repr(found)
    assert cassandra_options(found) == {
        "spark.cassandra.connection.host": "10.0.0.1,10.0.0.2",
        "spark.cassandra.connection.port": "9142",
        "spark.cassandra.connection.localDC": "dc1",
        "spark.cassandra.auth.username": "jobs",
        "spark.cassandra.auth.password": "hush",
        "spark.cassandra.input.consistency.level": "LOCAL_QUORUM",
        "spark.cassandra.output.consistency.level": "LOCAL_QUORUM",
    }


def test_spark_speaks_tls_by_the_files_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own, key = certificate("127.0.0.1")
    for name, text in (("ca.pem", own), ("both.pem", own + key)):
        (tmp_path / name).write_text(text)
    found = JobSettings.of(POINTS | {"CASSANDRA_TLS_CA": str(tmp_path / "ca.pem")})
    assert found.tls is not None
    options = cassandra_options(found)
    root = "spark.cassandra.connection.ssl"
    assert options[f"{root}.enabled"] == "true"
    assert f"{root}.keyStore.path" not in options
    assert cassandra_options(found) == options  # the same store again: a warm server keeps its connections

    found = JobSettings.of(POINTS | {"CASSANDRA_TLS_CERT": str(tmp_path / "both.pem")})
    options = cassandra_options(found)
    assert options[f"{root}.clientAuth.enabled"] == "true"
    assert f"{root}.trustStore.path" not in options
    store = Path(options[f"{root}.keyStore.path"])
    assert store.stat().st_mode & 0o077 == 0
    assert pkcs12.load_key_and_certificates(store.read_bytes(), b"changeit")[0] is not None
    assert len(list(store.parent.iterdir())) == 2


@pytest.mark.parametrize("text", [None, "", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"])
def test_files_of_tls_that_are_none_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    for name in ("CASSANDRA_TLS_CA", "CASSANDRA_TLS_CERT"):
        with pytest.raises(JobError, match=r"ca\.pem: the TLS files cannot be read: .* Correct CASSANDRA_TLS_CA"):
            cassandra_options(JobSettings.of(POINTS | {name: str(tmp_path / "ca.pem")}))
    assert not list((tmp_path / "cache").rglob("*.*"))


@pytest.mark.parametrize(
    ("master", "text"),
    [
        ("mesos", r"SPARK_MASTER is 'mesos', which names no Spark.*spark://10"),
        ("local[", r"SPARK_MASTER is 'local\['"),
        (
            "spark://master",
            r"SPARK_MASTER is 'master', not host:port.*Set it to an address such as spark://master:7077",
        ),
    ],
)
def test_what_names_no_spark_starts_none(master: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        start(master, {}, ())


def test_what_is_taken_where_nothing_is_said() -> None:
    found = JobSettings.of(POINTS | {"SPARK_CONNECT": "", "SPARK_MASTER": " "})
    assert (found.port, found.master, found.connect) == (9042, "local[*]", "127.0.0.1:15002")


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({}, "no contact point is given"),
        ({"CASSANDRA_CONTACT_POINTS": " , "}, "no contact point is given"),
        (POINTS | {"CASSANDRA_PORT": "native"}, "CASSANDRA_PORT is 'native', not a port"),
        (POINTS | {"CASSANDRA_PORT": "65536"}, "not a port"),
        (POINTS | {"CASSANDRA_USERNAME": "jobs"}, r"a user name \(jobs\) is given and no password"),
        (
            POINTS | {"CASSANDRA_USERNAME": "jobs", "CASSANDRA_PASSWORD_FILE": "/nowhere"},
            "password file cannot be read",
        ),
    ],
)
def test_wrong_variables(variables: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        JobSettings.of(variables)


def test_contact_points_with_ports() -> None:
    found = cassandra_options(JobSettings.of({"CASSANDRA_CONTACT_POINTS": "a:9043,b:9043"}))
    assert found["spark.cassandra.connection.host"] == "a,b"
    assert found["spark.cassandra.connection.port"] == "9043"


def test_addresses() -> None:
    assert host_and_port("127.0.0.1:15002", name="X") == ("127.0.0.1", 15002)
    for wrong in ("15002", "host:", ":1", "host:x"):
        with pytest.raises(ConfigurationError, match=r"^X is "):
            host_and_port(wrong, name="X")
    assert not answers("127.0.0.1:1", name="X")


def test_a_local_spark_listens_on_the_loopback_alone() -> None:
    assert spark_options("local[*]")["spark.driver.bindAddress"] == "127.0.0.1"
    assert "spark.driver.bindAddress" not in spark_options("spark://10.0.0.9:7077")


def test_the_java_of_the_wheel_where_none_is_named() -> None:
    assert java_home({"JAVA_HOME": "/opt/java"}) == "/opt/java"
    assert (Path(java_home({})) / "bin" / "java").is_file()


def test_the_line_of_an_error_that_tells_most() -> None:
    java = (
        "An error occurred while calling o1.collect.\n: java.lang.RuntimeException: top\n\tat x\nCaused by: y.Deep: low"
    )
    assert first_line(RuntimeError(java)) == "y.Deep: low"
    assert first_line(RuntimeError(java.partition("\n\tat")[0])) == "java.lang.RuntimeException: top"
    assert first_line(RuntimeError("")) == "RuntimeError"
