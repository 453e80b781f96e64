"""Strict Jinja over CQL: what a template may name, and the place of what it names wrongly."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    UndefinedError,
)
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cassandra_views.model.errors import Place, ProjectError
from cassandra_views.model.names import nearest

_UNDEFINED = re.compile(r"'(?P<name>[^']+)' is undefined")


class Templates:
    """Renders template texts of one project folder; ``macros/`` can be imported by name."""

    def __init__(self, root: Path) -> None:
        loader = ChoiceLoader([FileSystemLoader(root / "macros"), FileSystemLoader(root)])
        self._environment = ImmutableSandboxedEnvironment(
            loader=loader, undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
        )

    def render(self, body: str, file: str, names: Mapping[str, Any]) -> str:
        """Return the rendered text; ``body`` keeps the file's line numbers by leading empty lines.

        Raises:
            ProjectError: an undefined name, a syntax error, a missing macro file; with file and line.
        """
        try:
            return self._environment.from_string(body).render(names)
        except TemplateSyntaxError as error:
            where = error.filename if error.name else file
            raise ProjectError(
                f"the template does not parse: {error.message}",
                place=Place(file=where or file, line=error.lineno),
                next="Correct the Jinja template",
            ) from error
        except UndefinedError as error:
            match = _UNDEFINED.search(error.message or "")
            hint = nearest(match["name"], sorted(names)) if match else ""
            raise ProjectError(
                f"{error.message}{hint}",
                place=Place(file=file, line=_template_line()),
                next=f"Templates may name: {', '.join(sorted(names))}",
            ) from error
        except TemplateNotFound as error:
            raise ProjectError(
                f"the template '{error.name}' is not in macros/",
                place=Place(file=file, line=_template_line()),
                next="Correct the name in the import, or add the file",
            ) from error
        except (TemplateError, SecurityError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise ProjectError(
                f"the template fails: {error}",
                place=Place(file=file, line=_template_line()),
                next="Correct the Jinja template",
            ) from error


def _template_line() -> int:
    """Return the line of the template at which the error being handled arose, 0 where unknown."""
    frame = sys.exc_info()[2]
    line = 0
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == "<template>":
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
