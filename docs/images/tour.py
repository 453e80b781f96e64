"""Make the pictures of docs/tour.md: python -m docs.images.tour [FOLDER]

Starts an embedded Cassandra and an Airflow, works through a first afternoon in a folder of its own, draws what the
commands print, and takes pictures of the pages in a browser. Prints one line of JSON for each picture: its name and its
text.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from contextlib import chdir
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cassandra.cluster import Session
from flask import Flask
from playwright.sync_api import Page, expect

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.web import CassandraViews
from docs.images.refresh import record, run, save
from tests.browser import chromium
from tests.integration.airflow.airflow_process import make_home
from tests.integration.airflow.components import RUN_SECONDS, START_SECONDS, await_that, components
from tests.serving import serve

PICTURES = Path(__file__).parent / "tour"
WIDTH = 118
SIZE = {"width": 1160, "height": 660}
PATIENCE_MS = 180_000
LARGEST = """\
---
description: Orders of one day, the largest first
keyspace: shop
window: {last: 28 days, step: 1 day, at: "00:10"}
grace: 15 minutes
tags: [web]
---
CREATE MATERIALIZED VIEW {{ view }} AS
SELECT day, total, order_id, customer
FROM {{ base('orders') }}
WHERE {{ in_window() }} AND total IS NOT NULL AND order_id IS NOT NULL AND customer IS NOT NULL
PRIMARY KEY ((day), total, order_id, customer)
WITH CLUSTERING ORDER BY (total DESC, order_id ASC, customer ASC)
"""
CUSTOMERS = """\
---
description: Who ordered on a day
keyspace: shop
---
CREATE MATERIALIZED VIEW {{ view }} AS
SELECT day, customer, order_id
FROM {{ base('orders') }}
WHERE day IS NOT NULL AND customer IS NOT NULL AND order_id IS NOT NULL
PRIMARY KEY ((day), customer, order_id)
"""
NAMES = ("ann", "ben", "cid", "dora", "eve", "finn")


class Tour:
    """One afternoon, and the pictures of it.

    Args:
        folder: where the pictures are written.
        day: today.
    """

    def __init__(self, folder: Path, day: date) -> None:
        self.folder = folder
        self.day = day

    def terminal(self, name: str, title: str, *commands: str) -> None:
        """Run commands, and draw what they print."""
        console = record(width=WIDTH)
        for command in commands:
            run(console, *shlex.split(command), shown=command)
        text = console.export_text(clear=False)
        save(console, title, self.folder / f"{name}.svg")
        self._tell(f"{name}.svg", text)

    def page(
        self, page: Page, name: str, address: str, heading: str, *, at: str = "", height: int = SIZE["height"]
    ) -> None:
        """Open a page and take a picture of it.

        Args:
            heading: the heading that it has.
            at: a selector of what is brought to the top first.
            height: of the picture, in pixels.
        """
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, f"{address}: {answer.status}"
        expect(page.get_by_role("heading", name=heading).first).to_be_visible(timeout=PATIENCE_MS)
        if at:
            page.locator(at).first.evaluate("each => each.scrollIntoView({block: 'start'})")
        self.shoot(page, name, height=height)

    def shoot(self, page: Page, name: str, *, height: int) -> None:
        """Take a picture of the upper part of what a page shows now."""
        part = {"x": 0, "y": 0, "width": SIZE["width"], "height": height}
        page.screenshot(path=self.folder / f"{name}.png", clip=part)  # type: ignore[arg-type]
        self._tell(f"{name}.png", page.locator("body").inner_text())

    def _tell(self, name: str, text: str) -> None:
        size = (self.folder / name).stat().st_size
        print(json.dumps({"picture": name, "bytes": size, "text": text}), flush=True)


def view_file(name: str) -> Path:
    """Return the path of a view's file in the project of the tour."""
    return Path("cql_templates", "views", f"{name}.cql.j2")


def fill(session: Session, today: date) -> None:
    """Write the orders of four weeks."""
    insert = session.prepare("INSERT INTO shop.orders (customer, day, order_id, total) VALUES (?, ?, now(), ?)")
    for age in range(28):
        for number, customer in enumerate(NAMES[: 2 + age % 5]):
            session.execute(insert, (customer, today - timedelta(days=age), 5 + (37 * age + 11 * number) % 90))


def lose_row(session: Session, today: date) -> None:
    """Write an order that Cassandra loses from a view without its total: CASSANDRA-13826."""
    where = f"WHERE customer = 'gus' AND day = '{today}' AND order_id = 50554d6e-29bb-11e5-b345-feff819cdc9f"
    session.execute(f"UPDATE shop.orders USING TIMESTAMP 10 SET total = 1 {where}")
    session.execute(f"DELETE total FROM shop.orders USING TIMESTAMP 11 {where}")
    session.execute(f"UPDATE shop.orders USING TIMESTAMP 1 SET note = 'by phone' {where}")


