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
from cassandra_views.model.generation import CONDITIONS
from cassandra_views.model.names import counted
from cassandra_views.model.schema import NETWORK, Keyspace, too_many_replicas, without_quorum
from cassandra_views.model.times import duration_text
from cassandra_views.plan.doctor_facts import DoctorFacts
from cassandra_views.plan.node_diagnosis import Part, checked, diagnose_nodes, found
from cassandra_views.plan.repairs import find_repair_doubt

LEAST_REPLICAS = 3


def diagnose(facts: DoctorFacts) -> DoctorReport:
    """Return what was found, what was looked at, and what could not be."""
    parts: list[Part] = [*facts.unknown, *diagnose_nodes(facts)]
    for look in (_repairs, _room, _role, _registry, _readers, _views, _reads, _connections):
        parts += look(facts)
    return DoctorReport.of_parts(at=facts.at, cluster=facts.cluster, registry=facts.registry, parts=parts)


def _repairs(facts: DoctorFacts) -> Iterator[Part]:
    topic, seen = DoctorTopic.REPAIR, 0
    for base in facts.bases:
        if base.repairs is None:
            continue
        seen += 1
        doubt = find_repair_doubt(base.shape, base.repairs, base.replicas)
        on = f"table {base.shape}"
        if doubt is not None and doubt.is_known:
            yield found("repair-overdue", on, doubt.what, doubt.next[:1].upper() + doubt.next[1:])
        elif doubt is not None:
            yield DoctorUnknown(topic=topic, on=on, why=doubt.what)
    yield checked(topic, f"{counted(seen, 'base table')} of several replicas")


def _room(facts: DoctorFacts) -> Iterator[Part]:
    topic = DoctorTopic.GUARDRAILS
    limits = [
        int(text)
        for node in facts.nodes
        if (text := (node.settings or {}).get("materialized_views_per_table_fail_threshold", "")).isdigit()
    ]
    named = [("the guardrail materialized_views_per_table_fail_threshold", min(limits))] if limits else []
    if facts.view_budget is not None:
        named.append(("view_budget of views.toml", facts.view_budget))
    for base in facts.bases:
        for name, limit in named:
            if base.views >= limit:
                yield found(
                    "no-room-for-a-view",
                    f"table {base.shape}",
                    f"it carries {counted(base.views, 'view')}, and {name} is {limit}: no next generation can be built",
                    "Drop a view of it, or raise the limit: each write of the table visits every one of its views",
                )
    if any(node.settings is not None for node in facts.nodes):
        text = ", ".join(f"{limit} by {name}" for name, limit in named) or "no limit is set"
        yield checked(topic, f"views of one base table: {text}")


def _role(facts: DoctorFacts) -> Iterator[Part]:
    topic = DoctorTopic.ROLES
    if facts.missing:
        yield found(
            "grants-missing",
            f"role {facts.role}",
            missing_text(facts.role, facts.missing),
            grants_text(facts.role, facts.missing, "run 'views doctor' again"),
        )
    if facts.missing is not None:
        yield checked(topic, f"what a manager needs, of role {facts.role}")
    elif not any(each.topic is topic for each in facts.unknown):
        yield checked(topic, "the servers ask for no permissions, or do not list them")
    centers = facts.data_centers
    if facts.auth_keyspace is not None and sum(centers.values()) > 1:
        replicas = facts.auth_keyspace.replicas(centers)
        if replicas < 2:
            wanted = {"class": NETWORK, **{name: min(LEAST_REPLICAS, count) for name, count in centers.items()}}
            better = keyspace_cql(Keyspace.of("system_auth", wanted), verb="ALTER")
            yield found(
                "logins-fragile",
                "keyspace system_auth",
                "roles have one replica: while its node is down nobody can log in, the manager neither",
                f"{better}; then 'nodetool repair system_auth' on each node",
            )


def _registry(facts: DoctorFacts) -> Iterator[Part]:
    topic, on = DoctorTopic.REGISTRY, f"registry {facts.registry}"
    if facts.registry_error:
        next_ = "Upgrade cassandra-views, or see that the role may read it"
        yield found("registry-unusable", on, facts.registry_error, next_)
        return
    if facts.registry_number is None:
        next_ = "Nothing, if views are new here. Else name the right keyspace in 'registry' of views.toml"
        yield found("registry-missing", on, "there is none yet; the first apply makes it", next_)
        yield checked(topic, "there is none")
        return
    if facts.registry_number < facts.known_number:
        yield found(
            "registry-older",
            on,
            f"it has schema {facts.registry_number}, and this program writes {facts.known_number}: the next apply "
            "upgrades it, and older managers refuse it then",
            "Upgrade the other managers first; readers go on as they are",
        )
    if facts.registry_keyspace is not None:
        yield from _replicas(facts, facts.registry_keyspace, on)
    yield checked(topic, f"schema {facts.registry_number}, and its replication")


