"""What stands in the way of views, or will bite: from facts about nodes, registry and views to findings. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cassandra_client.grants import grants_text, missing_text
from cassandra_views.cql.printing import keyspace_cql
from cassandra_views.model.diagnosis import (
    DoctorReport,
    DoctorTopic,
    DoctorUnknown,
)
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import CONDITIONS
from cassandra_views.model.names import counted
from cassandra_views.model.schema import (
    NETWORK,
    SIMPLE,
    Keyspace,
    centers_without_replicas,
    too_many_replicas,
    without_quorum,
)
from cassandra_views.model.times import duration_text
from cassandra_views.plan.doctor_facts import BaseFacts, BuildFacts, DoctorFacts
from cassandra_views.plan.node_diagnosis import ReportPart, checked, diagnose_nodes, finding
from cassandra_views.plan.node_facts import (
    FILTERING_ENABLED,
    OPTIONS_REFUSED,
    TABLE_VIEWS_ALLOWED,
    TABLE_VIEWS_WARNED,
    TABLES_ALLOWED,
    least_limit,
)
from cassandra_views.plan.repairs import find_repair_doubt, gc_grace_of

LEAST_REPLICAS = 3
UNREAD_AGE = timedelta(hours=12)
"""A view that has served for a shorter time may just not have been asked yet."""
IDLE_BUILD = timedelta(hours=1)
"""A build of which no node has a checkpoint after so long does nothing."""
LONG_BUILD = timedelta(days=1)
"""A build, or a generation that is built and not served, of this age needs somebody to look at it."""


def diagnose(facts: DoctorFacts) -> DoctorReport:
    """Return what was found, what was looked at, and what could not be."""
    parts: list[ReportPart] = [*facts.unread, *diagnose_nodes(facts)]
    for look in (_repairs, _room, _guardrails, _role, _registry, _readers, _views, _builds, _reads, _connections):
        parts += look(facts)
    return DoctorReport.from_parts(at=facts.at, cluster=facts.cluster, registry=facts.registry, parts=parts)


def _repairs(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic, seen = DoctorTopic.REPAIR, 0
    for base in facts.bases:
        if base.repairs is None:
            continue
        seen += 1
        doubt = find_repair_doubt(base.shape, base.repairs, base.replicas)
        on = f"table {base.shape}"
        oldest = facts.at - gc_grace_of(base.shape)
        if doubt is None or (base.made_at is not None and base.made_at > oldest):
            continue  # no tombstone of a table so young was purged yet
        if not doubt.is_known:
            yield DoctorUnknown(topic=topic, on=on, why=doubt.what)
        elif base.made_at is None and base.first_view_at is not None and base.first_view_at > oldest:
            why = (
                "it was not repaired in full, its id does not tell its age, and its first view is younger than its "
                "gc_grace_seconds"
            )
            yield DoctorUnknown(topic=topic, on=on, why=why)
        else:
            yield finding("repair-overdue", on, doubt.what, doubt.next[:1].upper() + doubt.next[1:])
    if seen or not any(each.topic is topic for each in facts.unread):
        yield checked(topic, f"{counted(seen, 'base table')} of several replicas")


def _room(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic = DoctorTopic.GUARDRAILS
    guardrail = least_limit(facts.nodes, TABLE_VIEWS_ALLOWED)
    named = [(f"the guardrail {TABLE_VIEWS_ALLOWED}", guardrail)] if guardrail is not None else []
    if facts.view_budget is not None:
        named.append(("view_budget of views.toml", facts.view_budget))
    warned = least_limit(facts.nodes, TABLE_VIEWS_WARNED)
    for base in facts.bases:
        if not base.is_ours:
            continue
        full = [(name, limit) for name, limit in named if base.lasting + 1 > limit]
        for name, limit in full:
            yield finding(
                "no-room-for-a-view",
                f"table {base.shape}",
                f"{_carried_text(base)}, and {name} is {limit}: no next generation can be built",
                "Drop a view of it, or raise the limit: each write of the table visits every one of its views",
            )
        if not full and warned is not None and base.views + 1 > warned:
            yield finding(
                "view-count-warned",
                f"table {base.shape}",
                f"{_carried_text(base)}, and the servers warn of more than {warned} ({TABLE_VIEWS_WARNED})",
                "Nothing now; each write of the table visits every one of its views",
            )
    if any(node.settings is not None for node in facts.nodes):
        text = ", ".join(f"{limit} by {name}" for name, limit in named) or "no limit is set"
        yield checked(topic, f"views of one base table: {text}")


def _carried_text(base: BaseFacts) -> str:
    passing = base.views - base.lasting
    return f"it carries {counted(base.views, 'view')}" + (
        f", of which {base.lasting} stay{'s' if base.lasting == 1 else ''}" if passing else ""
    )


def _guardrails(facts: DoctorFacts) -> Iterator[ReportPart]:
    for node in facts.nodes:
        for name in OPTIONS_REFUSED:
            if refused := sorted(facts.used_options & node.words(name)):
                yield finding(
                    "options-forbidden",
                    f"node {node.address}",
                    f"{name} names {', '.join(refused)}, which views are made with",
                    f"Take {', '.join(refused)} out of {name} in cassandra.yaml",
                )
    unfiltered = [node.address for node in facts.nodes if node.is_off(FILTERING_ENABLED)]
    if unfiltered:
        yield finding(
            "filtering-forbidden",
            f"node {', '.join(unfiltered)}",
            f"{FILTERING_ENABLED} is false: audits of views with a WHERE read the whole base table and judge its rows "
            "here, and one whose WHERE only the servers can judge is refused",
            f"Nothing, or set {FILTERING_ENABLED}: true",
        )
    limit = least_limit(facts.nodes, TABLES_ALLOWED)
    if limit is None or facts.tables is None or not facts.lacking_tables:
        return
    if facts.tables + facts.lacking_tables > limit:
        yield finding(
            "no-room-for-tables",
            "the cluster",
            f"there are {facts.tables:,} tables and views, the next apply makes "
            f"{counted(facts.lacking_tables, 'table')} more, and {TABLES_ALLOWED} is {limit}",
            f"Raise {TABLES_ALLOWED} on every node, or drop tables",
        )


def _role(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic = DoctorTopic.ROLES
    if facts.missing:
        yield finding(
            "grants-missing",
            f"role {facts.role}",
            missing_text(facts.role, facts.missing),
            grants_text(facts.role, facts.missing, "run 'views doctor' again"),
        )
    if facts.missing is not None:
        yield checked(topic, f"what a manager needs, of role {facts.role}")
    elif not any(each.topic is topic for each in facts.unread):
        yield checked(topic, "the servers ask for no permissions, or do not list them")
    if facts.auth_keyspace is not None:
        yield from _logins(facts.auth_keyspace, facts.data_centers)


def _logins(live: Keyspace, centers: dict[str, int]) -> Iterator[ReportPart]:
    strategy, factors = dict(live.replication)["class"], live.factors(centers)
    if strategy not in (SIMPLE, NETWORK):
        return  # somebody's own class
    places = {"": sum(centers.values())} if strategy == SIMPLE else centers
    few = {
        name: factors.get(name, 0) for name, nodes in places.items() if min(factors.get(name, 0), nodes) < min(2, nodes)
    }
    if not few:
        return
    held = ", ".join(
        f"{counted(count, 'replica') if count else 'no replica'}{f' in {name}' if name else ''}"
        for name, count in sorted(few.items())
    )
    wanted = {"class": NETWORK, **{name: min(LEAST_REPLICAS, count) for name, count in centers.items()}}
    better = keyspace_cql(Keyspace.of("system_auth", wanted), verb="ALTER")
    yield finding(
        "logins-fragile",
        "keyspace system_auth",
        f"roles have {held}: while no such replica answers nobody can log in there, the manager neither",
        f"{better}; then 'nodetool repair system_auth' on each node",
    )


def _registry(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic, on, error = DoctorTopic.REGISTRY, f"registry {facts.registry}", facts.registry_error
    if error is not None:
        code = "registry-unusable" if isinstance(error, RegistryError) else "registry-unanswered"
        yield finding(code, on, error.what, error.next)
        for hidden in (DoctorTopic.VIEWS, DoctorTopic.READERS):
            yield DoctorUnknown(topic=hidden, on=on, why="it could not be read, and it says which views there are")
    if facts.registry_number is None:
        if error is None:
            next_ = "Nothing, if views are new here. Else name the right keyspace in 'registry' of views.toml"
            yield finding("registry-missing", on, "there is none yet; the first apply makes it", next_)
            yield checked(topic, "there is none")
        return
    if facts.registry_number < facts.known_number:
        yield finding(
            "registry-older",
            on,
            f"it has schema {facts.registry_number}, and this program writes {facts.known_number}: the next apply "
            "upgrades it, and older managers refuse it then",
            "Upgrade the other managers first; readers go on as they are",
        )
    if facts.registry_keyspace is not None:
        yield from _replicas(facts, facts.registry_keyspace, on)
        yield checked(topic, f"schema {facts.registry_number}, and its replication")


def _replicas(facts: DoctorFacts, live: Keyspace, on: str) -> Iterator[ReportPart]:
    centers, code = facts.data_centers, "registry-replicas"
    strategy, factors = dict(live.replication)["class"], live.factors(centers)
    wanted = {name: min(LEAST_REPLICAS, count) for name, count in centers.items()}
    better = keyspace_cql(Keyspace.of(live.name, {"class": NETWORK, **wanted}), verb="ALTER")
    next_ = f"{better}; then 'nodetool repair -full {live.name}' on each node"
    least = {"": min(LEAST_REPLICAS, sum(centers.values()))} if strategy == SIMPLE else wanted
    few = {name: factors.get(name, 0) for name, count in least.items() if factors.get(name, 0) < count}
    if stuck := without_quorum(live, centers, facts.local_dc):
        yield finding("registry-no-quorum", on, "; ".join(stuck), next_)
    elif facts.local_dc in centers_without_replicas(live, centers):
        what = f"it has no replica in {facts.local_dc}, which local_dc names: nothing can be read or written there"
        yield finding("registry-no-quorum", on, what, next_)
    elif many := too_many_replicas(live, centers):
        yield finding(code, on, "; ".join(many), next_)
    elif strategy == SIMPLE and len(centers) > 1:
        what = "SimpleStrategy counts no data centres: a quorum of one data centre may hold no replica"
        yield finding(code, on, what, next_)
    elif strategy in (SIMPLE, NETWORK) and few:
        held = ", ".join(
            f"{counted(count, 'replica') if count else 'no replica'} in {name or 'the cluster'}"
            for name, count in few.items()
        )
        what = f"it has {held}: while such a node is down there is no quorum, and no view is switched or read again"
        if not all(few.values()):
            what = f"it has {held}: readers in a data centre without a replica cannot ask what serves"
        yield finding(code, on, what, next_)


def _readers(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic, seconds = DoctorTopic.READERS, facts.reader_cache_seconds
    if seconds is None or facts.registry_error is not None:
        return
    least = timedelta(seconds=2 * seconds)
    for record in facts.records:
        if record.read_from and record.grace < least:
            yield finding(
                "grace-too-short",
                str(record.name),
                f"its grace is {duration_text(record.grace)}, and readers keep the pointer for {seconds:g} s: a reader "
                "may ask for a generation that is dropped",
                f"Set 'grace' of its file to {duration_text(least)} or more, or lower reader_cache_seconds",
            )
    yield checked(topic, f"graces, beside a cache of {seconds:g} s")


_WRONG = frozenset({"broken", "unreadable", "differs", "failed"})
_CONDITION_ADVICE = {
    "broken": "'views apply {0}' makes it again; see in 'views history {0}' who dropped it",
    "unreadable": "Upgrade cassandra-views to what wrote it",
    "differs": "'views audit {0}' shows the rows; 'views refresh {0}' builds it again",
    "failed": "'views explain {0}' shows the reason; 'views apply {0}' drops it and tries again",
    "suspect": "'views audit {0}' compares it with its base, else the next apply does",
    "waiting": "'views explain {0}' shows the counts; then 'views apply {0} --allow-shrink', or 'views abort {0}'",
    "stale": "'views apply {0}'; see why the scheduled one did not run",
    "frozen": "'views on {0} --reason ...' ends it",
    "pending": "'views apply {0}' builds it",
    "changed": "'views diff {0}' shows the difference; 'views apply {0}' builds what the file says",
}
_NOTED = {"pending": "view-pending", "changed": "view-changed"}


def _views(facts: DoctorFacts) -> Iterator[ReportPart]:
    for each in facts.statuses:
        name, on = each.name.view, str(each.name)
        if each.condition in _CONDITION_ADVICE:
            reasons = {
                "suspect": each.suspect_reason,
                "frozen": each.override,
                "waiting": each.waiting,
                "differs": each.found,
            }
            reason = reasons.get(each.condition, each.last_error)
            meaning = CONDITIONS[each.condition].rstrip(".")
            what = f"it is {each.condition}: {meaning[0].lower()}{meaning[1:]}"
            usual = _NOTED.get(each.condition, "view-needs-attention")
            code = "view-wrong" if each.condition in _WRONG else usual
            next_ = _CONDITION_ADVICE[each.condition].format(name)
            yield finding(code, on, what + (f" ({reason})" if reason else ""), next_)
        change = facts.found_suspect.get(each.name)
        if change and each.suspect_since is None:
            what = f"what serves may differ from its base, and nobody has marked it suspect yet: {change}"
            yield finding("view-needs-attention", on, what, f"'views audit {name}' compares it with its base")
        if each.promise == "broken" and each.broken_by_seconds:
            by = duration_text(timedelta(seconds=round(each.broken_by_seconds)))
            yield finding("view-late", on, f"its slide is {by} later than max_lag allows", f"'views apply {name}'")
        if each.lag_promise == "broken":
            what = "a write of its base showed later than its file promises, when that was measured last"
            next_ = f"'views lag {name}' measures it again and says where writes wait"
            yield finding("view-late", on, what, next_)
        if each.failures and each.condition != "failed":
            what = f"its last {counted(each.failures, 'run')} failed: {each.last_error or 'no reason is recorded'}"
            yield finding("view-fails", on, what, f"'views history {name}' shows them")
        if each.serving and each.audited_at is None and each.condition not in _WRONG:
            yield finding("view-unaudited", on, "it serves and was never audited", f"'views audit {name}'")
    if facts.registry_number is not None and facts.registry_error is None:
        text = f"{counted(len(facts.statuses), 'view')}: conditions, promises, failures, audits"
        yield checked(DoctorTopic.VIEWS, text)


def _builds(facts: DoctorFacts) -> Iterator[ReportPart]:
    waiting = {each.name for each in facts.statuses if each.condition == "waiting"}
    for build in facts.builds:
        if build.view in waiting:
            continue
        if what := find_stall(build, facts.at - build.at if build.at is not None else None):
            name = build.view.view
            yield finding(
                "build-stalled",
                f"{build.view} generation {build.number}",
                what,
                f"'views apply {name}' continues it, and says what it waits for; 'views abort {name}' gives it up",
            )


def find_stall(build: BuildFacts, age: timedelta | None) -> str:
    """Return why a build does not end by itself, or has taken too long; empty where it goes on as it should."""
    text = f" for {duration_text(timedelta(hours=age // timedelta(hours=1)))}" if age and age >= IDLE_BUILD else ""
    if build.blocked_by:
        return f"its build waits for {', '.join(build.blocked_by)}"
    if age is None or age < IDLE_BUILD:
        return ""
    if build.is_built:
        return f"it is built{text}, and no run serves it" if age >= LONG_BUILD else ""
    if not build.keys and not build.share:
        return f"it is being built{text}, and no node has begun"
    return f"it is being built{text}, and is at {build.share:.0%}" if age >= LONG_BUILD else ""


def _reads(facts: DoctorFacts) -> Iterator[ReportPart]:
    if facts.reads is None:
        return
    served_at = {each.name: each.served_at for each in facts.statuses}
    for record in facts.records:
        since = served_at.get(record.name)
        if not record.read_from or since is None or facts.at - since < UNREAD_AGE:
            continue
        names = {entry.name for entry in record.read_from} | {each.physical for each in record.generations}
        if not sum(facts.reads.get(f"{record.name.keyspace}.{name}", 0) for name in names):
            hours = timedelta(hours=(facts.at - since) // timedelta(hours=1))
            yield finding(
                "view-unread",
                str(record.name),
                f"no partition of it was read in the {duration_text(hours)} that it serves, or since the nodes "
                "started: each write of its base pays for it all the same",
                f"Ask its owner; 'views drop {record.name.view}' gives it up",
            )


def _connections(facts: DoctorFacts) -> Iterator[ReportPart]:
    topic = DoctorTopic.CONNECTIONS
    nodes, centers = sum(facts.data_centers.values()), facts.data_centers
    if facts.contact_points == 1 and nodes > 1:
        what = f"views.toml names one contact point of {nodes} nodes: while it is down no command connects"
        next_ = "Name two or three in contact_points"
        yield finding("one-contact-point", "views.toml", what, next_)
    if facts.contact_points is not None and not facts.local_dc and len(centers) > 1:
        what = f"local_dc is not set, and there are {len(centers)} data centres: that of the first node reached is used"
        next_ = f"Set local_dc to one of {', '.join(sorted(centers))}"
        yield finding("no-local-dc", "views.toml", what, next_)
    for service in facts.services:
        on = f"service {service.name}"
        if service.works is False:
            next_ = f"See 'views cluster', which proposes what to do with {service.name}"
            yield finding("service-down", on, service.detail, next_)
        elif service.works is None:
            yield DoctorUnknown(topic=topic, on=on, why=service.detail)
    if facts.spark_fault:
        next_ = f"Check that 'ssh {facts.spark_master} true' works without a question"
        on = f"Spark master {facts.spark_master}"
        yield finding("spark-master-unreachable", on, facts.spark_fault, next_)
    looked = [f"service {each.name}" for each in facts.services if each.works is not None]
    looked += [f"Spark master {facts.spark_master}"] if facts.spark_fault is not None else []
    if facts.contact_points is not None:
        yield checked(topic, ", ".join(["contact points", *looked]))


__all__ = ["diagnose"]
