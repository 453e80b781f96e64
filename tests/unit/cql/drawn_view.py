"""A view while it is drawn, and what it stands on: its parts can still be changed, and one text is made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass
class DrawnView:
    """The parts of a CREATE MATERIALIZED VIEW; ``whole`` is the text where it is no longer made of them."""

    name: str
    base: str
    selected: list[str]
    where: list[str]
    partition: list[str]
    clustering: list[str]
    options: list[str]
    head: str = "CREATE MATERIALIZED VIEW"
    tail: str = ""
    whole: str = ""

    def text(self) -> str:
        if self.whole:
            return self.whole
        key = f"(({', '.join(self.partition)}){''.join(', ' + name for name in self.clustering)})"
        where = f" WHERE {' AND '.join(self.where)}" if self.where else ""
        options = f" WITH {' AND '.join(self.options)}" if self.options else ""
        select = ", ".join(self.selected)
        return (
            f"{self.head} {self.name} AS SELECT {select} FROM {self.base}{where} PRIMARY KEY {key}{options}{self.tail}"
        )

    def restrict(self, name: str, *relations: str) -> None:
        """Put these relations in the place of those that the column has."""
        self.where = [one for one in self.where if not one.startswith(f"{name} ")]
        self.where += relations

    def again(self, where: str) -> str:
        """Return the statement of a view of another name with another WHERE, without options."""
        return replace(self, name=f"{self.name}_again", where=[where], options=[], tail="").text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a drawn view stands on.

    Args:
        types: of each column.
        key: the columns of the base's key, of which the last are ``clustering``.
        rest: the other columns, of which some are ``statics``.
        schema: the statements before the view; more may be added.
    """

    keyspace: str
    number: int
    table: str
    types: dict[str, str]
    key: list[str]
    clustering: list[str]
    rest: list[str]
    statics: list[str]
    schema: list[str]
