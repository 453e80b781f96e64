"""Encryption: files that cannot be used, and every way in which a node and a client do not come to terms."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cassandra_client.connect import connected
from cassandra_client.errors import ClusterError, ConfigurationError
from cassandra_client.tls import Tls, find_tls_fault
from tests.certificates import Authority, key_pem

ADDRESS = "127.0.0.1"
OURS, OTHERS = Authority("ours"), Authority("others")
FILES = {
    "ours": OURS.certificate,
    "others": OTHERS.certificate,
    "node": "".join(OURS.sign("node", addresses=(ADDRESS,))),
    "elsewhere": "".join(OURS.sign("node", addresses=("127.0.0.9",))),
    "client": "".join(OURS.sign("client")),
    "stranger": "".join(OTHERS.sign("client")),
    "expired": "".join(OURS.sign("client", days=-1)),
    "key": OURS.sign("another")[1],
    "text": "no certificate",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    loaded = serialization.load_pem_private_key(FILES["key"].encode(), None)
    assert isinstance(loaded, RSAPrivateKey)
    (folder / "locked").write_text(key_pem(loaded, "secret"), encoding="utf-8")
    return folder


class Node:
    """Does what a node does until the first frame is answered; encrypted, or not at all."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._listening = socket.create_server((ADDRESS, 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if self._context is None:
            connection.recv(9)
            connection.sendall(bytes.fromhex("840000000000000000"))  # an error frame
            return
        with self._context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(9)
            encrypted.sendall(b"\x84")

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def encrypted(files: Path, cert: str, newest: ssl.TLSVersion, *, asks: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(files / cert)
    if asks:
        context.load_verify_locations(files / "ours")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def asking_node(request: pytest.FixtureRequest, files: Path) -> Iterator[Node]:
    """A node that takes clients of our authority alone."""
    node = Node(encrypted(files, "node", request.param, asks=True))
    yield node
    node.close()


def fault(tls: Tls | None, port: int) -> str:
    found = find_tls_fault(tls, ADDRESS, port, 3.0)
    return "" if found is None else ": ".join(found)


@pytest.mark.parametrize(
    ("ca", "cert", "told"),
    [
        ("ours", "client", ""),
        ("ours", None, "wants a certificate of ours, and none is given"),
        ("ours", "stranger", "refuses our certificate"),
        ("ours", "expired", "refuses our certificate"),
        ("others", "client", "the node's certificate is not trusted: "),
        (None, "client", "now it is what this machine trusts"),
    ],
)
def test_what_a_node_and_a_client_of_certificates_refuse(
    asking_node: Node, files: Path, ca: str | None, cert: str | None, told: str
) -> None:
    found = fault(Tls(ca=files / ca if ca else None, cert=files / cert if cert else None), asking_node.port)
    assert told in found
    assert bool(found) is bool(told)


def test_a_certificate_of_another_host_is_refused(files: Path) -> None:
    node = Node(encrypted(files, "elsewhere", ssl.TLSVersion.TLSv1_3, asks=False))
    assert f"is not for {ADDRESS}: IP address mismatch" in fault(Tls(ca=files / "ours"), node.port)
    assert fault(Tls(ca=files / "ours", check_hostname=False), node.port) == ""
    node.close()


def test_one_of_both_encrypts_and_the_other_does_not(asking_node: Node, files: Path) -> None:
    assert "the node takes encrypted connections: Set tls" in fault(None, asking_node.port)
    node = Node(None)
    assert "takes no encrypted connections" in fault(Tls(ca=files / "ours"), node.port)
    assert fault(None, node.port) == ""
    port = node.port
    node.close()
    assert fault(Tls(ca=files / "ours"), port) == "", "nobody listens: that is no matter of encryption"


def test_the_error_of_a_connection_says_so(asking_node: Node, files: Path) -> None:
    with pytest.raises(ClusterError) as refused:
        connected((ADDRESS,), port=asking_node.port, tls=Tls(ca=files / "ours")).__enter__()
    error = refused.value
    assert "wants a certificate of ours, and none is given" in error.what
    assert (error.on, error.remains) == (ADDRESS, "Nothing was changed")
    assert error.next == "Set tls.cert and tls.key to a certificate that the nodes trust"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ca": "none"}, "none: No such file.*tls.ca"),
        ({"ca": "text"}, "text holds no certificate in PEM form.*tls.ca"),
        ({"cert": "none"}, "none: there is no such file.*tls.cert"),
        ({"cert": "client", "key": "none"}, "none: there is no such file.*tls.key"),
        ({"cert": "client", "key": "key"}, "key is not the key of .*client"),
        ({"cert": "ours"}, "hold no certificate and key"),
        ({"cert": "client", "key": "text"}, "hold no certificate and key"),
        ({"cert": "client", "key": "locked"}, "or the key has a password"),
        ({"key": "key"}, "a key is given and no certificate"),
    ],
)
def test_files_that_cannot_be_used_are_named(files: Path, given: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the TLS files cannot be read: .*{told}"):
        Tls(**{name: files / file for name, file in given.items()}).context()
