"""``check`` on views as applications write them; the nightly tests ask a real server about each."""

from __future__ import annotations

import pytest

from cassandra_views import check
from cassandra_views.cql.findings import Kind
from tests.unit.cql.applications import Application, read_applications


@pytest.mark.parametrize("application", read_applications("shop"), ids=lambda each: each.name)
def test_the_verdict_is_the_servers(application: Application) -> None:
    found = check(application.view, application.schema)
    refused = next((one for one in found if one.kind is Kind.REFUSED), None)
    assert (refused.place.file if refused else "") == application.refused
    assert (refused.server_message if refused else None) == application.server
    harms = {one.code for one in found if one.kind is Kind.HARMFUL}
    assert application.refused or harms == ({application.harm} if application.harm else set())
