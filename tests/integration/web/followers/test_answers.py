"""The pages' answers: what is right, what is refused, by whose rights, how soon."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from cassandra import Unauthorized
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from followers.accounts import read_accounts, read_games
from followers.history import SampleHistory
from followers.levels import Level
from tests.integration.web.conftest import by_wire
from tests.integration.web.followers.conftest import MakePages
from tests.integration.web.followers.place import NOW, SPAN, STREAMERS, Clock, Seed, close
from tests.wire import Wire

PATHS = ("/", "/?level=hour", "/?level=minute", "/streamer/72hrs", "/compare?streamer=72hrs", "/categories", "/trends")


@pytest.fixture(scope="module")
def app(seed: Seed) -> Iterator[Flask]:
    """One app for all tests here that change nothing."""
    made = seed.app(Clock())
    yield made
    close(made)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def ranked(html: str) -> list[str]:
    """Return the streamers of a ranking in its order."""
    body = html.partition('<table class="ranking">')[2].partition("<tbody>")[2]
    return re.findall(r'<th scope="row">\s*<a [^>]*>([^<]*)</a>', body)


def stored(level: Level, text: str) -> dict[str, int]:
    """Return the totals that the history has of an interval."""
    tables = {each.table: each for each in SampleHistory(now=NOW, streamers=STREAMERS, span=SPAN).tables()}
    rows = [row for rows in tables[f"unified_{level.word}"].partitions() for row in rows]
    return {row[0]: row[-1] for row in rows if row[1] == text}


@pytest.mark.parametrize(
    ("path", "level", "text"),
    [
        ("/?show=all", Level.DAY, "2026-11-04"),
        ("/?show=all&at=2026-10-20", Level.DAY, "2026-10-20"),
        ("/?show=all&level=hour", Level.HOUR, "2026-11-05_11"),
        ("/?show=all&level=minute", Level.MINUTE, "2026-11-05_12-33"),
    ],
)
def test_a_ranking_has_everybody_in_order(client: FlaskClient, path: str, level: Level, text: str) -> None:
    totals = stored(level, text)
    assert ranked(client.get(path).text) == sorted(totals, key=lambda name: (-totals[name], name))
    assert len(totals) == STREAMERS


@pytest.mark.parametrize(
    "wishes", [{"language": "English"}, {"game": "Minecraft"}, {"genre": "MOBA"}, {"console": "PC"}]
)
def test_filters_give_those_whom_the_files_say(client: FlaskClient, wishes: dict[str, str]) -> None:
    games = {each.game: each for each in read_games()}
    fitting = set()
    for account in read_accounts()[:STREAMERS]:
        game = games.get(account.game or "")
        facts = {
            "language": account.language,
            "game": account.game,
            "genre": game and game.genre,
            "console": game and game.console,
        }
        if all(facts[name] == value for name, value in wishes.items()):
            fitting.add(account.streamer)
    found = client.get("/", query_string={"show": "all", **wishes})
    assert set(ranked(found.text)) == fitting != set()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/?at=2026-11-05", "has no ranking yet"),
        ("/?at=2020-01-01", "is no longer kept"),
        ("/?at=2026-02-30", "is no day"),
        ("/?level=hour&at=2026-11-04", "is no hour"),
        ("/trends?from=2026-11-04&to=2026-11-03", "is not before"),
        ("/trends?from=2020-01-01", "is no longer kept"),
        ("/streamer/72hr", "There is no streamer"),
        ("/streamer/" + "x" * 101, "is too long"),
        ("/nowhere", "no page at this address"),
    ],
)
def test_an_address_that_leads_nowhere_says_why(client: FlaskClient, path: str, says: str) -> None:
    found = client.get(path)
    assert found.status_code == 404
    assert says in found.text


def test_a_name_that_is_nearly_right_is_offered(client: FlaskClient) -> None:
    assert 'href="/streamer/72hrs"' in client.get("/streamer/72hr").text


class _Strict(HTMLParser):
    """Notices an element that an address has smuggled in."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag == "smuggled" else []
        self.found += [name for name, _ in attrs if name.startswith("on") or name == "style"]


