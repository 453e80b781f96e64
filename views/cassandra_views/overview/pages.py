"""The pages on which people look at views: one set, mounted by each edge, which signs people in and knows their links.

They are read-only, have one address each, and can be read without scripts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cassandra_client.errors import ViewsError, as_sentence
from cassandra_views.model.diagnosis import DoctorReport
from cassandra_views.model.errors import ViewNotFound
from cassandra_views.model.generation import CONDITIONS, Generation, State
from cassandra_views.model.steps import Plan
from cassandra_views.model.times import duration_text, instant_text
from cassandra_views.overview.cluster_health import HEALTH_QUERY, RecordedHealth
from cassandra_views.overview.queries import BaseSize, Overview, base_query, build_query, events_query
from cassandra_views.overview.query_runner import QuerySteps, RegistryQuery
from cassandra_views.overview.timeline import held_chart, lives_chart, windows_chart
from cassandra_views.overview.view_rows import FILE_CONDITIONS, Need, ViewRow, find_row, rows_of
from cassandra_views.plan.explain import cost_text, explain_all, size_text, summary
from cassandra_views.plan.status import ago_text, brief, due_text, failures_text, span_text

_HOME = "cassandra_views.overview"
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HTML = "text/html; charset=utf-8"
RETRY_SECONDS = 10
"""How long a browser waits before it looks again at what could not be shown."""

_TABS = {"": "Views", "timeline": "Time line", "plan": "Plan", "cluster": "Cluster"}
_SIGNS = {"+": "makes", ">": "moves", "-": "takes"}


def security_headers(*, is_framed: bool = False) -> dict[str, str]:
    """Return the headers of all answers: nothing from another host, no inline script or style.

    Args:
        is_framed: pages of the same host may show them in a frame.
    """
    ancestors = "'self'" if is_framed else "'none'"
    return {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "X-Frame-Options": "SAMEORIGIN" if is_framed else "DENY",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {ancestors}",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


class PageRenderer:
    """Makes HTML of values, escaped, by the templates beside this module.

    Args:
        scripts: files of the folder ``assets`` that each page runs before it is shown.
    """

    def __init__(self, *, scripts: tuple[str, ...] = ()) -> None:
        self._scripts = scripts
        self._assets = resources.files(_HOME).joinpath("assets")

    def find_asset(self, name: str) -> tuple[bytes, str] | None:
        """Return a file that pages load, and its content type; None where there is no such file."""
        if name not in self._asset_names:
            return None
        return self._assets.joinpath(name).read_bytes(), _KINDS[name.rpartition(".")[2]]

    def render(self, template: str, **values: Any) -> str:
        """Return a page, or a part of one."""
        return self._environment.get_template(template).render(**values)

    @cached_property
    def _asset_names(self) -> frozenset[str]:
        return frozenset(each.name for each in self._assets.iterdir() if each.name.rpartition(".")[2] in _KINDS)

    @cached_property
    def _environment(self) -> Environment:
        found = Environment(
            loader=PackageLoader(_HOME),
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
            "as_sentence": as_sentence,
            "failures": failures_text,
            "path": lambda text: quote(str(text), safe=""),
            "size": size_text,
            "span": duration_text,
            "stands": span_text,
        }
        # Part of their addresses, so that browsers keep them and still see a new one.
        content = b"".join(self._assets.joinpath(name).read_bytes() for name in sorted(self._asset_names))
        found.globals |= {
            "CONDITIONS": CONDITIONS,
            "FILE_CONDITIONS": FILE_CONDITIONS,
            "Need": Need,
            "assets_mark": hashlib.blake2b(content, digest_size=6).hexdigest(),
            "edge_scripts": self._scripts,
        }
        return found


def _time(moment: datetime, text: str) -> Markup:
    return Markup('<time datetime="{at}" title="{full} UTC">{text}</time>').format(
        at=instant_text(moment), full=f"{moment:%Y-%m-%d %H:%M:%S}", text=text
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResponse:
    """An answer, as an edge hands it on."""

    body: str | bytes = ""
    status: int = 200
    content_type: str = HTML
    headers: Mapping[str, str] = field(default_factory=lambda: {"Cache-Control": "no-store"})


class ViewPages:
    """The pages of one registry.

    Args:
        overview: the query for all views.
        recorded_health: the query for the checks of the nodes that are recorded.
        doctor: the query for what stands in the way.
        plan: the query for what the next ``views apply`` does; None where the view files are not at hand.
        scripts: as ``PageRenderer``.
        assets_cache: who may keep the files that pages load: ``public`` or ``private``.
    """

    def __init__(
        self,
        *,
        overview: RegistryQuery[Overview],
        recorded_health: RegistryQuery[RecordedHealth | None],
        doctor: RegistryQuery[DoctorReport],
        plan: RegistryQuery[Plan] | None = None,
        scripts: tuple[str, ...] = (),
        assets_cache: str = "public",
    ) -> None:
        self._overview = overview
        self._recorded_health = recorded_health
        self._doctor = doctor
        self._plan = plan
        self._renderer = PageRenderer(scripts=scripts)
        self._assets_cache = assets_cache

    def find_asset(self, path: str) -> PageResponse | None:
        """Return the answer to the address of a file that pages load; None for all others."""
        found = self._renderer.find_asset(path)
        if found is None:
            return None
        body, kind = found
        return PageResponse(
            body=body, content_type=kind, headers={"Cache-Control": f"{self._assets_cache}, max-age=86400"}
        )

    def respond(self, path: str, words: str, links: Mapping[str, Any]) -> QuerySteps[PageResponse]:
        """Answer a request.

        Args:
            path: the address below that of the list, without a slash in front.
            words: what the list is filtered by.
            links: what the edge knows: ``root``, the address of the list without its slash; ``dag_of``, which returns
                the address of a view's DAG; ``manual_actions``, that of the form; ``home`` and ``home_name``, the way
                back. Where it does not know one, that is None or empty.
        """
        try:
            return (yield from self._page(path, words, links))
        except ViewsError as error:
            return self.error(error, links)

    def error(self, error: ViewsError, links: Mapping[str, Any], *, status: int | None = None) -> PageResponse:
        """Return the page that says what is wrong."""
        code = status or (404 if isinstance(error, ViewNotFound) else 503)
        return self._response("error.html", links, status=code, error=error, is_away=code == 503)

    def _page(self, path: str, words: str, links: Mapping[str, Any]) -> QuerySteps[PageResponse]:
        match path.split("/"):
            case [""]:
                return (yield from self._list(words, links))
            case ["view", name]:
                return (yield from self._view(name, links))
            case ["view", name, "build"]:
                return (yield from self._build(name))
            case ["timeline"]:
                return (yield from self._timeline(links))
            case ["plan"] if self._plan is not None:
                return (yield from self._show_plan(self._plan, links))
            case ["cluster"]:
                return (yield from self._cluster(links))
            case _:
                raise ViewNotFound("there is no such page", on=path, next="The list of views leads to all of them")

    def _list(self, words: str, links: Mapping[str, Any]) -> QuerySteps[PageResponse]:
        overview = yield from _required(self._overview)
        rows, shown = rows_of(overview), rows_of(overview, words)
        values = {"overview": overview, "now": overview.at, "rows": rows, "shown": shown, "q": words}
        return self._response("list.html", links, here="", **values)

    def _view(self, name: str, links: Mapping[str, Any]) -> QuerySteps[PageResponse]:
        overview = yield from _required(self._overview)
        row = find_row(overview, name)
        name_, building = row.record.name, _building(row)
        queries: list[RegistryQuery[Any]] = [events_query(name_)]
        queries += [build_query(name_, each) for each in building]
        if table := overview.bases.get(name_):
            queries.append(base_query(name_.keyspace, table, overview.carried[name_.keyspace, table]))
        events, *others = yield tuple(queries)
        if isinstance(events, ViewsError):
            raise events
        generations = row.record.generations
        return self._response(
            "view.html",
            links,
            overview=overview,
            now=overview.at,
            row=row,
            events=events,
            builds=list(zip(building, others, strict=False)),
            base=next((each for each in others if isinstance(each, BaseSize)), None),
            held=held_chart(generations, overview.at),
            lives=lives_chart(generations, overview.at),
        )

    def _build(self, name: str) -> QuerySteps[PageResponse]:
        row = find_row((yield from _required(self._overview)), name)
        building = _building(row)
        if not building:
            return PageResponse(status=204)
        builds = yield tuple(build_query(row.record.name, each) for each in building)
        return PageResponse(body=self._renderer.render("build.html", builds=list(zip(building, builds, strict=True))))

    def _timeline(self, links: Mapping[str, Any]) -> QuerySteps[PageResponse]:
        overview = yield from _required(self._overview)
        rows = sorted((row for row in rows_of(overview) if row.record.generations), key=lambda row: row.status.name)
        chart = windows_chart(rows, overview.at) if rows else None
        return self._response("timeline.html", links, here="timeline", overview=overview, now=overview.at, chart=chart)

    def _show_plan(self, query: RegistryQuery[Plan], links: Mapping[str, Any]) -> QuerySteps[PageResponse]:
        plan = yield from _required(query)
        costs = {(cost.view, cost.number): cost_text(cost) for cost in plan.costs}
        lines = [
            (line, _SIGNS[line.sign], costs.get(line.made) if line.made else None) for line in explain_all(plan.steps)
        ]
        return self._response("plan.html", links, here="plan", plan=plan, lines=lines, summary=summary(plan))

    def _cluster(self, links: Mapping[str, Any]) -> QuerySteps[PageResponse]:
        health, kept, doctor = yield (HEALTH_QUERY, self._recorded_health, self._doctor)
        if isinstance(health, ViewsError):
            raise health
        error = kept if isinstance(kept, ViewsError) else None
        doctor_error = doctor if isinstance(doctor, ViewsError) else None
        values = {"kept": kept, "kept_error": error, "doctor": doctor, "doctor_error": doctor_error}
        return self._response("cluster.html", links, here="cluster", health=health, now=health.at, **values)

    def _response(
        self, template: str, links: Mapping[str, Any], *, status: int = 200, here: str | None = None, **values: Any
    ) -> PageResponse:
        tabs = [
            (f"{links['root']}/{path}", text, path == here)
            for path, text in _TABS.items()
            if path != "plan" or self._plan is not None
        ]
        headers = {"Cache-Control": "no-store"} | ({"Retry-After": str(RETRY_SECONDS)} if status == 503 else {})
        return PageResponse(
            body=self._renderer.render(template, nav=tabs, **links, **values), status=status, headers=headers
        )


def _building(row: ViewRow) -> tuple[Generation, ...]:
    return row.record.in_state(State.BUILDING)


def _required(query: RegistryQuery[Any]) -> Generator[tuple[RegistryQuery[Any], ...], list[Any], Any]:
    """Ask for what there is no page without.

    Raises:
        ViewsError: there is no answer.
    """
    (answer,) = yield (query,)
    if isinstance(answer, ViewsError):
        raise answer
    return answer
