import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from benchmarks.built import section as built_section
from benchmarks.demo import section as demo_section
from benchmarks.plans import section as plans_section
from benchmarks.refresh import Beside, DropAndCreate, Refresh
from benchmarks.refreshing import section as refresh_section
from benchmarks.report import Details, Figure, Section, Verdict, details_table, figure_table, markdown
from benchmarks.stats import Outcome, Records, Stretch

SECTION = Section(
    title="Reading",
    figures=(Figure(name="a | b", measured="1.20x", reference="2 ms", target="<= 1.1x", verdict=Verdict.MISSED),),
    how="As it is done.",
    details=(Details(title="Reads", head=("read", "ms"), rows=(("library", "1.0"), ("bare", "0.9"))),),
    notes=("Noise: 1.3x.",),
)


def test_the_page_says_what_was_measured_beside_what_on_what_and_when() -> None:
    text = markdown(
        [SECTION],
        facts=[("cores", "2")],
        command="make bench",
        made_at=datetime(2026, 11, 23, 6, 5, tzinfo=UTC),
        seconds=540,
    )
    assert "Written by `make bench` on 2026-11-23 06:05 UTC, in 9 minutes" in text
    assert "| a \\| b | 1.20x | 2 ms | <= 1.1x | **missed** |" in text
    assert "| cores | 2 |" in text
    assert "## Reading\n\nAs it is done.\n\n### Reads\n\n| read | ms |\n| --- | ---: |\n| library | 1.0 |" in text
    assert text.endswith("- Noise: 1.3x.\n")
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1


def test_the_terminal_shows_the_same() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(figure_table([SECTION]))
    console.print(details_table(SECTION.details[0]))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for word in ("a | b", "1.20x", "missed", "library", "0.9"):
        assert word in shown


def _records(*requests: tuple[float, float, Outcome]) -> Records:
    found = Records()
    for due, latency, outcome in requests:
        found.add(due, due + latency, outcome)
    return found


def _beside(refresh_latency: float, outcome: Outcome = Outcome.OK) -> Beside:
    """Two rounds: quiet 0-1, refresh 1-2, quiet 2-3, by hand 3-4; then the other order."""
    stretches = [Stretch(begin=float(begin), end=begin + 1.0) for begin in range(8)]
    quiet, ours, hand = (0, 2, 4, 6), (1, 7), (3, 5)
    latency = dict.fromkeys(quiet, 0.001) | dict.fromkeys(ours, refresh_latency) | dict.fromkeys(hand, 0.010)
    reads = _records(*((place + 0.5, latency[place], Outcome.OK) for place in range(8)), (8.5, 0.001, outcome))
    return Beside(
        refreshes=[Refresh(whole=stretches[each], build=stretches[each], audit=stretches[each]) for each in ours],
        by_hand=[stretches[each] for each in hand],
        quiet=[stretches[each] for each in quiet],
        reads=reads,
        writes=_records((0.5, 0.001, Outcome.OK)),
    )


def _by_name() -> DropAndCreate:
    reads = _records((0.5, 0.001, Outcome.OK), (1.2, 0.1, Outcome.FAILED), (1.5, 0.1, Outcome.SHORT))
    stretches = (Stretch(begin=1, end=2), Stretch(begin=0, end=1))
    return DropAndCreate(outage=stretches[0], quiet=stretches[1], reads=reads, writes=Records())


def test_a_refresh_is_judged_by_its_rounds_and_by_every_read_of_the_load() -> None:
    found = refresh_section(_beside(0.0105), _by_name(), 360_000, 200)
    lost, writes, p99, _quiet = found.figures
    assert (lost.measured, lost.verdict) == ("0, 0 and 0 of 9", Verdict.MET)
    assert lost.reference == "hand-made DROP and CREATE: 1, 0 and 1 of 2"
    assert "360,000" in lost.name
    assert writes.verdict is Verdict.MET
    assert p99.measured == "1.05x (1.05 to 1.05)"
    assert p99.reference == "hand-made CREATE of the same view: 10 ms; quiet: 1 ms"
    assert p99.verdict is Verdict.MET


def test_a_slow_refresh_and_a_read_lost_outside_of_builds_are_misses() -> None:
    lost, _writes, p99, _quiet = refresh_section(_beside(0.012, Outcome.EMPTY), _by_name(), 1, 200).figures
    assert (lost.measured, lost.verdict) == ("0, 1 and 0 of 9", Verdict.MISSED)
    assert (p99.measured, p99.verdict) == ("1.20x (1.20 to 1.20)", Verdict.MISSED)


def test_one_late_build_is_a_miss() -> None:
    assert built_section([("a", 0.2), ("b", 0.9)]).figures[0].verdict is Verdict.MET
    figure = built_section([("a", 0.2), ("b", 0.3), ("c", 1.2)]).figures[0]
    assert (figure.measured, figure.verdict) == ("1.20 s", Verdict.MISSED)
    assert figure.reference == "median of 3 builds: 0.30 s"


@pytest.mark.parametrize(
    ("views", "seconds", "verdict"),
    [
        (1000, 1.9, Verdict.MET),
        (1000, 2.5, Verdict.MISSED),
        (640, 2.5, Verdict.MISSED),
        (640, 0.1, Verdict.SHOWN),
    ],
)
def test_planning_fewer_views_than_the_target_speaks_of_proves_nothing(
    views: int, seconds: float, verdict: Verdict
) -> None:
    figure = plans_section({"views": views, "plan_seconds": seconds, "catalog_read_seconds": 0.3}).figures[0]
    assert figure.name == f"plan for {views:,} views, files unchanged"
    assert figure.verdict is verdict


def test_a_demo_that_fails_is_a_miss_and_a_fresh_machine_that_nobody_had_is_none() -> None:
    failed = demo_section(None, None, "demo: the port is taken")
    assert [each.verdict for each in failed.figures] == [Verdict.MISSED, Verdict.NOT_MEASURED]
    assert failed.notes == ("The demo's last line: demo: the port is taken",)
    good = demo_section(31.0, 200.0, "")
    assert [each.verdict for each in good.figures] == [Verdict.MET, Verdict.MISSED]
