"""What lint has to say: findings, each with a code that docs/lint.md explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from cassandra_client.errors import Place
from cassandra_views.model.errors import StatementError
from cassandra_views.model.statement import At


class Kind(Enum):
    """What a finding says of a statement."""

    REFUSED = "refused"
    """The server refuses it."""
    HARMFUL = "harmful"
    """The server accepts it and is harmed by it, or what it makes is wrong."""
    POLICY = "policy"
    """The server accepts it; cassandra-views does not."""
    ADVICE = "advice"
    """It works, and somebody should look."""


class Severity(Enum):
    """ERROR: no such statement is sent to a server. WARNING: it works, and somebody should look."""

    ERROR = "error"
    WARNING = "warning"


CODES = {
    "CV001": "a text that is not one CREATE MATERIALIZED VIEW statement",
    "CV002": "a statement of the schema that the server refuses",
    "CV003": "a text that is nested too deeply, or holds a value too large, for us to read",
    # What the statement says by itself
    "CV101": "the view's name is not made of word characters, or longer than servers take",
    "CV102": "IF NOT EXISTS",
    "CV103": "the base is in another keyspace",
    "CV104": "SELECT *",
    "CV105": "an alias in SELECT",
    "CV106": "something else than a plain column in SELECT",
    "CV107": "a column selected twice",
    "CV108": "a key column that is not selected",
    "CV109": "a column twice in PRIMARY KEY",
    "CV110": "a column twice in CLUSTERING ORDER BY",
    "CV111": "CLUSTERING ORDER BY does not name the clustering columns in their order",
    "CV112": "a key column without IS NOT NULL or another restriction",
    "CV113": "token() in WHERE",
    "CV114": "a custom index expression in WHERE",
    "CV115": "an operator or subject that a view's WHERE cannot hold",
    "CV116": "COMPACT STORAGE",
    "CV117": "default_time_to_live on a view",
    "CV118": "an option that the manager writes itself, or a comment that ours cannot follow",
    "CV119": "gc_grace_seconds of 0 on a view",
    "CV120": "an unknown option",
    "CV121": "an option given twice",
    "CV122": "an option's value of the wrong kind",
    "CV123": "restrictions of one column that exclude each other",
    "CV124": "IN with no value",
    "CV125": "a window bound used otherwise than in_window() does",
    "CV126": "a view's name that is longer than some servers take",
    "CV127": "a function call, CAST or arithmetic in WHERE",
    "CV128": "IN of several values beside restrictions that need filtering",
    "CV129": "a number that becomes infinite",
    "CV130": "a name that is taken",
    "CV131": "a keyspace or base table that is missing",
    "CV133": "a bind variable",
    "CV134": "more views on a table than the cluster's guardrail allows",
    "CV135": "a keyspace with transient replicas",
    # What servers accept and are then harmed by
    "CV201": "a quote inside a text in WHERE",
    "CV202": "null as a value in WHERE",
    "CV203": "an empty value of a sole partition key in WHERE",
    "CV204": "a division in WHERE",
    "CV205": "a clock in WHERE, or another call that gives another value each time",
    "CV206": "a tuple relation whose sides do not fit",
    "CV207": "a bare name as a value in WHERE",
    "CV208": "a timestamp without its time zone in WHERE",
    "CV209": "a user-defined type's name or fields in WHERE",
    "CV210": "a column named true or false in WHERE",
    "CV211": "a tuple of one in WHERE",
    "CV212": "a blob as the value of a tuple or tinyint in WHERE",
    # What the base table says to it
    "CV301": "the base is a counter table",
    "CV302": "gc_grace_seconds of the base is 0",
    "CV303": "an unknown column",
    "CV304": "a static column selected",
    "CV305": "a key column of a collection or user type that is not frozen",
    "CV306": "a key column of a counter or duration type",
    "CV307": "a key column of the base that is missing in the view's key",
    "CV308": "more than one column in the view's key that is not in the base's",
    "CV309": "a restriction other than IS NOT NULL on a column outside the base's key",
    "CV310": "a value that does not fit its column's type",
    "CV311": "a tuple relation on other than clustering columns in their order",
    "CV312": "base columns that are not selected",
    "CV313": "IS NOT NULL on a column outside the view's key",
    "CV314": "a partition key of booleans alone",
    # CREATE TABLE
    "CV401": "the table's name is not made of word characters, or longer than servers take",
    "CV402": "a column declared twice",
    "CV403": "an unknown column in PRIMARY KEY",
    "CV404": "a column twice in PRIMARY KEY",
    "CV405": "CLUSTERING ORDER BY does not name the clustering columns in their order",
    "CV406": "a static column that cannot be one",
    "CV407": "a key column of a type that cannot be in a key",
    "CV408": "counters beside other columns",
    "CV409": "a type inside a collection that cannot be there",
    "CV410": "a table on which no view can be made",
    "CV411": "COMPACT STORAGE",
    "CV412": "an unknown option",
    "CV413": "an option given twice",
    "CV414": "an option's value of the wrong kind",
    "CV415": "a table's name that older servers do not take",
    "CV416": "a table that COMPACT STORAGE cannot hold",
}
"""What each code is about; docs/lint.md says of each why, and what to do."""

_BY_KIND = {
    Kind.HARMFUL: "CV119 CV201 CV202 CV203 CV204 CV205 CV208 CV209 CV210 CV211 CV212",
    Kind.POLICY: "CV003 CV118 CV124 CV125 CV127 CV129 CV411 CV415",
    Kind.ADVICE: "CV102 CV104 CV107 CV126 CV312 CV313 CV314 CV410",
}
KINDS = dict.fromkeys(CODES, Kind.REFUSED) | {code: kind for kind, codes in _BY_KIND.items() for code in codes.split()}
"""Of each code; a code has one kind."""
WARNINGS = frozenset(code for code, kind in KINDS.items() if kind is Kind.ADVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing lint found.

    Args:
        code: a key of ``CODES``.
        message: what is wrong, a sentence without its end stop; the server's own words where it has some.
        fix: what to do, a sentence without its end stop.
        server_message: of a refused statement, what Cassandra 5.0 answers where this is the first thing it refuses;
            None where its words cannot be known (those of its parser). ``@...`` stands for the number of a Java object.
    """

    code: str
    severity: Severity
    message: str
    place: Place
    fix: str
    server_message: str | None = None

    @property
    def kind(self) -> Kind:
        """What the finding says of the statement."""
        return KINDS[self.code]

    def __str__(self) -> str:
        return f"{self.place}: {self.severity.value} {self.code}: {self.message}. {self.fix}."


