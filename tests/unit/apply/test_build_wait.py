"""What a wait for a build tells, and when it gives up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cassandra_views.apply.build_wait import BuildWatch
from cassandra_views.apply.builds import BuildProgress, NodeBuild
from cassandra_views.apply.reports import Notice, Progress, Report
from cassandra_views.model.errors import BuildStalled
from cassandra_views.model.names import ViewName

NAME = ViewName(keyspace="shop", view="by_day")


def node(number: int, **facts: object) -> NodeBuild:
    known = {"address": f"10.0.0.{number}", "is_built": False, "is_reachable": True}
    return NodeBuild(**(known | facts))  # type: ignore[arg-type]


def built(number: int) -> NodeBuild:
    return node(number, is_built=True, share=1.0)


def watch(**limits: float) -> BuildWatch:
    return BuildWatch(NAME, 4, 0.0, **{"stall_seconds": 330.0, "notice_seconds": 60.0, **limits})


def progress(told: list[Progress | Notice]) -> Progress:
    (found,) = [each for each in told if isinstance(each, Progress)]
    return found


def notices(told: list[Report] | list[Progress | Notice]) -> list[str]:
    return [each.text for each in told if isinstance(each, Notice)]


def test_all_of_it_counts_before_it_is_built() -> None:
    look = BuildProgress(nodes=(built(1), built(2)))
    assert look.is_built
    assert not replace(look, nodes=(built(1), node(2, share=0.99))).is_built
    for more in ({"moving": ("10.0.0.3",)}, {"undrained": ("10.0.0.1",)}):
        assert not replace(look, **more).is_built  # type: ignore[arg-type]


def test_a_member_that_a_person_leaves_out_is_not_waited_for_and_is_named() -> None:
    away = node(2, is_reachable=False, is_left_out=True)
    look = BuildProgress(nodes=(built(1), away))
    assert look.is_built
    assert look.left_out == ("10.0.0.2",)
    assert look.waits_for == ()
    assert not replace(look, nodes=(node(1, share=0.9), away)).is_built
    assert replace(look, nodes=(built(1), replace(away, is_built=True))).left_out == (), "it was built before"


def test_what_is_waited_for_is_told_node_by_node() -> None:
    look = BuildProgress(
        nodes=(built(1), node(2, share=0.25), node(3, is_reachable=False, note="cannot be reached")),
        moving=("10.0.0.4",),
        undrained=("10.0.0.1",),
    )
    assert progress(watch().observe(look, 1.0)).text == (
        "building, waiting for 10.0.0.2 (25%), 10.0.0.3 (cannot be reached), "
        "10.0.0.1 (still delivers view writes, or cannot be asked), 10.0.0.4 (is moving in the ring)"
    )


def test_the_time_left_comes_from_the_share_that_was_done_while_it_watched() -> None:
    watcher = watch()
    # A run that was started anew finds a build half done: what was done before says nothing of its pace.
    first = progress(watcher.observe(BuildProgress(nodes=(built(1), node(2, share=0.0))), 0.5))
    assert (first.share, first.left_seconds) == (0.5, None)
    later = progress(watcher.observe(BuildProgress(nodes=(built(1), node(2, share=0.5))), 10.0))
    assert later.share == 0.75
    assert later.left_seconds == pytest.approx(10.0)
    still = progress(watcher.observe(BuildProgress(nodes=(built(1), node(2, share=0.5))), 20.0))
    assert still.left_seconds == pytest.approx(20.0), "it slows down, and so the estimate grows"


def test_a_build_that_stands_still_is_told_once_and_given_up_later() -> None:
    watcher, look = watch(), BuildProgress(nodes=(built(1), node(2, share=0.25)))
    assert notices(watcher.observe(look, 0.0)) == []
    assert notices(watcher.observe(look, 59.0)) == []
    assert notices(watcher.observe(look, 61.0)) == [
        "shop.by_day generation 4: no progress for 60 s; it waits for 10.0.0.2 (25%)"
    ]
    assert notices(watcher.observe(look, 120.0)) == []
    with pytest.raises(BuildStalled) as stalled:
        watcher.observe(look, 331.0)
    assert stalled.value.what == "it makes no progress (330 s); it waits for 10.0.0.2 (25%)"
    assert stalled.value.on == "shop.by_day generation 4"
    assert "stays 'building'" in stalled.value.remains
    assert "views abort by_day" in stalled.value.next


@pytest.mark.parametrize(
    "moved",
    [
        BuildProgress(nodes=(built(1), node(2, share=0.3))),
        BuildProgress(nodes=(built(1), node(2, share=0.25, keys=1000))),
        BuildProgress(nodes=(built(1), built(2)), undrained=("10.0.0.1",)),
        BuildProgress(nodes=(built(1), node(2, share=0.25)), moving=("10.0.0.3",)),
    ],
    ids=["tokens", "keys", "writes", "ring"],
)
def test_whatever_moves_is_progress(moved: BuildProgress) -> None:
    watcher = watch()
    watcher.observe(BuildProgress(nodes=(built(1), node(2, share=0.25))), 0.0)
    assert notices(watcher.observe(moved, 300.0)) == []
    assert notices(watcher.observe(moved, 359.0)) == []
    assert notices(watcher.observe(moved, 361.0)) != [], "a second stillness is told, too"
    assert not watcher.is_stalled(630.0)
    assert watcher.is_stalled(631.0)


def test_a_time_limit_ends_the_wait_also_while_it_moves() -> None:
    watcher = watch(timeout_seconds=100.0)
    for second in range(0, 100, 10):
        watcher.observe(BuildProgress(nodes=(node(1, share=second / 200),)), float(second))
    with pytest.raises(BuildStalled, match="it did not finish in time; it waits for"):
        watcher.observe(BuildProgress(nodes=(node(1, share=0.5),)), 101.0)