def _replicas(facts: DoctorFacts, live: Keyspace, on: str) -> Iterator[Part]:
    centers, code = facts.data_centers, "registry-replicas"
    wanted = {name: min(LEAST_REPLICAS, count) for name, count in centers.items()}
    better = keyspace_cql(Keyspace.of(live.name, {"class": NETWORK, **wanted}), verb="ALTER")
    next_ = f"{better}; then 'nodetool repair -full {live.name}' on each node"
    if stuck := without_quorum(live, centers, facts.local_dc):
        yield found("registry-no-quorum", on, "; ".join(stuck), next_)
    elif many := too_many_replicas(live, centers):
        yield found(code, on, "; ".join(many), next_)
    elif live.factors(centers).keys() == {""} and len(centers) > 1:
        what = "SimpleStrategy counts no data centres: a quorum of one data centre may hold no replica"
        yield found(code, on, what, next_)
    elif few := [name for name, count in wanted.items() if live.factors(centers).get(name, count) < count]:
        held = ", ".join(
            f"{counted(live.factors(centers).get(name, 0), 'replica')} in {name or 'the cluster'}" for name in few
        )
        what = f"it has {held}: while such a node is down there is no quorum, and no view is switched or read anew"
        yield found(code, on, what, next_)
    elif "" in live.factors(centers) and live.factors(centers)[""] < min(LEAST_REPLICAS, sum(centers.values())):
        what = f"it has {counted(live.factors(centers)[''], 'replica')}: while such a node is down there is no quorum"
        yield found(code, on, what, next_)


def _readers(facts: DoctorFacts) -> Iterator[Part]:
    topic, seconds = DoctorTopic.READERS, facts.reader_cache_seconds
    if seconds is None:
        return
    least = timedelta(seconds=2 * seconds)
    for record in facts.records:
        if record.read_from and record.grace < least:
            yield found(
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
}


def _views(facts: DoctorFacts) -> Iterator[Part]:
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
            what = f"it is {each.condition}: {CONDITIONS[each.condition].rstrip('.')}"
            code = "view-wrong" if each.condition in _WRONG else "view-needs-somebody"
            next_ = _CONDITION_ADVICE[each.condition].format(name)
            yield found(code, on, what + (f" ({reason})" if reason else ""), next_)
        if change := facts.found_suspect.get(each.name):
            what = f"what serves may differ from its base, and nobody has marked it suspect yet: {change}"
            yield found("view-needs-somebody", on, what, f"'views audit {name}' compares it with its base")
        if each.promise == "broken" and each.broken_by_seconds:
            by = duration_text(timedelta(seconds=round(each.broken_by_seconds)))
            yield found("view-late", on, f"its slide is {by} later than max_lag allows", f"'views apply {name}'")
        if each.lag_promise == "broken":
            what = "a write of its base showed later than its file promises, when that was measured last"
            next_ = f"'views lag {name}' measures it again and says where writes wait"
            yield found("view-late", on, what, next_)
        if each.failures and each.condition != "failed":
            what = f"its last {counted(each.failures, 'run')} failed: {each.last_error or 'no reason is recorded'}"
            yield found("view-fails", on, what, f"'views history {name}' shows them")
        if each.serving and each.audited_at is None and each.condition not in _WRONG:
            yield found("view-unaudited", on, "it serves and was never audited", f"'views audit {name}'")
    if facts.registry_number is not None:
        text = f"{counted(len(facts.statuses), 'view')}: conditions, promises, failures, audits"
        yield checked(DoctorTopic.VIEWS, text)


def _reads(facts: DoctorFacts) -> Iterator[Part]:
    if facts.reads is None:
        return
    for record in facts.records:
        served = [f"{record.name.keyspace}.{entry.name}" for entry in record.read_from]
        if served and not any(facts.reads.get(name, 0) for name in served):
            yield found(
                "view-unread",
                str(record.name),
                "no partition of it was read since the nodes started: each write of its base pays for it all the same",
                f"Ask its owner; 'views drop {record.name.view}' gives it up",
            )


def _connections(facts: DoctorFacts) -> Iterator[Part]:
    topic = DoctorTopic.CONNECTIONS
    nodes, centers = sum(facts.data_centers.values()), facts.data_centers
    if facts.contact_points == 1 and nodes > 1:
        what = f"views.toml names one contact point of {nodes} nodes: while it is down no command connects"
        next_ = "Name two or three in contact_points"
        yield found("one-contact-point", "views.toml", what, next_)
    if facts.contact_points is not None and not facts.local_dc and len(centers) > 1:
        what = f"local_dc is not set, and there are {len(centers)} data centres: that of the first node reached is used"
        next_ = f"Set local_dc to one of {', '.join(sorted(centers))}"
        yield found("no-local-dc", "views.toml", what, next_)
    for service in facts.services:
        on = f"service {service.name}"
        if service.works is False:
            next_ = f"See 'views cluster', which proposes what to do with {service.name}"
            yield found("service-down", on, service.detail, next_)
        elif service.works is None:
            yield DoctorUnknown(topic=topic, on=on, why=service.detail)
    if facts.spark_fault:
        next_ = f"See that 'ssh {facts.spark_master} true' works without a question"
        on = f"Spark master {facts.spark_master}"
        yield found("spark-master-unreachable", on, facts.spark_fault, next_)
    looked = [f"service {each.name}" for each in facts.services if each.works is not None]
    looked += [f"Spark master {facts.spark_master}"] if facts.spark_fault is not None else []
    if facts.contact_points is not None:
        yield checked(topic, ", ".join(["contact points", *looked]))


__all__ = ["diagnose"]
