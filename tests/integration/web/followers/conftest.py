"""Apps of the pipeline's pages, in the states that a page can be in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.integration.web.followers.place import Clock, Seed, close, make_seed
from tests.integration.web.place import Place

MakePages = Callable[..., Flask]
EARLY = ("top_streamers_by_day", "unified_day_view", "game_history")


@pytest.fixture(scope="package")
def seed(reader_server: Place, tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """The pipeline with all of its views."""
    return make_seed(reader_server, tmp_path_factory.mktemp("followers"), "insight")


@pytest.fixture(scope="package")
def early_seed(reader_server: Place, tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """The pipeline on its first day: three views are being built, and the others are not begun."""
    return make_seed(reader_server, tmp_path_factory.mktemp("early"), "insight_early", building=EARLY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_pages(clock: Clock) -> Iterator[MakePages]:
    """Make apps of a seed: ``make_pages(seed, VIEWS_TIMEOUT_SECONDS=1)``; their sessions end with the test."""
    made: list[Flask] = []

    def make(of: Seed, **config: Any) -> Flask:
        made.append(of.app(clock, **config))
        return made[-1]

    yield make
    for each in made:
        close(each)
