"""A plan in words, made from the same list that is carried out, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import assert_never

from pydantic import TypeAdapter, ValidationError

from cassandra_views.model.errors import StalePlan
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName, counted
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    AwaitBuild,
    Cause,
    Cost,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    DropRegistry,
    FailGeneration,
    GenerationStep,
    GiveUpName,
    Plan,
    ReleaseGeneration,
    RenameView,
    RetireView,
    ServeGeneration,
    Step,
    SweepOrphan,
    physical_of,
)
from cassandra_views.plan.status import span_text


def explain(step: Step) -> tuple[str, str, str]:
    """Return (sign, subject, text) of a step: ``+`` makes, ``>`` moves on, ``-`` takes away."""
    match step:
        case CreateRegistry():
            return "+", f"keyspace {step.keyspace}", f"create the registry: replication {step.replication}"
        case CreateKeyspace():
            return "+", f"keyspace {step.keyspace}", "create the keyspace"
        case CreateTable():
            return "+", f"table {step.keyspace}.{step.table}", "create the base table"
        case CreateGeneration():
            verb = "finish creating" if step.resumes else _VERBS[step.cause]
            return "+", _subject(step), f"{verb}: {step.reason}"
        case AdoptGeneration() if step.number == HAND_MADE_NUMBER:
            what = f"take over the existing view {step.view.view} without building it"
            return "+", _subject(step), f"{what}: {step.reason}"
        case AdoptGeneration():
            return "+", _subject(step), f"take it over without building it: {step.reason}"
        case AwaitBuild():
            return ">", _subject(step), "await its build on every node"
        case AuditGeneration():
            again = " again, while it serves" if step.is_again else ""
            again = " before readers return to it" if step.is_return else again
            asked = f" and by {counted(len(step.checks), 'check')} of its file" if step.checks else ""
            return ">", _subject(step), f"audit it against its base{asked}{again}"
        case ServeGeneration():
            retires = ", ".join(f"generation {number}" for number in step.retires if number != step.number)
            text = f"send readers to it{f' and retire {retires}' if retires else ''}"
            why = ", since its file asks for something else"
            return (
                ">",
                _subject(step),
                text + (f"; the view is {step.override.value} then{why}" if step.override else ""),
            )
        case RetireView():
            verb = "send readers away" if step.retires or step.override is None else "serve nobody"
            off = f", and set the view {step.override.value}" if step.override else ""
            return "-", str(step.view), f"{verb}{off}: {step.reason}"
        case FailGeneration():
            return "-", _subject(step), f"give it up: {step.reason}"
        case DropGeneration() if step.number == HAND_MADE_NUMBER and step.needs_approval:
            what = f"drop the hand-made view {physical_of(step)}, which applications may read by its name"
            return "-", _subject(step), f"{what}: {step.reason}"
        case DropGeneration():
            return "-", _subject(step), f"drop it: {step.reason}"
        case ReleaseGeneration():
            return "-", _subject(step), f"manage it no longer, the view itself stays as it is: {step.reason}"
        case SweepOrphan():
            return "-", _subject(step), f"drop it: {step.reason}"
        case DropRegistry():
            end = "then the keyspace" if step.drops_keyspace else "the keyspace stays"
            tables = f"drop the registry's tables {', '.join(step.tables)}" if step.tables else "no table is left"
            return "-", f"keyspace {step.keyspace}", f"{tables}; {end}"
        case RenameView():
            return ">", str(step.view), f"rename it from {step.former}, which is served as well"
        case GiveUpName():
            return "-", str(step.view), f"serve its former name {step.former} no longer: its file does not name it"
        case _:
            assert_never(step)


_VERBS = {
    Cause.CREATE: "create",
    Cause.CHANGE: "create the changed one",
    Cause.SLIDE: "create the next one",
    Cause.REFRESH: "recreate it",
    Cause.REPAIR: "create the next one",
}


def _subject(step: GenerationStep) -> str:
    made_as = f" ({step.physical})" if step.physical else ""
    return f"{step.view} generation {step.number}{made_as}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """One line of a plan: a step, or the steps by which one generation is finished or given up.

    Args:
        made: the view and number of the generation that it creates.
    """

    sign: str
    subject: str
    text: str
    made: tuple[ViewName, int] | None = None


def explain_all(steps: Iterable[Step]) -> tuple[PlanLine, ...]:
    """Return the steps in words, in their order; what is done to one generation in a row is one line."""
    found: list[PlanLine] = []
    for step in steps:
        sign, subject, text = explain(step)
        made = (step.view, step.number) if isinstance(step, CreateGeneration) else None
        last = found[-1] if found else None
        if last is not None and (last.sign, last.subject) == (sign, subject) and sign != "+":
            if sign == "-":
                verb, _colon, reason = last.text.partition(": ")
                again, _colon, other = text.partition(": ")
                joined = f"{verb} and {again}: {reason}" + (f"; {other}" if other != reason else "")
            else:
                joined = f"{last.text}, {text}"
            found[-1] = PlanLine(sign=sign, subject=subject, text=joined)
        else:
            found.append(PlanLine(sign=sign, subject=subject, text=text, made=made))
    return tuple(found)


def cost_text(cost: Cost) -> str:
    """Return what one view's generation costs, in a sentence without its end."""
    if cost.partitions is None:
        text = "the nodes have no estimate of its base's size yet"
    elif cost.partitions == 0:
        text = "its base is empty: it is created by this plan"
    else:
        size = "unknown size" if cost.size_bytes is None else f"about {size_text(cost.size_bytes)}"
        text = f"each node scans its part of about {counted(cost.partitions, 'partition')} ({size})"
    if cost.former_rows is not None:
        text += f"; the former generation had {counted(cost.former_rows, 'row')} at its audit"
        if cost.former_seconds:
            text += f" and was built in {span_text(timedelta(seconds=max(1.0, cost.former_seconds)))}"
    text += f"; the base then carries {counted(cost.views_on_base, 'view')}"
    return text + ("; dropping it leaves a snapshot where auto_snapshot is on" if cost.keeps_snapshot else "")


