"""Strict Jinja over CQL: what a template may name, and the place of what it names wrongly."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    UndefinedError,
)
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cassandra_client.errors import Place
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import nearest
from cassandra_views.project.project_folder import shown_path

_UNDEFINED = re.compile(r"'(?P<name>[^']+)' is undefined")
_NOT_EXPORTED = re.compile(r"the template (?P<file>'[^']+') .*does not export the requested name (?P<name>'[^']+')")


_LONGEST = 100_000
"""Characters, items or digits that one operator of a template may make."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, whose operators cannot fill the memory or take hours."""

    intercepted_binops = frozenset({"**", "*"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse a product or power that nobody needs in a statement."""
        if operator == "**" or _product_size(left, right) > _LONGEST:
            raise SecurityError(f"what '{operator}' would make is too large")
        return super().call_binop(context, operator, left, right)


def _product_size(left: Any, right: Any) -> int:
    """Return how many characters or items a product holds, or how many bits its number has."""
    if isinstance(left, int) and isinstance(right, int):
        return left.bit_length() + right.bit_length()
    sizes = [each if isinstance(each, int) else len(each) for each in (left, right) if isinstance(each, int | Sized)]
    return sizes[0] * sizes[1] if len(sizes) == 2 else 0


class Templates:
    """Renders template texts of one project folder; ``macros/`` can be imported by name."""

    def __init__(self, root: Path) -> None:
        self._root = root
        macros = FileSystemLoader(root / "macros")
        self._environment = _Sandbox(
            # Nothing else can be imported: what a file means depends on itself, the macros and the tables.
            loader=ChoiceLoader([macros, PrefixLoader({"macros": macros})]),
            undefined=StrictUndefined,
            autoescape=False,
            keep_trailing_newline=True,
        )
        # The same file must always mean the same view.
        del self._environment.filters["random"], self._environment.globals["lipsum"]

    def render(self, body: str, file: str, names: Mapping[str, Any]) -> str:
        """Return the rendered text; ``body`` keeps the file's line numbers by leading empty lines.

        Raises:
            ProjectError: an undefined name, a syntax error, a missing macro file; with file and line.
        """
        try:
            return self._environment.from_string(body).render(names)
        except TemplateSyntaxError as error:
            where = self._shown(error.filename) if error.filename else file
            raise ProjectError(
                f"the template does not parse: {(error.message or '').rstrip('.')}",
                place=Place(file=where or file, line=error.lineno),
                next="Correct the Jinja template",
            ) from error
        except UndefinedError as error:
            place = self._place(file)
            missing = _NOT_EXPORTED.search(error.message or "")
            if missing:
                what, fix = f"{missing['file']} has no macro {missing['name']}", "Correct the name in the import"
            else:
                what = _undefined(error.message or "", names)
                fix = f"Templates may name: {', '.join(sorted(names))}"
                if place.file != file:
                    fix = "Give it to the macro as an argument, or import the macro 'with context'"
            raise ProjectError(what, place=place, next=fix) from error
        except TemplateNotFound as error:
            known = self._environment.list_templates()
            raise ProjectError(
                f"the template '{error.name}' is not in macros/{nearest(str(error.name), known)}",
                place=self._place(file),
                next="Correct the name in the import, or add the file",
            ) from error
        except RecursionError as error:
            raise ProjectError(
                "the template fails: a macro calls itself without end",
                place=self._place(file),
                next="Correct the Jinja template",
            ) from error
        except (
            TemplateError,
            SecurityError,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            AttributeError,
            MemoryError,
        ) as error:
            raise ProjectError(
                f"the template fails: {str(error) or type(error).__name__}",
                place=self._place(file),
                next="Correct the Jinja template",
            ) from error

    def _shown(self, path: str) -> str:
        found = Path(path)
        return shown_path(self._root, found) if self._root in found.parents else ""

    def _place(self, file: str) -> Place:
        """Return where in the file, or in a macro it uses, the error being handled arose."""
        frame = sys.exc_info()[2]
        found = Place(file=file)
        while frame is not None:
            name = frame.tb_frame.f_code.co_filename
            if name == "<template>":
                found = Place(file=file, line=frame.tb_lineno)
            elif shown := self._shown(name):
                found = Place(file=shown, line=frame.tb_lineno)
            frame = frame.tb_next
        return found


def _undefined(message: str, names: Mapping[str, Any]) -> str:
    match = _UNDEFINED.search(message)
    return f"'{match['name']}' is undefined{nearest(match['name'], sorted(names))}" if match else message
