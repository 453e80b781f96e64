"""Proxies in front of nodes. A connection that is cut hangs, as when packets are dropped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from cassandra.policies import AddressTranslator


class NodeProxies(AddressTranslator):  # type: ignore[misc]
    """One proxy for each node; the driver is told the proxies' addresses."""

    def __init__(self, addresses: list[str], port: int, prefix: str) -> None:
        self._port = port
        self._there = {address: f"{prefix}.{address.rpartition('.')[2]}" for address in addresses}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: dict[str, asyncio.Event] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread.start()
        for address in addresses:
            self._do(self._serve(address))

    @property
    def contact_points(self) -> list[str]:
        return list(self._there.values())

    def translate(self, addr: str) -> str:
        return self._there.get(addr, addr)

    def cut(self, address: str) -> None:
        self._loop.call_soon_threadsafe(self._open[address].clear)

    def mend(self, address: str) -> None:
        self._loop.call_soon_threadsafe(self._open[address].set)

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _serve(self, address: str) -> None:
        is_open = self._open[address] = asyncio.Event()
        is_open.set()

        async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            try:
                await is_open.wait()
                back, forth = await asyncio.open_connection(address, self._port)
            except (OSError, asyncio.CancelledError):
                writer.transport.abort()
                return
            pumps = [asyncio.ensure_future(_pump(*pair, is_open)) for pair in ((reader, forth), (back, writer))]
            with suppress(asyncio.CancelledError):
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for each in pumps:
                each.cancel()
            for each in (writer, forth):
                each.transport.abort()

        self._servers.append(await asyncio.start_server(begin, self._there[address], self._port))

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_open: asyncio.Event) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            await is_open.wait()
            writer.write(data)
            await writer.drain()