@dataclass(slots=True)
class Findings:
    """Gathers the findings on one file."""

    file: str
    _found: list[Finding] = field(default_factory=list)

    def add(self, code: str, message: str, at: At, fix: str, *, server: str | None = None) -> None:
        """Note a finding; its code says of which kind it is. Refusals are noted in the order of the server's checks.

        Args:
            server: what the server says, where it refuses the statement for this.
        """
        finding = Finding(
            code=code,
            severity=Severity.WARNING if code in WARNINGS else Severity.ERROR,
            message=message,
            place=Place(file=self.file, line=at.line, column=at.column),
            fix=fix,
            server_message=server,
        )
        if finding not in self._found:
            self._found.append(finding)

    def sorted(self) -> tuple[Finding, ...]:
        """Return the refusals in the server's order, then the others in that of the file, errors before warnings."""
        refused = [one for one in self._found if one.kind is Kind.REFUSED]
        others = [one for one in self._found if one.kind is not Kind.REFUSED]
        others.sort(key=lambda one: (one.place.line, one.place.column, one.severity.value, one.code))
        return (*refused, *others)


def raise_on_errors(findings: Iterable[Finding], *, on: str = "") -> None:
    """Raise for the first error among the findings and say how many more there are; warnings pass.

    Args:
        findings: as lint returns them.
        on: the ``keyspace.view`` or table, for the message.

    Raises:
        StatementError: there is an error.
    """
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if not errors:
        return
    first = errors[0]
    others = len(errors) - 1
    more = f" ({others} more error{'s' if others > 1 else ''} in this statement)" if others else ""
    details = [
        StatementError(f"{each.message} [{each.code}]", on=on, next=each.fix, place=each.place) for each in errors
    ]
    raise StatementError(
        f"{first.message} [{first.code}]{more}",
        on=on,
        next=first.fix,
        place=first.place,
        details=details if others else (),
    )


def doubled(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once."""
    return [name for name, count in Counter(names).items() if count > 1]
