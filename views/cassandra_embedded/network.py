"""Addresses and ports: which are free, who holds one, and claims so that two servers do not pick the same."""

from __future__ import annotations

import fcntl
import ipaddress
import random
import socket
from collections.abc import Sequence
from contextlib import closing
from typing import IO

import psutil

from cassandra_embedded.downloads import cache_folder
from cassandra_embedded.errors import BadOption, PortTaken

# Below the range that Linux gives to outgoing connections (32768 and up), so a chosen port stays free.
_PICK_FROM, _PICK_TO = 10000, 32000


def node_addresses(first: str, nodes: int) -> tuple[str, ...]:
    """Return the addresses of the nodes: the first one and those that follow it.

    Raises: BadOption: it is not an address of this machine's loopback, or the range ends too early.
    """
    try:
        start = ipaddress.IPv4Address(first)
    except ValueError as error:
        raise BadOption(
            "this is no IPv4 address",
            on=first,
            remains="Nothing was started",
            next="Give one such as 127.0.0.1",
        ) from error
    addresses = tuple(str(start + offset) for offset in range(nodes))
    outside = [address for address in addresses if not ipaddress.IPv4Address(address).is_loopback]
    if outside:
        raise BadOption(
            "an embedded server listens on loopback addresses only",
            on=outside[0],
            remains="Nothing was started",
            next="Give a first address within 127.0.0.0/8",
        )
    return addresses


class PortClaims:
    """Ports claimed on this machine until ``release`` or the end of this process.

    Between choosing a port and binding it a server takes seconds to boot; a claim (a locked file in the cache
    folder, freed by the kernel when its holder dies) keeps other embedded servers off it meanwhile.
    """

    def __init__(self) -> None:
        self._held: list[IO[str]] = []

    def claim(self, addresses: Sequence[str], port: int, what: str) -> int:
        """Claim this very port on all the addresses.

        Raises: PortTaken: says by which process, where that can be told.
        """
        for address in addresses:
            if not _is_free(address, port):
                raise PortTaken(
                    f"the {what} port is taken{_by_whom(address, port)}",
                    on=f"{address}:{port}",
                    remains="Nothing was started",
                    next="End what holds it, or take another port (0 picks a free one)",
                )
            if not self._try_lock(address, port):
                raise PortTaken(
                    f"the {what} port is claimed by another embedded Cassandra of this user",
                    on=f"{address}:{port}",
                    remains="Nothing was started",
                    next="End that one, or take another port (0 picks a free one)",
                )
        return port

    def pick(self, addresses: Sequence[str], preferred: int, what: str) -> int:
        """Claim the preferred port (0: none) or any other that is free on all the addresses."""
        numbers = [preferred] if preferred else []
        numbers += random.sample(range(_PICK_FROM, _PICK_TO), 200)
        for number in numbers:
            before = len(self._held)
            try:
                return self.claim(addresses, number, what)
            except PortTaken:
                self._release_from(before)
        raise PortTaken(
            f"no free {what} port was found in 200 tries between {_PICK_FROM} and {_PICK_TO}",
            on=", ".join(addresses),
            remains="Nothing was started",
            next="End some of what listens there",
        )

    def release(self) -> None:
        """Give all claims back."""
        self._release_from(0)

    def _release_from(self, index: int) -> None:
        while len(self._held) > index:
            self._held.pop().close()

    def _try_lock(self, address: str, port: int) -> bool:
        folder = cache_folder() / "ports"
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / f"{address}-{port}").open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return False
        self._held.append(handle)
        return True


def answers(address: str, port: int) -> bool:
    """Say whether something accepts a connection there."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def _is_free(address: str, port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # As Cassandra does it: connections that linger from a former server are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _by_whom(address: str, port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp4"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            if connection.laddr.port != port or connection.laddr.ip not in (address, "0.0.0.0"):
                continue
            if connection.pid is None:
                return " by a process of another user"
            return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""
    return ""
