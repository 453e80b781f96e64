"""The pictures of docs/tour.md, made once more: each shows what the tour says, and none an error."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import pytest

from tests.browser import find_missing
from tests.paths import ROOT

pytestmark = [pytest.mark.cassandra, pytest.mark.slow, pytest.mark.timeout(1800)]

SHOWN = {
    "01-init.svg": ("wrote cql_templates/views/orders_by_day.cql.j2", "Next: 'views up --detach'"),
    "02-lint.svg": ("largest_orders.cql.j2:12:1", "CV112", "Add to WHERE: total IS NOT NULL"),
    "03-plan.svg": ("create the registry", "3 to create"),
    "04-apply.svg": ("readers are sent to largest_orders__g1", "steps done in"),
    "05-status.svg": ("shop.customers_by_day", "serving", "g2"),
    "06-pages.png": ("customers_by_day", "largest_orders", "orders_by_day"),
    "07-view.png": ("largest_orders__g2", "History"),
    "08-cost.png": ("Cost", "History"),
    "09-doctor.png": ("What stands in the way, or will bite", "suspect"),
    "10-explain.svg": ("largest_orders",),
    "11-audit.svg": ("customers_by_day", "failed", "missing"),
    "12-airflow.png": ("view_largest_orders", "view_orders_by_day", "views_reconcile"),
}
WRONG = re.compile(r"Traceback|Internal Server Error|\b50\d\b .*rror|cannot be reached|does not answer")
MOST_BYTES = 90_000


def colours(picture: bytes) -> int:
    """Return how many different bytes the picture's lines hold: a blank page has a handful."""
    at, data = 8, b""
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        if picture[at + 4 : at + 8] == b"IDAT":
            data += picture[at + 8 : at + 8 + length]
        at += 12 + length
    return len(set(zlib.decompress(data)))


def test_the_tour_can_be_made_again(tmp_path: Path) -> None:
    if missing := find_missing():
        pytest.skip(missing)
    made = subprocess.run(
        [sys.executable, "-m", "docs.images.tour", str(tmp_path / "tour")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1700,
    )
    assert made.returncode == 0, made.stderr[-4000:]
    texts = {each["picture"]: each["text"] for each in map(json.loads, made.stdout.splitlines())}
    assert list(texts) == list(SHOWN)
    for name, words in SHOWN.items():
        file = tmp_path / "tour" / name
        missing_words = [word for word in words if word not in texts[name]]
        assert missing_words == [], f"{name}:\n{texts[name]}"
        assert not WRONG.search(texts[name]), f"{name}:\n{texts[name]}"
        assert file.stat().st_size < MOST_BYTES, name
        if file.suffix == ".svg":
            drawn = "".join(ET.fromstring(file.read_text(encoding="utf-8")).itertext()).replace("\xa0", " ")
            assert "$ views" in drawn, name
        else:
            assert colours(file.read_bytes()) > 50, f"{name} is blank"


def test_the_page_shows_each_picture_once_in_its_order() -> None:
    page = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    assert re.findall(r"images/tour/([\w.-]+)\)", page) == list(SHOWN)
    assert {path.name for path in (ROOT / "docs" / "images" / "tour").iterdir()} == set(SHOWN)
