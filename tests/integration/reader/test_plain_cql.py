"""The recipe of docs/guides/other-languages.md, word for word, with the bare driver."""

from __future__ import annotations

import re
import uuid
from datetime import date
from decimal import Decimal
from typing import Any

from cassandra_views.model.generation import Serving
from tests.integration.reader.place import Place
from tests.paths import ROOT

DAY = date(2026, 11, 28)


def test_the_statements_of_the_page_read_every_row_once_in_order(place: Place, keyspace: str) -> None:
    own = Place(place.session, place.registry, keyspace)
    own.run(
        "CREATE TABLE {ks}.orders (customer text, day date, order_id timeuuid, total decimal, "
        "PRIMARY KEY (customer, day, order_id))"
    )
    own.run(
        "CREATE MATERIALIZED VIEW {ks}.orders_by_day__g7 AS SELECT day, order_id, customer, total FROM {ks}.orders "
        "WHERE day IS NOT NULL AND order_id IS NOT NULL AND customer IS NOT NULL "
        "PRIMARY KEY ((day), order_id, customer) WITH CLUSTERING ORDER BY (order_id DESC, customer ASC)"
    )
    insert = f"INSERT INTO {keyspace}.orders (customer, day, order_id, total) VALUES (%s, %s, %s, %s)"
    shared = [uuid.uuid1(node=1, clock_seq=number) for number in range(3)]
    for number in range(11):  # up to four customers share an id, so that pages end within one
        place.session.execute(insert, (f"c{number:02}", DAY, shared[number % 3], Decimal(number)))
    own.serve("orders_by_day", Serving(name="orders_by_day__g7"))

    page = (ROOT / "docs" / "guides" / "other-languages.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sql\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    ask, first, same_order, next_orders = (
        text.replace("views_registry", place.registry).replace('"shop"', f'"{keyspace}"')
        for text in "".join(blocks).splitlines()
    )

    def rows(cql: str, *values: Any) -> list[Any]:
        return list(place.session.execute(place.session.prepare(cql), values))

    ((_keyspace, _view, read_from),) = rows(ask, keyspace, "orders_by_day")
    assert [dict(each)["name"] for each in read_from] == ["orders_by_day__g7"]
    assert rows(ask, keyspace, "another") == []
    expected = list(own.run("SELECT order_id, customer, total FROM {ks}.orders_by_day__g7"))
    assert len(expected) == 11
    read = rows(first, DAY)
    while len(read) < len(expected):
        last = read[-1]
        more = rows(same_order, DAY, last.order_id, last.customer)
        if len(more) < 3:
            more += rows(next_orders, DAY, last.order_id)[: 3 - len(more)]
        assert more, "a page without rows is the last one"
        read += more
    assert read == expected
