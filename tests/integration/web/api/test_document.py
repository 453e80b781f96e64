"""Whatever the document allows and forbids is tried, by requests made of the document itself."""

from __future__ import annotations

from collections import Counter

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.integration.web.conftest import MakeApp

pytestmark = pytest.mark.slow

NOT_READY = ("days_of_all_parks", "never_made")


def tried(app: Flask, mode: schemathesis.GenerationMode) -> tuple[Counter[int], set[str]]:
    """Try what the document of an app's API says; return how often each status came, and the paths that were tried."""
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    seen: Counter[int] = Counter()
    paths = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if any(name in operation.path for name in NOT_READY):
            continue  # 503 is their right answer, and schemathesis takes it for a failure
        paths.add(operation.path)

        @settings(
            max_examples=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case) -> None:
            # A document cannot say that `total.gt` and `total.gte` exclude each other: such a read is told to be wrong.
            answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
            seen[answer.status_code] += 1

        try:
            check()
        except Unsatisfiable:
            assert mode is schemathesis.GenerationMode.NEGATIVE  # nothing of this address can be wrong
    return seen, paths


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_every_answer_is_as_the_document_says(make_app: MakeApp, mode: schemathesis.GenerationMode) -> None:
    seen, paths = tried(make_app(), mode)
    assert {"/api/views", "/api/views/parks.top_parks_by_day/rows", "/api/views/parks.parks_by_city/rows"} <= paths
    assert seen[200 if mode is schemathesis.GenerationMode.POSITIVE else 400] > 10
