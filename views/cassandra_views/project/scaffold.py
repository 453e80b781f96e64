"""A new project's files: what ``views init`` writes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from cassandra_views.model.errors import ProjectError
from cassandra_views.project.project_folder import CONFIG_NAME, DEFAULT_TEMPLATES

_FILES = (
    "views.toml",
    "cql_templates/tables/orders.cql.j2",
    "cql_templates/views/orders_by_day.cql.j2",
    "cql_templates/views/orders_by_day.test.yaml",
    "dags/views.py",
    ".pre-commit-config.yaml",
    ".github/workflows/views.yml",
    ".gitignore",
)
"""What is written, in this order; ``new_project`` holds each with ``dot_`` for a leading dot and ``.tmpl`` after it."""


def scaffold(folder: Path) -> list[Path]:
    """Write a new project into a folder.

    Returns:
        The files written.

    Raises:
        ProjectError: the folder is a file, or cannot be written; or a file of that name exists. What was written
            before that is named.
    """
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
    paths = {folder / name: name for name in _FILES if not os.path.lexists(folder / name)}
    texts = {
        path: config_text(folder.absolute().name) if name == CONFIG_NAME else _template(name)
        for path, name in paths.items()
    }
    return write_texts(texts, next="Choose a folder that can be written: 'views init FOLDER'")


def write_texts(texts: Mapping[Path, str], *, next: str) -> list[Path]:
    """Write files, in the folders of their paths, and return the paths.

    Args:
        next: what to do where one cannot be written.

    Raises:
        ProjectError: one cannot be written. What was written before is named.
    """
    written: list[Path] = []
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except (OSError, ValueError) as error:  # the latter of a name that no file can have
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ProjectError(
                f"the file cannot be written: {reason}",
                on=str(path),
                remains=f"Written before: {', '.join(map(str, written))}" if written else "Nothing was written",
                next=next,
            ) from error
        written.append(path)
    return written


def config_text(project: str, *, templates: str = str(DEFAULT_TEMPLATES), keyspaces: Iterable[str] = ("shop",)) -> str:
    """Return a views.toml of one environment, in which ``views up`` can make the keyspaces."""
    replication = 'replication = { class = "SimpleStrategy", replication_factor = 1 }'
    values = {
        "PROJECT_NAME": _toml_text(project or "project"),
        "TEMPLATES": _toml_text(templates),
        "KEYSPACES": "\n".join(f"[env.dev.keyspaces.{_toml_key(each)}]\n{replication}\n" for each in keyspaces),
    }
    return re.sub("|".join(values), lambda found: values[found[0]], _template(CONFIG_NAME))


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _toml_key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_]+", text) else _toml_text(text)


def _template(name: str) -> str:
    source = name.replace(".", "dot_", 1) if name.startswith(".") else name
    return resources.files(__package__).joinpath("new_project", f"{source}.tmpl").read_text(encoding="utf-8")