def write_files(tour: Tour) -> None:
    """From an empty folder to a plan: init, a mistake that lint finds, and its correction."""
    tour.terminal("01-init", "A new project", "init")
    view_file("largest_orders").write_text(LARGEST.replace("total IS NOT NULL AND ", ""), encoding="utf-8")
    tour.terminal("02-lint", "A mistake is found before any server is asked", "lint")
    view_file("largest_orders").write_text(LARGEST, encoding="utf-8")
    view_file("customers_by_day").write_text(CUSTOMERS, encoding="utf-8")
    table = Path("cql_templates", "tables", "orders.cql.j2")
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("    total decimal,\n", "    total decimal,\n    note text,\n"), encoding="utf-8")


def apply_and_read(tour: Tour, session: Session) -> None:
    """Plan and apply; then rows are written, and a file changes."""
    tour.terminal("03-plan", "What would be done", "plan")
    tour.terminal("04-apply", "Created, built, compared with their tables, then served", "apply --yes")
    fill(session, tour.day)
    changed = LARGEST.replace("last: 28 days", "last: 14 days")
    view_file("largest_orders").write_text(changed, encoding="utf-8")
    for command in (
        ("apply", "--yes"),
        ("audit",),
        ("suspect", "orders_by_day", "--reason", "orders were loaded in bulk"),
    ):
        run(record(width=WIDTH), *command)
    read = f"query largest_orders \"day = '{tour.day}'\""
    tour.terminal("05-status", "What serves, and a read by the view's name", "status", read)


def look_at_pages(tour: Tour, page: Page) -> None:
    """The operations pages of the Flask extension: the list, a view, what it costs, the cluster."""
    app = Flask("shop")
    app.config.update(SECRET_KEY="of the tour alone")
    views = CassandraViews(app)
    with serve(app) as url:
        tour.page(page, "06-pages", f"{url}/views/", "Views", height=400)
        tour.page(page, "07-view", f"{url}/views/view/shop.largest_orders", "largest_orders")
        tour.page(page, "08-cost", f"{url}/views/view/shop.largest_orders", "Cost", at="#cost", height=310)
        tour.page(page, "09-doctor", f"{url}/views/cluster", "What stands in the way, or will bite", at="#doctor")
    views.state.session_provider.close()


def look_closer(tour: Tour, session: Session) -> None:
    """Which view answers a SELECT, and an audit that finds a row which a view lacks."""
    select = "SELECT customer, total FROM shop.orders WHERE day = ? ORDER BY total DESC"
    tour.terminal("10-explain", "Which view answers a question", f'explain "{select}"')
    lose_row(session, tour.day)
    tour.terminal("11-audit", "An audit finds a row that Cassandra lost from a view", "audit")


def look_at_airflow(tour: Tour, page: Page, connection: dict[str, Any], home: Path) -> None:
    """The list of DAGs, when ``views_reconcile`` has had the view built again that differed."""
    variables = {
        "AIRFLOW_CONN_CASSANDRA_DEFAULT": json.dumps(connection),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    }
    make_home(home, variables)
    with components(home, Path("dags").absolute(), variables) as airflow:
        await_that(lambda: airflow.request("GET", "dags/view_largest_orders")[0] == 200, START_SECONDS)

        def has_run() -> bool:
            runs = airflow.get("dags/view_customers_by_day/dagRuns")["dag_runs"]
            return any(each["state"] == "success" for each in runs)

        await_that(has_run, RUN_SECONDS)
        page.goto(airflow.url)  # its login of the tests asks for nothing, and leads to the home page
        expect(page.get_by_role("link", name="Views", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        page.goto(f"{airflow.url}/dags")
        expect(page.get_by_role("link", name="view_largest_orders").first).to_be_visible(timeout=PATIENCE_MS)
        tour.shoot(page, "12-airflow", height=SIZE["height"])


def make(folder: Path) -> None:
    """Make all twelve pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    tour = Tour(folder.absolute(), datetime.now(UTC).date())
    with (
        tempfile.TemporaryDirectory() as home,
        EmbeddedCassandra(address="127.0.22.10", port=0) as server,
        connected(tuple(server.contact_points), port=server.port) as session,
        chromium() as browser,
    ):
        project = Path(home, "shop")
        project.mkdir()
        with chdir(project):
            point = f"{server.contact_points[0]}:{server.port}"
            os.environ |= {"CASSANDRA_CONTACT_POINTS": point, "VIEWS_AUTHOR": "ann@laptop"}
            write_files(tour)
            apply_and_read(tour, session)
            page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
            look_at_pages(tour, page)
            look_closer(tour, session)
            connection = {"conn_type": "cassandra", "host": server.contact_points[0], "port": server.port}
            look_at_airflow(tour, page, connection, Path(home, "airflow"))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)
