"""Statements drawn from the grammar by a seed: valid ones, broken ones, and ones that harm a server that takes them.

Those that are broken are broken in each way that a server tells apart.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.unit.cql.breakages import BREAKAGES
from tests.unit.cql.drawn_view import DrawnView, Facts
from tests.unit.cql.harms import HARMS, Harm
from tests.unit.cql.statement_parts import GOOD_OPTIONS, KEY_TYPES, NAMES, OTHER_TYPES, TYPES, VALUES

__all__ = ["TYPES", "Case", "generate", "generate_harmful"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A view and what belongs to it.

    Args:
        schema: the statements that it stands on.
        way: in which it was broken.
        harm: the code that must report its harm, empty where none was meant.
        insert: a statement that writes to its base; fails where the base is another by then.
        drawn: its parts, for another view that is like it.
    """

    schema: tuple[str, ...]
    view: str
    way: str
    harm: str
    insert: str
    drawn: DrawnView


class _Generator:
    """Draws one case after the other from a source of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def case(self, number: int, keyspace: str) -> Case:
        """Return the case; its table and view have names of their own, so that many share a keyspace."""
        facts, view = self.draw(number, keyspace, self.chance.randint(1, 4))
        way = "valid"
        if self.chance.random() < 0.72:
            breakage = self.chance.choice(BREAKAGES)
            breakage(self.chance, view, facts)
            way = breakage.__name__.removeprefix("_")
        return _case(facts, view, way=way)

    def harmful_case(self, number: int, keyspace: str) -> Case:
        """Return a case that a server accepts and is harmed by."""
        harm = HARMS[number % len(HARMS)] if number < len(HARMS) else self.chance.choice(HARMS)
        facts, view = self.draw(number, keyspace, self.chance.randint(2, 4), harm)
        harm.do(self.chance, view, facts)
        return _case(facts, view, way="harm", harm=harm.code)

    def draw(self, number: int, keyspace: str, keys: int, harm: Harm | None = None) -> tuple[Facts, DrawnView]:
        """Return a valid view and what it stands on; the base's key has so many columns, if there are enough."""
        draw = self.chance
        names = draw.sample(NAMES, draw.randint(max(3, keys + 1) if harm else 3, 8))
        keys = min(keys, len(names) - 1)
        partitions = draw.randint(1, keys)
        if harm is not None:
            partitions = 1 if harm.is_sole or harm.is_clustering else partitions
            special = partitions if harm.is_clustering else 0
            names[special] = harm.name or names[special]
        key, rest = names[:keys], names[keys:]
        types = {name: draw.choice(KEY_TYPES) for name in key}
        if harm is not None:
            types[key[special]] = draw.choice(harm.types)
        types |= {name: draw.choice(OTHER_TYPES if draw.random() < 0.5 else KEY_TYPES) for name in rest}
        statics = {name for name in rest if partitions < keys and draw.random() < 0.15}
        columns = [f"{name} {types[name]}{' static' if name in statics else ''}" for name in names]
        primary = f"PRIMARY KEY (({', '.join(key[:partitions])}){''.join(', ' + name for name in key[partitions:])})"
        order = ""
        if partitions < keys and draw.random() < 0.4:
            shown = key[partitions : draw.randint(partitions + 1, keys)]
            order = f" WITH CLUSTERING ORDER BY ({self.directed(shown)})"
        table = f"t{number}"
        facts = Facts(
            keyspace=keyspace,
            number=number,
            table=table,
            types=types,
            key=key,
            clustering=key[partitions:],
            rest=rest,
            statics=sorted(statics),
            schema=[f"CREATE TABLE {keyspace}.{table} ({', '.join(columns)}, {primary}){order}"],
        )
        return facts, self.view(facts, is_plain=harm is not None)

    def view(self, facts: Facts, *, is_plain: bool) -> DrawnView:
        """Return a valid view; a plain one restricts no column to a value, so that more relations can follow."""
        draw = self.chance
        types, key, keyspace = facts.types, facts.key, facts.keyspace
        usable = [name for name in facts.rest if name not in facts.statics and types[name] in VALUES]
        added = draw.sample(usable, 1) if usable and draw.random() < 0.6 else []
        view_key = [*key, *added]
        draw.shuffle(view_key)
        border = draw.randint(1, len(view_key))
        free = [n for n in facts.rest if n not in facts.statics and n not in added and draw.random() < 0.6]
        view = DrawnView(
            name=f"{keyspace}.v{facts.number}",
            base=f"{keyspace}.{facts.table}",
            selected=["*"] if not facts.statics and draw.random() < 0.2 else [*view_key, *free],
            where=[
                relation for name in view_key for relation in self.relations(name, types[name], name in key, is_plain)
            ],
            partition=view_key[:border],
            clustering=view_key[border:],
            options=draw.sample(GOOD_OPTIONS, 1) if draw.random() < 0.3 and not is_plain else [],
        )
        if view.clustering and draw.random() < 0.3:
            view.options.append(f"CLUSTERING ORDER BY ({self.directed(view.clustering)})")
        draw.shuffle(view.where)
        return view

    def directed(self, names: list[str]) -> str:
        return ", ".join(f"{name} {self.chance.choice(['ASC', 'DESC'])}" for name in names)

    def relations(self, name: str, type_: str, is_key: bool, is_plain: bool) -> list[str]:
        draw = self.chance
        value = draw.choice(VALUES[type_])
        other = draw.choice(VALUES[type_])
        choices = [[f"{name} IS NOT NULL"]] * 4
        if is_key and not is_plain:
            choices += [
                [f"{name} = {value}"],
                [f"{name} IN ({value})"],
                [f"{name} IN ({value}, {other})"],
                [f"{name} >= {value}", f"{name} < {other}"],
                [f"{name} > {value}", f"{name} IS NOT NULL"],
            ]
            if type_ in ("frozen<list<int>>", "frozen<set<text>>", "frozen<map<text, int>>"):
                inner = "1" if type_ != "frozen<set<text>>" else "'a'"
                choices.append([f"{name} CONTAINS {inner}"])
        return draw.choice(choices)


def _case(facts: Facts, view: DrawnView, *, way: str, harm: str = "") -> Case:
    values = ", ".join(VALUES[facts.types[name]][0] for name in facts.key)
    return Case(
        schema=tuple(facts.schema),
        view=view.text(),
        way=way,
        harm=harm,
        insert=f"INSERT INTO {facts.keyspace}.{facts.table} ({', '.join(facts.key)}) VALUES ({values})",
        drawn=view,
    )


def generate(seed: int, count: int, keyspace: str) -> list[Case]:
    """Return cases that share the keyspace and its types (``TYPES``), the same ones for the same seed."""
    generator = _Generator(seed)
    return [generator.case(number, keyspace) for number in range(count)]


def generate_harmful(seed: int, count: int, keyspace: str) -> list[Case]:
    """Return cases that harm a server, as ``generate``: each kind first, then more of any."""
    generator = _Generator(seed)
    return [generator.harmful_case(number, keyspace) for number in range(count)]
