"""All cases of tests of which `make test` runs some: each effect of each command, each shape, more statements."""

from __future__ import annotations

import pytest
from cassandra.cluster import Session

from tests.integration.cassandra.test_check_against_server import check_applications, check_statements
from tests.scenarios.lifecycle.shapes import ALL, Shape
from tests.scenarios.lifecycle.test_audit_killed import check_same_verdict
from tests.scenarios.lifecycle.test_changes import SOME, check_changes
from tests.scenarios.lifecycle.test_commands_killed import check_all, shop
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server

__all__ = ["shop"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

OTHERS = [shape for shape in ALL if shape not in SOME]


def test_a_command_that_dies_after_each_effect_ends_the_same_when_it_is_run_again(shop: Workshop) -> None:
    check_all(shop, every=1)


@pytest.mark.parametrize("shape", OTHERS, ids=[shape.name for shape in OTHERS])
def test_every_kind_of_change(workshop: Workshop, shape: Shape) -> None:
    check_changes(workshop, shape)


def test_the_verdict_is_the_servers(session: Session, keyspace: str) -> None:
    check_statements(session, keyspace, 300, 100, looks_for_harm=True)


def test_the_verdict_on_views_of_applications_is_the_servers(session: Session, keyspace: str) -> None:
    check_applications(session, keyspace)


def test_a_killed_audit_that_differs_resumes_to_the_verdict_of_a_single_run(
    own_registry: Workshop, server: Server
) -> None:
    check_same_verdict(own_registry, server)
