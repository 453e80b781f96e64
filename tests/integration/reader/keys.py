"""Views whose keys are of every type, and what may be asked of them."""

import ipaddress
import itertools
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cassandra.util import uuid_from_time
from hypothesis import strategies as st

from cassandra_views.model.generation import Serving
from tests.integration.reader.place import START, Place

POOLS: dict[str, list[Any]] = {
    "text": ["", "a", "ä b", "\U0001f600"],
    "ascii": ["a", "B", "~"],
    "int": [-5, 0, 2**31 - 1],
    "bigint": [-(2**63), 1, 2**40],
    "smallint": [-1, 0, 9],
    "tinyint": [-128, 0, 7],
    "varint": [-(10**30), 0, 10**25],
    "float": [-1.5, 0.1, 3e20],
    "double": [-1.5, 0.1, float("inf")],
    "decimal": [Decimal("-1.10"), Decimal("0"), Decimal("3E+5"), Decimal("2.00")],
    "uuid": [*(uuid.UUID(int=each) for each in (1, 2**127)), uuid.uuid5(uuid.NAMESPACE_DNS, "a")],
    "timeuuid": [uuid_from_time(each, node=5, clock_seq=9) for each in (1e9, 1.5e9, 1.5e9 + 0.001)],
    "timestamp": [datetime(1969, 12, 31, 23, 59, 59, 1000, tzinfo=UTC), START, START + timedelta(milliseconds=1)],
    "date": [date(1, 1, 1), date(1970, 1, 1), date(2026, 1, 5)],
    "time": ["00:00:00", "12:34:56.123456789", "23:59:59.999999999"],
    "inet": [str(ipaddress.ip_address(each)) for each in ("10.0.0.1", "200.0.0.1", "fe80::1")],
    "blob": [b"\x00", b"\xff\x00", bytes(100)],
    "boolean": [False, True],
    "frozen<list<int>>": [[], [1, 2], [1, 3], [-1]],
    "frozen<set<text>>": [set(), {"a", "b"}, {"ä"}],
    "frozen<map<text, int>>": [{}, {"a": 1, "b": 2}, {"a": 2}],
    "frozen<tuple<int, text>>": [(1, "a"), (1, "b"), (-1, "")],
    "frozen<pair>": [(1, "a"), (2, "b")],
}


@dataclass
class Keyed:
    """A physical view whose key is of many types, and what is in it."""

    name: str
    types: list[str]
    partitions: list[tuple[Any, ...]]
    values: list[list[Any]]


def keyed(place: Place, seed: int) -> Keyed:
    """Make a table of two partition columns and three clustering columns of random types and orders."""
    chance = random.Random(seed)
    # In five seeds every type has its turn: the shuffle is one for all, and each takes its part.
    every = sorted(POOLS)
    random.Random(7).shuffle(every)
    types = [every[(seed * 5 + place_) % len(every)] for place_ in range(5)]
    if types[0] == "text":  # a partition key may not be empty as a whole, which two columns never are
        types[0], types[1] = types[1], types[0]
    name = f"keys{seed}__g1"
    orders = [chance.choice(["ASC", "DESC"]) for _ in range(3)]
    place.run("CREATE TYPE IF NOT EXISTS {ks}.pair (number int, word text)")
    place.run(
        f"CREATE TABLE {{ks}}.{name} (a {types[0]}, b {types[1]}, c {types[2]}, d {types[3]}, e {types[4]}, v int, "
        f"PRIMARY KEY ((a, b), c, d, e)) WITH CLUSTERING ORDER BY (c {orders[0]}, d {orders[1]}, e {orders[2]})"
    )
    place.serve(f"keys{seed}", Serving(name=name))
    values = [POOLS[each] for each in types]
    partitions = list(itertools.product(values[0][:2], values[1][:2]))
    insert = place.session.prepare(f"INSERT INTO {place.keyspace}.{name} (a, b, c, d, e, v) VALUES (?, ?, ?, ?, ?, 1)")
    for row in itertools.product(*values[2:]):
        for partition in partitions:
            if chance.random() < 0.8:
                place.session.execute(insert, (*partition, *row))
    return Keyed(name=f"keys{seed}", types=types, partitions=partitions, values=values)


def conditions(data: st.DataObject, view: Keyed) -> dict[str, Any]:
    """Draw what to ask: the whole view, or partitions and then a prefix of = and IN, and a range."""
    if not data.draw(st.booleans(), label="by partition"):
        return {}
    asked: dict[str, Any] = {}
    for column, values in zip("ab", view.values, strict=False):
        picked = data.draw(st.lists(st.sampled_from(values[:2]), min_size=1, max_size=2), label=column)
        asked |= {f"{column} =": picked[0]} if len(picked) == 1 else {f"{column} IN": picked}
    for column, values in zip("cde", view.values[2:], strict=True):
        match data.draw(st.sampled_from(["", "=", "IN", "<", ">=", "<>"]), label=column):
            case "":
                break
            case "=":
                asked[f"{column} ="] = data.draw(st.sampled_from(values))
            case "IN":
                asked[f"{column} IN"] = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
            case "<>":
                asked[f"{column} >"], asked[f"{column} <="] = (data.draw(st.sampled_from(values)) for _ in range(2))
                break
            case op:
                asked[f"{column} {op}"] = data.draw(st.sampled_from(values))
                break
    return asked
