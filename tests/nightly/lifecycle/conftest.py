"""The fixtures of the lifecycle scenarios."""

from tests.scenarios.lifecycle.conftest import registry, session, workshop

__all__ = ["registry", "session", "workshop"]
