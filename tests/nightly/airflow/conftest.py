"""The fixtures of tests/integration/airflow, for its nightly tests."""

from __future__ import annotations

from tests.integration.airflow.conftest import migrated_home, spark_master

__all__ = ["migrated_home", "spark_master"]
