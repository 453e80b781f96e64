"""A new project's files: what ``views init`` writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cassandra_views.model.errors import ProjectError

_FILES = {
    "views.toml": """\
# Which clusters there are, and how views are kept on them: docs/reference/configuration.md
project = {project}
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
window: {{last: 28 days, step: 1 day, at: "00:10"}}
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
# Checks view files on every change, and comments on each pull request what it would change in the cluster.
#
# Set under Settings, Secrets and variables, Actions:
#   variable CASSANDRA_VIEWS_GIT  where the program is installed from: it is on no package index, so a name alone would
#                                 install whatever somebody registers under it. A repository you trust, at a commit:
#                                 git+https://HOST/OWNER/cassandra-views@COMMIT
# and for the comment, which needs a cluster that the runner reaches:
#   variable VIEWS_ENV            the environment of views.toml to plan for; without it no plan is made
#   variable CASSANDRA_USERNAME, secret CASSANDRA_PASSWORD  of a role that may only read
name: views
on:
  push:
  pull_request:
permissions:
  contents: read
env:
  CASSANDRA_VIEWS_GIT: ${{{{ vars.CASSANDRA_VIEWS_GIT }}}}
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {{python-version: "3.12"}}
      - name: See where the program comes from
        run: |
          case "$CASSANDRA_VIEWS_GIT" in
            git+https://*@* | git+ssh://*@*@*) ;;
            *)
              echo "::error::Set the variable CASSANDRA_VIEWS_GIT to git+https://HOST/OWNER/cassandra-views@COMMIT"
              exit 1 ;;
          esac
      - run: pip install "cassandra-views @ $CASSANDRA_VIEWS_GIT"
      - run: views lint
  plan:
    # Not for forks: they get no secrets, and their files are not trusted with a cluster.
    if: >-
      github.event_name == 'pull_request' && vars.VIEWS_ENV != ''
      && github.event.pull_request.head.repo.full_name == github.repository
    needs: lint
    runs-on: ubuntu-latest
    permissions:
      contents: read
      pull-requests: write
    env:
      VIEWS_ENV: ${{{{ vars.VIEWS_ENV }}}}
      CASSANDRA_USERNAME: ${{{{ vars.CASSANDRA_USERNAME }}}}
      CASSANDRA_PASSWORD_FILE: ${{{{ vars.CASSANDRA_USERNAME && '/dev/shm/cassandra-password' || '' }}}}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {{python-version: "3.12"}}
      - run: pip install "cassandra-views @ $CASSANDRA_VIEWS_GIT"
      - name: Write the password file
        if: vars.CASSANDRA_USERNAME != ''
        env:
          PASSWORD: ${{{{ secrets.CASSANDRA_PASSWORD }}}}
        run: umask 077 && printf '%s' "$PASSWORD" > "$CASSANDRA_PASSWORD_FILE"
      - name: Plan
        id: plan
        run: |
          {{ echo '### views plan'; echo; echo '~~~text'; }} > comment.md
          views plan >> comment.md 2>&1 && ended=0 || ended=$?
          echo '~~~' >> comment.md
          echo "ended=$ended" >> "$GITHUB_OUTPUT"
      - name: Comment the plan on the change
        env:
          GH_TOKEN: ${{{{ github.token }}}}
          NUMBER: ${{{{ github.event.pull_request.number }}}}
        run: gh pr comment "$NUMBER" --body-file comment.md --edit-last --create-if-none
      - run: exit ${{{{ steps.plan.outputs.ended }}}}
""",
    ".gitignore": """\
.views/
# The password file that views.toml names.
secrets/
""",
}


def scaffold(folder: Path) -> list[Path]:
    """Write a new project into a folder.

    Returns:
        The files written.

    Raises:
        ProjectError: the folder is a file, or cannot be written; or a file of that name exists. What was written
            before that is named.
    """
    # A TOML string, whatever the folder is called.
    project = json.dumps(folder.absolute().name or "project", ensure_ascii=False)
    if folder.exists() and not folder.is_dir():
        raise ProjectError(
            "this is a file, and a project is a folder", on=str(folder), next="Name a folder: 'views init FOLDER'"
        )
    for name in _FILES:
        if os.path.lexists(folder / name) and not name.startswith("."):
            raise ProjectError(
                "the file exists already",
                on=str(folder / name),
                next="Choose an empty folder: 'views init FOLDER'",
            )
    written: list[Path] = []
    for name, text in _FILES.items():
        path = folder / name
        try:
            if os.path.lexists(path):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(project=project), encoding="utf-8")
        except (OSError, ValueError) as error:  # the latter of a name that no file can have
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ProjectError(
                f"the file cannot be written: {reason}",
                on=str(path),
                remains=f"Written before: {', '.join(map(str, written))}" if written else "Nothing was written",
                next="Choose a folder that can be written: 'views init FOLDER'",
            ) from error
        written.append(path)
    return written
