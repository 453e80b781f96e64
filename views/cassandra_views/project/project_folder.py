"""Where a project's files are, and the server that ``views up`` started for it.

Shell completion reads this, so it imports little; ``cassandra_embedded`` is an optional extra and is imported inside
the functions only.
"""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cassandra_client.errors import ClusterError, ConfigurationError, Place

if TYPE_CHECKING:
    from cassandra_embedded import Running


CONFIG_NAME = "views.toml"
FILE_SUFFIX = ".cql.j2"
DEFAULT_TEMPLATES = Path("cql_templates")


def shown_path(root: Path, path: Path) -> str:
    """Return a file of the templates' folder as people are told of it: with that folder's name."""
    return f"{root.name}/{path.relative_to(root).as_posix()}"


def find_config(start: Path) -> Path | None:
    """Return the nearest views.toml, from a folder upwards."""
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    return None


def find_templates(start: Path) -> Path:
    """Return the folder of table and view files of the project around a folder; it may be missing.

    Raises:
        ConfigurationError: views.toml cannot be read.
    """
    path = find_config(start)
    if path is None:
        return start / DEFAULT_TEMPLATES
    _text, found = read_toml(path)
    templates = found.get("templates")
    return path.parent / (templates if isinstance(templates, str) else DEFAULT_TEMPLATES)


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of a views.toml, and what it says; only that it is TOML is checked.

    Raises:
        ConfigurationError: it is no TOML, or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+), column (\d+)", str(error))
        place = Place(file=path.name, line=int(line[1]), column=int(line[2])) if line else Place(file=path.name)
        reason = str(error).partition(" (at")[0]
        raise ConfigurationError(f"it is not TOML: {reason}", place=place, next="Correct the file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", place=Place(file=path.name), next="Save it as UTF-8 text"
        ) from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise ConfigurationError(
            "it is nested too deeply, or holds a number that is too long",
            place=Place(file=path.name),
            next="Correct the file",
        ) from error
    if _holds_null(found):
        raise ConfigurationError(
            "a value holds the character \\u0000, which no name and no path may",
            place=Place(file=path.name),
            next="Correct the value",
        )
    return text, found


def _holds_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_null(each) for pair in value.items() for each in pair)
    return any(map(_holds_null, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


_OWN_FOLDER = ".views"
_POINTER = "server-data"


def project_folder(start: Path) -> Path:
    """Return the nearest folder from ``start`` upwards that holds a views.toml, else ``start`` itself."""
    absolute = start.absolute()
    found = find_config(absolute)
    return found.parent if found else absolute


def _has_embedded() -> bool:
    """Tell whether what the extra ``embedded`` installs is there."""
    return all(find_spec(name) for name in ("cassandra_embedded", "psutil", "filelock", "platformdirs"))


def running_server(start: Path) -> Running | None:
    """Return the server that ``views up`` registered for the project around ``start``, if it runs."""
    if not _has_embedded():
        return None
    from cassandra_embedded import find_running

    return find_running(registered_data(start))


def find_ended_error(start: Path) -> ClusterError | None:
    """Return the error of the server that ``views up`` started for the project and that has ended by itself.

    None where it runs, was stopped by ``views down``, or never was.
    """
    if not _has_embedded():
        return None
    from cassandra_embedded import find_ended

    data = registered_data(start)
    ended = find_ended(data)
    if ended is None:
        return None
    option = "" if data == default_data(start) else f" --data {data}"
    return ClusterError(
        f"the server that 'views up' started has ended by itself. The last lines of its log:\n{ended.last_lines}\n",
        on=", ".join(ended.addresses),
        remains=f"Its data is kept in {ended.data}",
        next=f"See its log, {ended.log}; then start it again with 'views up{option}'",
    )


def register_data(start: Path, data: Path) -> None:
    """Let the commands of the project around ``start`` find the server that runs on this data."""
    pointer = project_folder(start) / _OWN_FOLDER / _POINTER
    pointer.parent.mkdir(exist_ok=True)
    pointer.write_text(f"{data}\n", encoding="utf-8")


def registered_data(start: Path) -> Path:
    """Return the data folder of the project's last ``views up``."""
    pointer = project_folder(start) / _OWN_FOLDER / _POINTER
    try:
        return Path(pointer.read_text(encoding="utf-8").strip())
    except (FileNotFoundError, NotADirectoryError):
        return default_data(start)


def default_data(start: Path) -> Path:
    """Return where the server of the project around ``start`` keeps its data unless told otherwise."""
    return project_folder(start) / _OWN_FOLDER / "cassandra"


def view_test_data(start: Path) -> Path:
    """Return where the server keeps its data that ``views test --keep`` leaves for the project around ``start``."""
    return project_folder(start) / _OWN_FOLDER / "test-server"
