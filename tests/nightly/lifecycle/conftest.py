"""The fixtures of the lifecycle scenarios."""

from tests.scenarios.lifecycle.conftest import own_registry, registry, session, workshop

__all__ = ["own_registry", "registry", "session", "workshop"]
