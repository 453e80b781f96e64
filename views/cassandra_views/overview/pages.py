"""Pages as texts: values into HTML, escaped, by the templates beside this module and those of an edge."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cassandra_client.errors import ended
from cassandra_views.model.times import duration_text, instant_text
from cassandra_views.overview.row import CONDITIONS, FILE_CONDITIONS, Need
from cassandra_views.plan.explain import size_text
from cassandra_views.plan.status import ago_text, brief, due_text, failures_text, stands_for

_HOME = "cassandra_views.overview"
_SHARED = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
_KINDS = {"js": "text/javascript", "css": "text/css"}

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
)


def policy(*, frame_ancestors: str) -> str:
    """Return the content policy: nothing from another host, no inline script or style."""
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {frame_ancestors}"
    )


class Pages:
    """The pages of one edge.

    Args:
        home: its package, with a folder ``templates`` where it has templates of its own.
        scripts: files of its folder ``assets`` that each page runs before it is shown.
    """

    def __init__(self, home: str, *, has_templates: bool = False, scripts: tuple[str, ...] = ()) -> None:
        self._home = home
        self._has_templates = has_templates
        self._scripts = scripts
        self.assets = _SHARED | {name: _KINDS[name.rpartition(".")[2]] for name in scripts}

    def asset(self, name: str) -> bytes:
        """Return the content of one of ``assets``."""
        home = _HOME if name in _SHARED else self._home
        return resources.files(home).joinpath("assets", name).read_bytes()

    def render(self, template: str, **values: Any) -> str:
        """Return a page, or a part of one."""
        return self._environment.get_template(template).render(**values)

    @cached_property
    def _environment(self) -> Environment:
        homes = [self._home, _HOME] if self._has_templates else [_HOME]
        found = Environment(
            loader=ChoiceLoader([PackageLoader(each) for each in homes]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        found.filters |= {
            "ago": lambda moment, now: _time(moment, ago_text(moment, now)),
            "due": lambda moment, now: _time(moment, due_text(moment, now)),
            "brief": lambda moment: _time(moment, brief(moment)),
            "clock": lambda moment: _time(moment, f"{moment:%m-%d %H:%M:%S}"),
            "exact": lambda moment: _time(moment, f"{moment:%Y-%m-%d %H:%M:%S}"),
            "ended": ended,
            "failures": failures_text,
            "path": lambda text: quote(str(text), safe=""),
            "size": size_text,
            "span": duration_text,
            "stands": stands_for,
        }
        # Part of their addresses, so that browsers keep them and still see a new one.
        mark = hashlib.blake2b(b"".join(map(self.asset, self.assets)), digest_size=6).hexdigest()
        found.globals |= {
            "CONDITIONS": CONDITIONS,
            "FILE_CONDITIONS": FILE_CONDITIONS,
            "Need": Need,
            "assets_mark": mark,
            "edge_scripts": self._scripts,
        }
        return found


def _time(moment: datetime, text: str) -> Markup:
    return Markup('<time datetime="{at}" title="{full} UTC">{text}</time>').format(
        at=instant_text(moment), full=f"{moment:%Y-%m-%d %H:%M:%S}", text=text
    )
