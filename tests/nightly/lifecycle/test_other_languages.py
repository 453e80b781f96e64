"""The readers of examples/readers, compiled and run, while what serves is replaced and dropped under them."""

from __future__ import annotations

import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

ORDERS = 20
CACHE_SECONDS, GRACE_SECONDS, FOREVER = 5, 10, 3600
TABLE = (
    "CREATE TABLE {ks}.orders (customer text, day date, order_id timeuuid, total decimal, "
    "PRIMARY KEY ((customer), day, order_id)) WITH CLUSTERING ORDER BY (day DESC, order_id ASC)"
)
VIEW = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, order_id, customer, total FROM {{ base('orders') }} "
    "WHERE {{ in_window() }} AND order_id IS NOT NULL AND customer IS NOT NULL "
    "PRIMARY KEY ((day), order_id, customer) WITH CLUSTERING ORDER BY (order_id DESC, customer ASC)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How a reader is fetched, compiled and started in its folder."""

    fetch: tuple[str, ...]
    compile: tuple[tuple[str, ...], ...]
    start: tuple[str, ...]


LANGUAGES = {
    "java": Language(
        fetch=("mvn", "-q", "-B", "dependency:resolve"),
        compile=(("mvn", "-q", "-B", "package"),),
        start=("java", "-cp", "target/classes:target/lib/*", "Main"),
    ),
    "go": Language(
        fetch=("go", "mod", "download"),
        compile=(("go", "vet", "."), ("go", "build", "-o", "viewreader", ".")),
        start=("./viewreader",),
    ),
    "node": Language(
        fetch=("npm", "install", "--no-package-lock", "--no-fund", "--no-audit"),
        compile=(("node", "--check", "view-reader.js"),),
        start=("node", "main.js"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read of all orders: when it began in seconds since 1970, what answered, and how many there were."""

    began: float
    name: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A program that runs."""

    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    def reads(self) -> list[Read]:
        """Return what it printed so far; it must still run, since it ends at the first read that fails."""
        assert self.process.poll() is None, self.errors.read_text(encoding="utf-8")
        lines = self.output.read_text(encoding="utf-8").split("\n")[:-1]
        found = [line.split() for line in lines]
        return [Read(began=int(began) / 1000, name=name, rows=int(rows)) for began, name, rows in found]

    def has_read(self, name: str, *, since: float = 0.0) -> bool:
        """Tell whether a read that began since then was answered by this physical view."""
        return any(each.name == name for each in self.reads() if each.began > since)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Language, Path]:
    """A language and the folder where its reader is compiled; skipped where something of it is missing."""
    found = LANGUAGES[request.param]
    programs = {found.fetch[0], *(each[0] for each in found.compile)}
    if missing := sorted(each for each in programs if shutil.which(each) is None):
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp(request.param) / "reader"
    ignored = shutil.ignore_patterns("target", "node_modules")
    shutil.copytree(ROOT / "examples" / "readers" / request.param, folder, ignore=ignored)
    fetched = subprocess.run(found.fetch, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if fetched.returncode:
        pytest.skip(f"its packages cannot be had: {(fetched.stderr or fetched.stdout).strip()[-300:]}")
    for command in found.compile:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    return found, folder


@contextmanager
def started(command: tuple[str, ...], folder: Path, name: str) -> Iterator[Reader]:
    """Run a reader for the length of a block."""
    output, errors = folder / f"{name}.out", folder / f"{name}.err"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)
        try:
            yield Reader(process=process, output=output, errors=errors)
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def shop(own_registry: Workshop) -> Workshop:
    """The orders of today and tomorrow, and the view that the programs read."""
    shop = own_registry
    shop.session.execute(TABLE.replace("{ks}", shop.keyspace))
    insert = shop.session.prepare(
        f"INSERT INTO {shop.keyspace}.orders (customer, day, order_id, total) VALUES (?, ?, ?, 1)"
    )
    today = datetime.now(UTC).date()
    for number in range(ORDERS):
        for day in (today, today + timedelta(days=1)):
            shop.session.execute(insert, (f"c{number % 3}", day, uuid.uuid1()))
    shop.write_table("orders", "{column: day, type: date, grain: day}")
    shop.write_view("orders_by_day", VIEW, window="{last: 28 days, step: 1 day}", grace=f"{GRACE_SECONDS} seconds")
    shop.now = datetime.now(UTC)
    shop.manager().apply(shop.manager().plan())
    return shop


def test_no_read_fails_or_is_stale_while_a_generation_is_switched_and_dropped(
    language: tuple[Language, Path], shop: Workshop, server: Server
) -> None:
    """One reader asks the registry in time, the other so late that the view is dropped under it."""
    found, folder = language
    former, latter = "orders_by_day__g1", "orders_by_day__g2"
    with ExitStack() as stack:

        def start(cache_seconds: int) -> Reader:
            where = (server.contact_points[0], str(server.port), "datacenter1", shop.registry, shop.keyspace)
            command = (*found.start, *where, str(cache_seconds), "600")
            return stack.enter_context(started(command, folder, f"cache_{cache_seconds}"))

        prompt, late = readers = start(CACHE_SECONDS), start(FOREVER)
        for reader in readers:
            wait_until(lambda each=reader: each.has_read(former), seconds=90)  # type: ignore[misc]
        shop.now = datetime.now(UTC)
        shop.manager().refresh(shop.full("orders_by_day"))
        switched = time.time()
        assert shop.serving("orders_by_day") == latter
        wait_until(lambda: prompt.has_read(latter), seconds=60)
        wait_until(lambda: time.time() > switched + GRACE_SECONDS + 1, seconds=60)
        assert not late.has_read(latter)
        shop.now = datetime.now(UTC)
        shop.manager().apply(shop.manager().plan())
        dropped = time.time()
        assert shop.physical_views() == {latter}
        wait_until(lambda: late.has_read(latter, since=dropped), seconds=60)
        wait_until(lambda: time.time() > dropped + 2, seconds=60)
        reads = {reader.output.name: reader.reads() for reader in readers}
    assert {name: {each.rows for each in own} for name, own in reads.items()} == {name: {ORDERS} for name in reads}
    last = {name: max(each.began for each in own if each.name == former) for name, own in reads.items()}
    assert last[prompt.output.name] < switched + GRACE_SECONDS
    assert last[late.output.name] < dropped
