"""Options of adopted tables and views: what no server takes as it is, rewritten or taken out, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cassandra_views.cql.findings import Findings, doubled
from cassandra_views.cql.lint import COMMENT_LIMIT, is_short_comment
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.printing import option_cql
from cassandra_views.model.statement import Option, OptionValue

_OLD_NAMES = {"sstable_compression": "class", "chunk_length_kb": "chunk_length_in_kb"}
_LONGEST_SHOWN = 100


def repair_options(
    options: Sequence[Option], *, of_view: bool, file: str
) -> tuple[dict[str, OptionValue | None], tuple[str, ...]]:
    """Return the options that must change, and each change in words.

    Args:
        options: each has a place of its own, by which a finding is known.
        of_view: whether a comment must leave room for that of a generation.
        file: for messages.

    Returns:
        By their names the values that they get, None where they must be taken out.
    """
    values: dict[str, OptionValue | None] = {}
    changes: list[str] = []
    left: list[Option] = []
    twice = doubled(option.name for option in options)
    for option in options:
        if option.name in twice:
            continue  # the server refuses the statement
        if option.name == "id":
            values["id"] = None
            changes.append(f"{_shown(option)} is taken out: the server assigns an id")
        elif of_view and option.name == "comment" and not is_short_comment(option.value):
            values["comment"] = None
            reason = (
                "this program appends its own text, so it must be one line of plain text of at most "
                f"{COMMENT_LIMIT} characters"
            )
            changes.append(f"{_shown(option)} is taken out, and is the file's description: {reason}")
        else:
            renewed = _renewed_compression(option)
            if renewed != option.value:
                values[option.name] = renewed
                reason = "servers no longer take the old spelling"
                changes.append(f"{_shown(option)} is rewritten as {option_cql(renewed)}: {reason}")
            left.append(replace(option, value=renewed))
    while refused := _refused_options(left, file):
        for option in left:
            if option.name in refused:
                values[option.name] = None
                changes.append(f"{_shown(option)} is taken out: {refused[option.name]}")
        left = [option for option in left if option.name not in refused]
    return values, tuple(changes)


def repaired(options: Sequence[Option], values: Mapping[str, OptionValue | None]) -> tuple[Option, ...]:
    """Return options with the values that ``repair_options`` gives them."""
    changed = ((option, values.get(option.name, option.value)) for option in options)
    return tuple(replace(option, value=value) for option, value in changed if value is not None)


def _refused_options(options: Sequence[Option], file: str) -> dict[str, str]:
    """Return why no server takes some of the options, by their names."""
    findings = Findings(file)
    lint_options(tuple(options), findings, unknown="CV120", twice="CV121", kind="CV122")
    names = {(option.at.line, option.at.column): option.name for option in options}
    return {names[one.place.line, one.place.column]: one.message.rstrip(".") for one in findings.sorted()}


def _renewed_compression(option: Option) -> OptionValue:
    """Return the value of an option; what 2.x wrote of a compression, and one that is off, as servers spell it now."""
    if option.name != "compression" or isinstance(option.value, str):
        return option.value
    given = dict(option.value)
    is_off = len(given) > 1 and given.get("enabled", "true").lower() == "false"
    if is_off or "" in (given.get("sstable_compression"), given.get("class")):
        return (("enabled", "false"),)
    if not given.keys() & _OLD_NAMES.keys():
        return option.value
    # The table has an option crc_check_chance of its own since 3.0.
    return tuple(
        (_OLD_NAMES.get(name, name), value)
        for name, value in option.value
        if _OLD_NAMES.get(name) not in given and name != "crc_check_chance"
    )


def _shown(option: Option) -> str:
    value = " ".join(option_cql(option.value).split())
    return f"{option.name} = {value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + '...'}"
