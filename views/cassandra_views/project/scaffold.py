"""A new project's files: what ``views init`` writes."""

from __future__ import annotations

from pathlib import Path

from cassandra_views.model.errors import ProjectError

_FILES = {
    "views.toml": """\
# Which clusters there are, and how views are kept on them: docs/reference/configuration.md
project = "{project}"
templates = "cql_templates"
default_env = "dev"

# dev: no contact points; the server that 'views up' starts here is found by itself.
[env.dev.keyspaces.shop]
replication = {{ class = "SimpleStrategy", replication_factor = 1 }}

# [env.prod]
# contact_points = ["10.0.0.1", "10.0.0.2"]
# local_dc = "dc1"
# username = "views"
# password_file = "secrets/password"
""",
    "cql_templates/tables/orders.cql.j2": """\
---
description: Orders of a customer, newest first
keyspace: shop
managed: true
time: {{column: day, type: date, grain: day}}
---
CREATE TABLE {{{{ table }}}} (
    customer text,
    day date,
    order_id timeuuid,
    total decimal,
    PRIMARY KEY ((customer), day, order_id)
) WITH CLUSTERING ORDER BY (day DESC, order_id ASC)
""",
    "cql_templates/views/orders_by_day.cql.j2": """\
---
description: Orders of one day, for the shop's front page
keyspace: shop
window: {{last: 28 days, step: 1 day, at: "00:10", lateness: 10 minutes}}
grace: 15 minutes
---
CREATE MATERIALIZED VIEW {{{{ view }}}} AS
SELECT day, order_id, customer, total
FROM {{{{ base('orders') }}}}
WHERE {{{{ in_window() }}}} AND order_id IS NOT NULL AND customer IS NOT NULL
PRIMARY KEY ((day), order_id, customer)
WITH CLUSTERING ORDER BY (order_id DESC, customer ASC)
""",
    "dags/views.py": """\
# For Airflow, where it runs these views on schedule: docs/guides/airflow-views.md
from cassandra_views.airflow import view_dags

view_dags("../cql_templates", globals(), conn_id="cassandra_default")
""",
    ".pre-commit-config.yaml": """\
repos:
  - repo: local
    hooks:
      - id: views-lint
        name: views lint
        entry: views lint
        language: system
        pass_filenames: false
        files: ^(views\\.toml|cql_templates/)
""",
    ".github/workflows/views.yml": """\
# Checks view files on every change; needs no cluster.
on: [push, pull_request]
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {{python-version: "3.12"}}
      - run: pip install cassandra-views
      - run: views lint
""",
    ".gitignore": """\
.views/
""",
}


def scaffold(folder: Path) -> list[Path]:
    """Write a new project into a folder.

    Returns:
        The files written.

    Raises:
        ProjectError: a file of that name exists; nothing is written then.
    """
    project = folder.absolute().name or "project"
    for name in _FILES:
        if (folder / name).exists() and not name.startswith("."):
            raise ProjectError(
                "the file exists already",
                on=str(folder / name),
                next="Choose an empty folder: 'views init FOLDER'",
            )
    written = []
    for name, text in _FILES.items():
        path = folder / name
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(project=project), encoding="utf-8")
        written.append(path)
    return written
