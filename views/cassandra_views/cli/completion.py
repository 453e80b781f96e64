"""What shell completion leaves out, so that it answers at once, and the words that it offers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from cassandra_client.errors import ViewsError
from cassandra_views.project.project_folder import FILE_SUFFIX, find_templates

VARIABLE = "_VIEWS_COMPLETE"
"""The variable by which a shell asks for completions."""


def prepare_completion(command: Any) -> None:
    """Keep Typer from importing what completion has no use for; for a process that ends with the completions.

    Typer imports pydantic to convert the values before the word that is completed, which nothing reads, and rich to
    remove markup from what zsh and fish show beside a word, which ours has not.
    """
    _keep_values_as_given(command)
    modules: dict[str, Any] = sys.modules
    modules.setdefault("rich", None)  # as where it is not installed


def _keep_values_as_given(command: Any, parent: typer.Context | None = None) -> None:
    context = typer.Context(command, parent=parent, **command.context_settings)
    for parameter in command.get_params(context):
        parameter.process_value = _as_given
    for each in getattr(command, "commands", {}).values():
        _keep_values_as_given(each, context)


def _as_given(context: Any, value: Any) -> Any:
    return value


def view_names(incomplete: str) -> list[str]:
    """Return the names of view files; none where the project cannot be read."""
    return _file_names("views", incomplete)


def table_names(incomplete: str) -> list[str]:
    """Return the names of table files; none where the project cannot be read."""
    return _file_names("tables", incomplete)


def view_tags(incomplete: str) -> list[str]:
    """Return the tags of view files; files that cannot be read have none."""
    found = (tags for each in _front_matters() if isinstance(tags := each.get("tags"), list))
    return _beginning(incomplete, (tag for tags in found for tag in tags))


def view_owners(incomplete: str) -> list[str]:
    """Return the owners of view files; files that cannot be read have none."""
    return _beginning(incomplete, (each.get("owner") for each in _front_matters()))


def view_conditions(incomplete: str) -> list[str]:
    """Return the conditions that a view can be in."""
    from cassandra_views.model.generation import CONDITIONS

    return _beginning(incomplete, CONDITIONS)


def _beginning(incomplete: str, words: Any) -> list[str]:
    return sorted({word for word in words if word and isinstance(word, str) and word.startswith(incomplete)})


def _files(folder: str) -> Iterator[Path]:
    try:
        templates = find_templates(Path.cwd())
    except ViewsError:
        return
    yield from (templates / folder).rglob(f"*{FILE_SUFFIX}")


def _file_names(folder: str, incomplete: str) -> list[str]:
    return _beginning(incomplete, (path.name.removesuffix(FILE_SUFFIX) for path in _files(folder)))


def _front_matters() -> Iterator[dict[str, Any]]:
    """Yield what the front matter of each view file says, unchecked."""
    from cassandra_views.project.front_matter import load_yaml, split

    for path in _files("views"):
        with suppress(ViewsError, OSError, UnicodeDecodeError):
            found = load_yaml(split(path.read_text(encoding="utf-8-sig"), path.name))
            if isinstance(found, dict):
                yield found