NASTY = st.one_of(
    st.text(max_size=120),
    st.sampled_from(
        [
            "<smuggled>",
            '"><smuggled onload=x>',
            "' OR '1'='1",
            "'; DROP TABLE insight.accounts; --",
            "{{ 7*7 }}",
            "../../etc/passwd",
            "\x00",
            "%s%n",
            "9" * 100,
            "-1",
            "2026-11-04' ALLOW FILTERING",
        ]
    ),
)
_NAMES = (
    "level",
    "at",
    "language",
    "game",
    "genre",
    "console",
    "show",
    "from",
    "to",
    "by",
    "as",
    "of",
    "pick",
    "streamer",
    "name",
    "part",
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["/", "/streamer", "/streamer/72hrs", "/compare", "/categories", "/trends"]),
    st.dictionaries(st.sampled_from(_NAMES), NASTY, max_size=4),
)
def test_no_address_breaks_a_page(client: FlaskClient, path: str, values: dict[str, str]) -> None:
    found = client.get(path, query_string=values)
    assert found.status_code < 500
    reader = _Strict()
    reader.feed(found.text)
    assert reader.found == []


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NASTY.filter(bool))
def test_no_name_breaks_a_page(client: FlaskClient, name: str) -> None:
    found = client.get(f"/streamer/{quote(name, safe='', errors='surrogatepass')}")
    assert found.status_code < 500


def test_the_headers_allow_nothing_from_elsewhere(client: FlaskClient) -> None:
    for path in (*PATHS, "/nowhere"):
        found = client.get(path)
        policy = found.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in found.headers
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=", found.text)


def test_what_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/")
    again = client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    other = client.get("/?language=English", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200


def test_files_are_kept_for_long_under_a_name_of_their_content(client: FlaskClient) -> None:
    (address,) = re.findall(r'href="(/static/style\.css\?v=\w+)"', client.get("/").text)
    with client.get(address) as found:
        assert found.status_code == 200
        assert "immutable" in found.headers["Cache-Control"]


def test_an_empty_field_of_a_form_is_not_part_of_an_address(client: FlaskClient) -> None:
    found = client.get("/?language=English&game=&at=")
    assert (found.status_code, found.headers["Location"]) == (302, "/?language=English")


def test_the_role_of_the_pages_can_write_nothing(seed: Seed, make_pages: MakePages) -> None:
    app = make_pages(seed)
    assert app.test_client().get("/").status_code == 200
    session = app.extensions["cassandra_views"].session_provider.get()
    for statement in (
        "INSERT INTO insight.accounts (streamer) VALUES ('x')",
        f"UPDATE {seed.registry}.views SET fence = 0 WHERE keyspace_name = 'insight' AND view_name = 'x'",
        "DROP MATERIALIZED VIEW insight.top_streamers_by_day__g1",
        "CREATE TABLE insight.x (a int PRIMARY KEY)",
    ):
        with pytest.raises(Unauthorized):
            session.execute(statement)


def test_a_cluster_that_goes_and_comes_back(seed: Seed, clock: Clock, wire: Wire, make_pages: MakePages) -> None:
    client = make_pages(seed, VIEWS_TIMEOUT_SECONDS=1.0, **by_wire(wire)).test_client()
    assert client.get("/").status_code == 200

    def await_status(status: int) -> None:
        until = time.monotonic() + 60
        while client.get("/").status_code != status:
            assert time.monotonic() < until
            clock.move(seconds=1)
            time.sleep(0.3)

    wire.cut()
    await_status(503)
    begun = time.monotonic()
    found = client.get("/")
    assert time.monotonic() - begun < 5
    assert (found.headers["Retry-After"], found.headers["Refresh"]) == ("5", "5")
    assert "Traceback" not in found.text
    wire.mend()
    await_status(200)


def test_the_first_byte_of_a_warm_ranking_comes_soon(client: FlaskClient) -> None:
    client.get("/")
    took = []
    for _ in range(20):
        begun = time.perf_counter()
        found = client.get("/", buffered=False)
        next(iter(found.response))
        took.append(time.perf_counter() - begun)
        assert found.status_code == 200
        found.close()
    assert statistics.median(took) < 0.2, took