def size_text(size: int) -> str:
    """Return bytes in their largest unit."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def summary(plan: Plan) -> str:
    """Return the plan in one line."""
    if not plan.has_changes and plan.refused:
        return f"Nothing to do beside {counted(len(plan.refused), 'view')} that cannot be planned."
    if not plan.has_changes:
        is_held = bool(plan.notes or plan.withheld)
        return "Nothing to do beside what is noted." if is_held else "Nothing to do: the cluster is as the files say."
    counts = dict.fromkeys(Cause, 0)
    drops = tables = switches = adopted = renames = 0
    for step in plan.steps:
        match step:
            case CreateGeneration():
                counts[step.cause] += 1
            case AdoptGeneration():
                adopted += 1
            case DropGeneration() | SweepOrphan():
                drops += 1
            case CreateTable() | CreateKeyspace():
                tables += 1
            case ServeGeneration():
                switches += 1
            case RenameView():
                renames += 1
            case _:
                pass
    parts = [
        f"{count} to {word}"
        for count, word in (
            (counts[Cause.CREATE], "create"),
            (counts[Cause.CHANGE], "change"),
            (counts[Cause.SLIDE], "slide"),
            (counts[Cause.REFRESH], "refresh"),
            (counts[Cause.REPAIR], "repair"),
            (adopted, "take over"),
            (renames, "rename"),
            (switches - sum(counts.values()) - adopted, "finish or switch back"),
        )
        if count > 0
    ]
    views = f"Views: {', '.join(parts)}. " if parts else ""
    extra = []
    if tables:
        what = "base table or keyspace" if tables == 1 else "base tables and keyspaces"
        extra.append(f"{tables} {what} to create")
    if drops:
        extra.append(f"{drops} generation{'s' if drops != 1 else ''} to drop")
    steps = f"{len(plan.steps)} step{'s' if len(plan.steps) != 1 else ''}"
    return f"{steps}. {views}{'; '.join(extra)}{'.' if extra else ''}".strip()


FORMAT_VERSION = 1


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def plan_json(plan: Plan) -> str:
    """Return the plan as JSON, indented, with its ``format_version``."""
    return _adapter().dump_json(plan, indent=2).decode()


def read_plan_json(text: str) -> Plan:
    """Return the plan that a text holds.

    Raises:
        StalePlan: it is no plan, or one of another format.
    """
    try:
        plan = _adapter().validate_json(text)
    except ValidationError as error:
        raise StalePlan(
            "the file holds no plan of this program", next="Make one with 'views plan --out FILE'"
        ) from error
    if plan.format_version != FORMAT_VERSION:
        raise StalePlan(
            f"the plan has format {plan.format_version}, and this program writes and reads {FORMAT_VERSION}",
            next="Plan again",
        )
    return plan
