# ruff: noqa: D102 (methods are named after the grammar's rules, which say what they are)
"""From grammar rules to the values of ``model.statement``; called by the parser as it reduces.

Each method, here and in the ``build_*`` modules, is a rule or an alias of ``cql.lark``. Says no to what no
statement of ours may hold (bind markers) and what has no value (an option that is no constant); leaves
every other rule to lint.
"""

from __future__ import annotations

from typing import Any

from lark import Token, v_args

from cassandra_views.cql.build_base import Qualified, Refusal, at, plain
from cassandra_views.cql.build_properties import BuildProperties, Properties
from cassandra_views.cql.build_terms import BuildTerms
from cassandra_views.cql.build_where import BuildWhere
from cassandra_views.model.relation import Relation
from cassandra_views.model.statement import ColumnDeclaration, Selected, TableStatement, ViewStatement
from cassandra_views.model.term import At, Call, Literal, Name, Term, terms_in


class _Key(tuple[tuple[Token, ...], tuple[Token, ...], At]):
    """A PRIMARY KEY: partition key, clustering columns, place."""


class _Column(tuple[ColumnDeclaration, Token | None]):
    """A column, and its PRIMARY token where it is the key by itself."""


@v_args(inline=True)
class Build(BuildTerms, BuildWhere, BuildProperties):
    """Builds values bottom-up, without a parse tree in between: the rules of whole statements."""

    def view_file(self, statement: ViewStatement, *_: Token) -> ViewStatement:
        return statement

    table_file = where_file = term_file = type_file = view_file

    def view(
        self,
        create: Token,
        exists: Token | None,
        name: Qualified,
        _as: Token,
        selected: tuple[Selected, ...],
        base: Qualified,
        where: tuple[Relation, ...] | None,
        key: _Key,
        properties: Properties | None,
    ) -> ViewStatement:
        properties = properties or Properties()
        keyspace, view = plain(name)
        base_keyspace, base_name = plain(base)
        return ViewStatement(
            view=view,
            base=base_name,
            selected=selected,
            where=where or (),
            partition_key=tuple(map(str, key[0])),
            clustering=tuple(map(str, key[1])),
            clustering_order=properties.order,
            options=properties.options,
            keyspace=keyspace,
            base_keyspace=base_keyspace,
            if_not_exists=exists is not None,
            is_compact=properties.is_compact,
            at=at(name[1]),
            base_at=at(base[1]),
            key_at=key[2],
            order_at=properties.order_at,
        )

    def table(self, _create: Token, exists: Token | None, name: Qualified, *rest: Any) -> TableStatement:
        properties = rest[-1] or Properties()
        columns = [item for item in rest[:-1] if isinstance(item, _Column)]
        keys = [item for item in rest[:-1] if isinstance(item, _Key)]
        keys += [_Key(((Token("IDENT", column.name),), (), at(key))) for column, key in columns if key]
        if len(keys) != 1:
            what = "has no PRIMARY KEY" if not keys else "has more than one PRIMARY KEY"
            raise Refusal(f"table '{name[1]}' {what}", "Give exactly one PRIMARY KEY", keys[-1][2] if keys else name[1])
        keyspace, table = plain(name)
        return TableStatement(
            table=table,
            columns=tuple(column for column, _ in columns),
            partition_key=tuple(map(str, keys[0][0])),
            clustering=tuple(map(str, keys[0][1])),
            clustering_order=properties.order,
            options=properties.options,
            keyspace=keyspace,
            if_not_exists=exists is not None,
            is_compact=properties.is_compact,
            at=at(name[1]),
            key_at=keys[0][2],
            order_at=properties.order_at,
        )

    def column(self, name: Token, type_: str, static: Token | None, mask: Call | None, *key: Token | None) -> _Column:
        declaration = ColumnDeclaration(
            name=str(name), type=type_, is_static=static is not None, mask=mask, at=at(name)
        )
        return _Column((declaration, key[0]))

    def mask(self, _masked: Token, function: Token | Call) -> Call:
        return Call("default", ()) if isinstance(function, Token) else function

    def primary_key(self, primary: Token, _key: Token, partition: tuple[Token, ...], *names: Token) -> _Key:
        return _Key((partition, names, at(primary)))

    def partition_key(self, *names: Token) -> tuple[Token, ...]:
        return names

    # SELECT
    def everything(self) -> tuple[Selected, ...]:
        return ()

    def selection(self, *items: Selected) -> tuple[Selected, ...]:
        return items

    def selected(self, term: Term, *alias: Token | None) -> Selected:
        places = (one.at for one in terms_in(term) if isinstance(one, (Name, Literal, Call)))
        name = alias[-1]
        return Selected(term=term, alias=None if name is None else str(name), at=next(places, At()))

    def selected_word(self, name: Token, *alias: Token | None) -> Selected:
        return self.selected(Name(str(name), at=at(name)), *alias)
