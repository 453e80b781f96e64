"""Which views are renamed or give a former name up, and what the registry holds of each once that is done. Pure.

Everything else is planned as if the renames were done: they are the first steps of a plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from cassandra_client.errors import ViewsError
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog
from cassandra_views.model.steps import GiveUpName, RenameView
from cassandra_views.plan.generations import is_ours
from cassandra_views.plan.inputs import Observed, PlanContext


@dataclass(slots=True, kw_only=True)
class Renames:
    """The renames of one plan.

    Args:
        records: what the registry holds once ``steps`` are done, by name.
        steps: of each view, under its new name.
        refused: views whose files ask for what cannot be done.
        notes: of each view, as clauses.
    """

    records: dict[ViewName, ViewRecord]
    steps: dict[ViewName, list[RenameView | GiveUpName]] = field(default_factory=dict)
    refused: dict[ViewName, ViewsError] = field(default_factory=dict)
    notes: dict[ViewName, list[str]] = field(default_factory=dict)

    @property
    def observed(self) -> tuple[ViewRecord, ...]:
        """The records in the order of their names."""
        return tuple(self.records[name] for name in sorted(self.records))

    def former_of(self, name: ViewName) -> str:
        """Return the view that a name is a former name of, while that view serves it; else an empty text."""
        record = self.records.get(name)
        if record is None or not record.renamed_to:
            return ""
        owner = self.records.get(ViewName(keyspace=name.keyspace, view=record.renamed_to))
        return owner.name.view if owner is not None and owner.is_live and name.view in owner.kept_names else ""

    def rename(self, former: ViewRecord, name: ViewName, now: datetime) -> None:
        """Add the step that moves a view under another name, and its effect."""
        self.steps.setdefault(name, []).append(RenameView(view=name, former=former.name.view))
        moved = former.renamed(name, self.records.get(name), now)
        self.records[name] = moved
        for kept in moved.kept_names:
            self._point(ViewName(keyspace=name.keyspace, view=kept), moved)

    def keep(self, former: str, record: ViewRecord) -> None:
        """Add the step that lets a former name say what the view's own row says."""
        self.steps.setdefault(record.name, []).append(RenameView(view=record.name, former=former))
        kept = tuple(dict.fromkeys((*record.kept_names, former)))
        self.records[record.name] = replace(record, kept_names=kept)
        self._point(ViewName(keyspace=record.name.keyspace, view=former), record)

    def give_up(self, former: str, record: ViewRecord) -> None:
        """Add the step that serves a former name no longer."""
        self.steps.setdefault(record.name, []).append(GiveUpName(view=record.name, former=former))
        kept = tuple(each for each in record.kept_names if each != former)
        self.records[record.name] = replace(record, kept_names=kept)

    def _point(self, former: ViewName, record: ViewRecord) -> None:
        found = self.records.get(former, ViewRecord(name=former))
        self.records[former] = ViewRecord(
            name=former,
            fence=found.fence,
            next_number=found.next_number,
            read_from=record.read_from,
            grace=record.grace,
            project=found.project or record.project,
            renamed_to=record.name.view,
        )


def find_renames(project: Project, observed: Observed, context: PlanContext) -> Renames:
    """Return what files ask for beside what was begun before, and the records as they are then."""
    found = Renames(records={record.name: record for record in observed.records})
    for record in observed.records:
        if record.renamed_to and record.generations:  # a run was stopped in the middle of it
            found.rename(record, ViewName(keyspace=record.name.keyspace, view=record.renamed_to), context.now)
    claims = [
        (view, ViewName(keyspace=view.name.keyspace, view=former))
        for view in project.views
        for former in view.renamed_from
    ]
    # The name that the view has now before those that it had earlier.
    for view, former in sorted(claims, key=lambda each: _is_former_name(found.records.get(each[1]))):
        try:
            _claim(view, former, found, project, context)
        except ViewsError as error:
            found.refused[view.name] = error
    for view in project.views:
        owner = found.records.get(view.name, ViewRecord(name=view.name))
        for kept in owner.kept_names:
            if kept not in view.renamed_from:
                found.give_up(kept, found.records[view.name])
        _refuse_former_name(view, found)
    return found


