"""An audit compares the replicas of one data centre, says which it did not compare, and never reads those instead."""

from __future__ import annotations

import shutil

import pytest
from cassandra.cluster import Session

from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_client.errors import ClusterError
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.model.generation import Audit
from tests.nightly.data_centers.conftest import WEST
from tests.nightly.data_centers.test_cut_off import ROWS, await_all, cut_off
from tests.scenarios.lifecycle.audits import full_audit, scan_of
from tests.scenarios.lifecycle.workshop import Workshop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def lose_in_west(cluster: EmbeddedCassandra, workshop: Workshop, table: str) -> None:
    """Remove the data files that the nodes of west have of a table."""
    for number in WEST:
        cluster.stop_node(number)
        node = cluster.folder / f"node{number}"
        (folder,) = {path.parent for path in node.rglob(f"{workshop.keyspace}/{table}-*/*-Data.db")}
        shutil.rmtree(folder)
        for log in node.rglob("CommitLog-*"):
            log.unlink()
        cluster.start_node(number)
    await_all(workshop)


def test_damage_in_one_is_found_there_and_a_verdict_of_the_other_does_not_cover_it(
    two_data_centers: EmbeddedCassandra, workshop: Workshop, west: Session
) -> None:
    workshop.apply()
    (each,) = workshop.record("seen").generations
    lose_in_west(two_data_centers, workshop, each.physical)
    outcome = workshop.manager().audit("seen")
    assert outcome.failures == ()
    found = workshop.manager().history("seen", limit=1)[0]
    assert found.detail == (
        f"{ROWS} rows of {ROWS} (digests, LOCAL_QUORUM in east; not compared: the replicas in west)"
    )
    ((_view, error),) = workshop.manager(west).audit("seen").failures
    assert f"all {ROWS} rows are MISSING" in str(error)
    assert "(LOCAL_QUORUM in west; not compared: the replicas in east)" in str(error)
    assert workshop.record("seen").generations[0].audit is Audit.FAILED


def test_no_verdict_is_made_of_the_other_where_the_own_one_does_not_answer(
    two_data_centers: EmbeddedCassandra, workshop: Workshop, west: Session
) -> None:
    workshop.apply()
    (each,) = workshop.record("seen").generations
    scan = scan_of(west, workshop.keyspace, "marks", each.physical, each.cql)
    scan.prepare()
    assert full_audit(scan).run().view_rows == ROWS
    with cut_off(two_data_centers, WEST), pytest.raises((ClusterError, *DRIVER_ERRORS)):
        full_audit(scan).run()
    await_all(workshop)
    assert full_audit(scan).run().coverage == "LOCAL_QUORUM in west"
