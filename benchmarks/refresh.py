"""Refreshing a view under load, beside what a person does by hand: drop and create, or create beside."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from benchmarks.data import KEYSPACE, minute_text
from benchmarks.load import Kind, Load, Spec
from benchmarks.stage import BASE, VIEW, Stage
from benchmarks.stats import Records, Stretch
from cassandra_views.apply.reports import StepBegun, StepDone
from cassandra_views.model.steps import AuditGeneration, AwaitBuild, CreateGeneration, ServeGeneration

BY_HAND = "by_minute_by_hand"
BOUND_SECONDS = 600.0
BUILD_LIMIT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """When a refresh was, from its CREATE until its readers were switched, and its parts."""

    whole: Stretch
    build: Stretch
    audit: Stretch


@dataclass(slots=True, kw_only=True)
class Beside:
    """Refreshes and hand-made builds beside a serving view, in turn under one load; one of each a round."""

    refreshes: list[Refresh] = field(default_factory=list)
    by_hand: list[Stretch] = field(default_factory=list)
    quiet: list[Stretch] = field(default_factory=list)
    reads: Records = field(default_factory=Records)
    writes: Records = field(default_factory=Records)


@dataclass(slots=True, kw_only=True)
class DropAndCreate:
    """The view dropped and created again under its name, under the same load."""

    outage: Stretch
    quiet: Stretch
    reads: Records
    writes: Records


def beside(stage: Stage) -> Beside:
    """Refresh and build by hand in alternating order, and leave the server alone before each."""
    found, sizes = Beside(), stage.sizes
    with Load(_spec(stage, Kind.LIBRARY, VIEW), _spec(stage, Kind.WRITES, BASE)) as load:
        stage.tell("load: warming up")
        time.sleep(sizes.warm_seconds)
        for number in range(1, sizes.rounds + 1):
            for is_ours in (True, False) if number % 2 else (False, True):
                stage.settle()
                stage.tell(f"round {number} of {sizes.rounds}: no build")
                found.quiet.append(_leave_alone(sizes.quiet_seconds))
                if is_ours:
                    stage.tell(f"round {number} of {sizes.rounds}: refresh")
                    found.refreshes.append(refresh(stage))
                    stage.built_after.append(seconds_to_built(stage, VIEW))
                    stage.tell(f"round {number} of {sizes.rounds}: grace, and drop of the former generation")
                    stage.drop_retired(VIEW)
                else:
                    stage.tell(f"round {number} of {sizes.rounds}: hand-made CREATE")
                    found.by_hand.append(create_by_hand(stage))
                    stage.session.execute(f"DROP MATERIALIZED VIEW {KEYSPACE}.{BY_HAND}", timeout=60.0)
    found.reads, found.writes = load.records
    return found


def drop_and_create(stage: Stage) -> DropAndCreate:
    """Do what people do without a manager, on a view of their own, and read it by its name."""
    stage.tell("hand-made DROP and CREATE: preparing")
    create_by_hand(stage)
    stage.settle()
    with Load(_spec(stage, Kind.NAMED, BY_HAND), _spec(stage, Kind.WRITES, BASE)) as load:
        quiet = _leave_alone(stage.sizes.quiet_seconds)
        stage.tell("hand-made DROP and CREATE of one name")
        begin = time.monotonic()
        stage.session.execute(f"DROP MATERIALIZED VIEW {KEYSPACE}.{BY_HAND}", timeout=60.0)
        outage = Stretch(begin=begin, end=create_by_hand(stage).end)
        time.sleep(1.0)
    stage.session.execute(f"DROP MATERIALIZED VIEW {KEYSPACE}.{BY_HAND}", timeout=60.0)
    return DropAndCreate(outage=outage, quiet=quiet, reads=load.records[0], writes=load.records[1])


def refresh(stage: Stage, view: str = VIEW) -> Refresh:
    """Refresh a view by the manager, and return when its steps were."""
    stage.reports.clear()
    stage.manager.refresh(view)
    begun = {type(each.step): at for at, each in stage.reports if isinstance(each, StepBegun)}
    done = {type(each.step): at for at, each in stage.reports if isinstance(each, StepDone)}
    return Refresh(
        whole=Stretch(begin=begun[CreateGeneration], end=done[ServeGeneration]),
        build=Stretch(begin=begun[CreateGeneration], end=done[AwaitBuild]),
        audit=Stretch(begin=begun[AuditGeneration], end=done[AuditGeneration]),
    )


def seconds_to_built(stage: Stage, view: str) -> float:
    """Return the seconds between the last SUCCESS of the newest generation and its ``built_at``."""
    newest = max(stage.manager.record(view).generations, key=lambda each: each.number)
    assert newest.built_at is not None  # it serves
    row = stage.session.execute(
        "SELECT WRITETIME(status) AS written FROM system_distributed.view_build_status "
        "WHERE keyspace_name = %s AND view_name = %s",
        (KEYSPACE, newest.physical),
    ).one()
    succeeded = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row.written)
    return (newest.built_at - succeeded).total_seconds()


def create_by_hand(stage: Stage) -> Stretch:
    """Create the same view as the serving one and wait until the server calls it built.

    Raises:
        RuntimeError: it was not built within five minutes.
    """
    start = stage.manager.record(VIEW).read_from[0].start
    assert start is not None  # the view's file has a window
    begin = time.monotonic()
    stage.session.execute(
        f"CREATE MATERIALIZED VIEW {KEYSPACE}.{BY_HAND} AS "
        "SELECT timestamp, streamer, total_count, twitch_count, twitter_count, youtube_count "
        f"FROM {KEYSPACE}.{BASE} WHERE timestamp >= '{minute_text(start)}' AND streamer IS NOT NULL "
        "PRIMARY KEY (timestamp, streamer)",
        timeout=60.0,
    )
    query = f"SELECT view_name FROM system.built_views WHERE keyspace_name = '{KEYSPACE}' AND view_name = '{BY_HAND}'"
    while stage.session.execute(query).one() is None:
        if time.monotonic() - begin > BUILD_LIMIT_SECONDS:
            raise RuntimeError(f"{KEYSPACE}.{BY_HAND} was not built within {BUILD_LIMIT_SECONDS:.0f} s")
        time.sleep(0.2)
    return Stretch(begin=begin, end=time.monotonic())


def _leave_alone(seconds: float) -> Stretch:
    begin = time.monotonic()
    time.sleep(seconds)
    return Stretch(begin=begin, end=time.monotonic())


def _spec(stage: Stage, kind: Kind, target: str) -> Spec:
    return Spec(
        kind=kind,
        address=stage.address,
        port=stage.port,
        per_second=stage.sizes.per_second,
        bound_seconds=BOUND_SECONDS,
        target=target,
        times=stage.times,
        streamers=stage.sizes.streamers,
    )