def _is_former_name(record: ViewRecord | None) -> bool:
    return record is not None and bool(record.renamed_to) and not record.generations


def _claim(view: ViewDefinition, former: ViewName, found: Renames, project: Project, context: PlanContext) -> None:
    """Do what a file's ``renamed_from`` asks for, where that is not done yet.

    Raises:
        ViewsError: it cannot be done.
    """
    source, target = found.records.get(former), found.records.get(view.name)
    if source is None:
        if target is not None and (former.view in dict(target.former_names) or target.is_live):
            return
        if any(is_ours(live, former, context) for live in context.catalog.generations_of(former)):
            found.rename(ViewRecord(name=former, project=project.name), view.name, context.now)  # a lost registry
            return
        text = f"is to be renamed from {former.view}, and no such view was ever managed here: nothing is renamed"
        found.notes.setdefault(view.name, []).append(f"{text}; correct 'renamed_from', or take it out")
        return
    if source.error is not None:
        raise source.error
    if _is_former_name(source) and target is not None and former.view in dict(target.former_names):
        is_kept = former.view in target.kept_names and source.is_in_step(target)
        if source.is_name_of(target) and not is_kept:
            found.keep(former.view, target)
        return
    owner = found.former_of(former)
    if owner and owner != view.name.view:
        raise _refused(view, f"{former.view} is a former name of {owner}", f"Name {owner} in 'renamed_from'")
    _refuse_taken(view, source, target, found, context.catalog)
    if source.is_live and source.project != project.name:
        raise _refused(view, f"{former.view} belongs to the project '{source.project}'", "Rename it there")
    found.rename(source, view.name, context.now)


def _refuse_taken(
    view: ViewDefinition, source: ViewRecord, target: ViewRecord | None, found: Renames, catalog: Catalog
) -> None:
    """Refuse a rename to a name that something else has."""
    former, name = source.name.view, view.name
    if target is not None and target.is_live:
        next = "Take 'renamed_from' out, or drop one of the two"
        raise _refused(view, f"the views {former} and {name.view} both exist", next)
    owner = found.former_of(name)
    if owner and owner != former:
        next = f"Choose another name, or give it up: 'views rename {name.view} {owner} --finish'"
        raise _refused(view, f"{name.view} is a former name of {owner}, and still served", next)
    own = {each.physical for each in source.generations}
    key = (name.keyspace, name.view)
    if name.view not in own and (key in catalog.tables or key in catalog.views):
        raise _refused(view, f"a table or view of the name {name.view} exists already", "Choose another name")


def _refuse_former_name(view: ViewDefinition, found: Renames) -> None:
    """Refuse a file under a former name that is still served."""
    owner = found.former_of(view.name)
    if owner:
        found.refused[view.name] = _refused(
            view,
            f"it is a former name of {owner}, and still served",
            f"'views rename {view.name.view} {owner} --finish' gives the name up; 'renamed_from: {owner}' in its file "
            "renames the view back",
        )


def _refused(view: ViewDefinition, what: str, next: str) -> ProjectError:
    return ProjectError(what, on=str(view.name), place=view.place, remains="Nothing was changed", next=next)


def unnamed_renames(project: Project, gone: Iterable[ViewRecord], found: Renames, catalog: Catalog) -> Iterable[str]:
    """Yield a note for each view that is gone from the files while one on the same base is new there."""
    new = [
        view
        for view in project.views
        if not view.renamed_from
        and not (record := found.records.get(view.name, ViewRecord(name=view.name))).is_live
        and not record.was_made
    ]
    for record in gone:
        lives = (catalog.find_view(record.name.keyspace, each.physical) for each in record.generations)
        bases = {(live.keyspace, live.base) for live in lives if live is not None}
        for view in new:
            if (view.name.keyspace, view.base) in bases:
                old, name = record.name.view, view.name.view
                yield (
                    f"{record.name} is gone from the files, and {name} on the same base is new. If it is a rename, "
                    f"write 'renamed_from: {old}' into the file of {name}, or run 'views rename {old} {name}': no "
                    f"generation is built then, and readers of {old} are served on"
                )


__all__ = ["Renames", "find_renames", "unnamed_renames"]
