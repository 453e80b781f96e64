"""One cluster for all tests of healing it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.nightly.replacement.ground import Ground


@pytest.fixture(scope="package")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("heal")
    with Ground(folder, "127.0.38", lambda text: print(text, file=sys.stderr)).running() as running:
        yield running
