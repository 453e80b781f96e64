"""The Grafana dashboard and the reference of metrics: each name exists, and each metric is in both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cassandra_client.errors import ViewsError
from cassandra_views.web.metrics import GAUGES, NODE_GAUGES, labels_of_nodes
from cassandra_views.web.read_limiter import Refused, TooMany, Unanswered
from cassandra_views.web.read_metrics import _OF_PROCESS, _reason

ROOT = Path(__file__).parents[3]
NAME = re.compile(r"\bcassandra_views_[a-z_]+\b")


def names() -> set[str]:
    """Return the names under which Prometheus knows the metrics, a histogram by its own name."""
    own = {f"{each.name}_total" if each.type == "counter" else each.name for each in _OF_PROCESS.collect()}
    return own | {f"cassandra_views_{name}" for name in (*GAUGES, *NODE_GAUGES)}


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / "grafana" / "views.json").read_text())
    return found


def test_the_dashboard_names_metrics_that_exist_and_each_of_them() -> None:
    asked = [target["expr"] for panel in board()["panels"] for target in panel.get("targets", ())]
    used = {name.removesuffix("_bucket") for text in asked for name in NAME.findall(text)}
    assert used == names()
    variables = {name for each in board()["templating"]["list"][1:] for name in NAME.findall(each["definition"])}
    assert variables <= names()


def test_the_dashboard_asks_for_labels_that_exist() -> None:
    known = {f"cassandra_views_{name}": {"keyspace", "view", *labels} for name, (_text, labels) in GAUGES.items()}
    known["cassandra_views_registry_up"] = set()
    known |= {f"cassandra_views_{name}": set(labels_of_nodes(name)) for name in NODE_GAUGES}
    for each in _OF_PROCESS.collect():
        labels = {"reads": {"view", "generation"}, "read_failures": {"view", "kind"}, "reads_refused": {"reason"}}
        name = f"{each.name}_total" if each.type == "counter" else f"{each.name}_bucket"
        known[name] = labels.get(each.name.removeprefix("cassandra_views_"), {"view"}) | {"le"}
    for panel in board()["panels"]:
        for target in panel.get("targets", ()):
            (metric,) = set(NAME.findall(target["expr"]))
            grouped = {
                word.strip() for part in re.findall(r"by \(([^)]*)\)", target["expr"]) for word in part.split(",")
            }
            shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert grouped | shown <= known[metric], panel["title"]


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _y in cells) < 24
        taken |= cells


def test_the_guide_explains_each_metric() -> None:
    guide = (ROOT / "docs" / "guides" / "operations-pages.md").read_text()
    assert set(re.findall(r"^\| `(cassandra_views_\w+)`", guide, re.MULTILINE)) == names()


def test_the_reasons_of_refusals() -> None:
    assert [_reason(kind("no", next="wait")) for kind in (TooMany, Unanswered, Refused)] == [
        "client",
        "silence",
        "full",
    ]
    assert issubclass(Refused, ViewsError)
