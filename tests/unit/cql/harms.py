"""Views that servers accept and are then harmed by, each drawn with the code that must tell of it.

Harmed means that every write to the base fails, that the node does not start again, or that the view holds other rows
than were meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.unit.cql.drawn_view import DrawnView, Facts
from tests.unit.cql.statement_parts import VALUES


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """One way to harm a server.

    Args:
        code: of the finding that tells of it.
        types: those that the restricted column of the base's key may have.
        conditions: what follows the column in WHERE; ``{value}`` is one of its type.
        is_sole: whether that column is alone the partition key of the base.
        is_clustering: whether it clusters the base.
        name: of the column, where it matters.
        option: after WITH, in place of a condition.
    """

    code: str
    types: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    is_sole: bool = False
    is_clustering: bool = False
    name: str = ""
    option: str = ""

    def do(self, chance: Random, view: DrawnView, facts: Facts) -> None:
        """Put the harm into the view."""
        if self.option:
            view.options.append(self.option)
            return
        name = facts.clustering[0] if self.is_clustering else facts.key[0]
        type_ = facts.types[name]
        condition = chance.choice(self.conditions)
        value = chance.choice(VALUES[type_])
        left = condition.replace("{column}", name) if "{column}" in condition else f"{name} {condition}"
        view.restrict(name, left.replace("{value}", value))
        if chance.random() < 0.3:
            view.where.append(f"{name} IS NOT NULL")
        chance.shuffle(view.where)


NUMBERS = ("int", "bigint", "smallint", "varint", "double", "decimal")
HARMS = (
    Harm(
        code="CV201",
        types=("text", "ascii"),
        conditions=("= 'it''s'", "= $$it's$$", "IN ('a', 'b''c')", ">= ''''", "< 'a''' "),
    ),
    Harm(code="CV201", types=("text",), conditions=("= (text) 'it''s'",)),
    Harm(code="CV201", types=("frozen<set<text>>",), conditions=("= {'it''s', 'b'}", "CONTAINS 'it''s'")),
    Harm(code="CV201", types=("frozen<map<text, int>>",), conditions=("= {'it''s': 1}", "CONTAINS KEY 'a''b'")),
    Harm(code="CV201", types=("tuple<int, text>",), conditions=("= (1, 'it''s')", ">= (2, $$'$$)")),
    Harm(code="CV202", types=tuple(VALUES), conditions=("= null", "= NULL")),
    Harm(
        code="CV203",
        types=("text", "ascii"),
        conditions=("= ''", "IN ('')", "= $$$$", "= ('')", "IN ('x', '')"),
        is_sole=True,
    ),
    Harm(code="CV203", types=("text",), conditions=("= (text) ''", "= CAST('' AS text)"), is_sole=True),
    Harm(code="CV203", types=("blob",), conditions=("= 0x", "= 0X", "IN (0x)", "= text_as_blob('')"), is_sole=True),
    Harm(code="CV204", types=NUMBERS, conditions=("= 1 / 0", ">= 5 % 0", "= {value} / 0", "IN (1 / 0)")),
    Harm(code="CV205", types=("timestamp",), conditions=("< current_timestamp()", ">= currentTimestamp()")),
    Harm(code="CV205", types=("timeuuid",), conditions=("> now()", "> current_timeuuid()")),
    Harm(code="CV205", types=("date",), conditions=("= current_date()", "> to_date(now())")),
    Harm(code="CV205", types=("uuid",), conditions=("= uuid()",)),
    Harm(code="CV205", types=("timestamp",), conditions=(">= 'now'", "= 'NOW'", "IN ('Now')", "< (timestamp) 'now'")),
    Harm(code="CV205", types=("frozen<list<timestamp>>",), conditions=("= ['now']", "CONTAINS 'now'")),
    Harm(code="CV205", types=("timeuuid",), conditions=("> min_timeuuid('now')", "< maxTimeuuid('now')")),
    Harm(code="CV208", types=("timestamp",), conditions=("> '2026-01-01'", "IN ('2026-01-01 10:00')")),
    Harm(code="CV208", types=("timestamp",), conditions=("> (timestamp) '2026-01-01'", "= ('2026-01-01')")),
    Harm(code="CV208", types=("timestamp",), conditions=("> '2026-01-01' - 2d",)),
    Harm(
        code="CV208",
        types=("frozen<list<timestamp>>",),
        conditions=("= ['2026-01-01']", "IN ([5], ['2026-01-01 10:00'])", "CONTAINS '2026-01-01'"),
    ),
    Harm(
        code="CV208",
        types=("frozen<map<timestamp, text>>",),
        conditions=("= {'2026-01-01': 'x'}", "CONTAINS KEY '2026-01-01'"),
    ),
    Harm(code="CV208", types=("tuple<timestamp, int>",), conditions=("= ('2026-01-01', 1)", ">= '2026-01-01:1'")),
    Harm(code="CV208", types=("frozen<moment>",), conditions=("= (1, '2026-01-01')", "= {at: '2026-01-01'}")),
    Harm(code="CV208", types=("timeuuid",), conditions=("> min_timeuuid('2026-01-01')",)),
    Harm(code="CV209", types=("frozen<place>",), conditions=("= {street: 'x', number: 1}", "IN ({number: 2})")),
    Harm(code="CV209", types=('frozen<"Odd">',), conditions=('= {"No": 1}', '= (frozen<"Odd">) {"No": 1}')),
    Harm(code="CV210", types=("int", "text"), conditions=("= {value}", "IS NOT NULL"), name='"true"'),
    Harm(code="CV210", types=("int", "text"), conditions=(">= {value}", "IS NOT NULL"), name='"false"'),
    Harm(
        code="CV211",
        types=("int", "text", "uuid", "timestamp"),
        conditions=("({column}) > ({value})", "({column}) = ({value})", "({column}) IN (({value}))"),
        is_clustering=True,
    ),
    Harm(code="CV212", types=("tuple<int, text>",), conditions=("= 0xff", "IN (0x00)", ">= 0xABCDEF")),
    Harm(code="CV212", types=("tinyint",), conditions=("= 0x01", "IN (0x00ff)")),
    Harm(code="CV119", types=tuple(VALUES), option="gc_grace_seconds = 0"),
)
