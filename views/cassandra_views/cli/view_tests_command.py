"""The command test: runs the tests of views on an embedded server, which may stay for the next call."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cassandra_client.errors import ViewsError
from cassandra_views.cli.context import Chosen, Format, FormatOption, Wide, import_driver_without_numpy, options_of
from cassandra_views.cli.help import help_of
from cassandra_views.cli.lint_server import embedded_session
from cassandra_views.cli.output import (
    cell,
    err,
    error_json,
    escape,
    out,
    plain,
    print_error,
    print_json,
    raise_last,
    table_of,
)
from cassandra_views.cli.server_commands import require_embedded, translate_embedded_errors
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import counted
from cassandra_views.project.project_folder import FILE_SUFFIX, view_test_data

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_embedded import Running
    from cassandra_views.model.definition import Project
    from cassandra_views.model.view_test import RowMismatch, ViewTest, ViewTestResult
    from cassandra_views.project.view_tests import ProjectTests


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    examples = (
        "views test",
        "views test orders_by_day --keep      # the next call takes about a second",
        "views test --format json",
        "views test --junit build/views.xml   # for CI",
    )
    app.command("test", help=help_of(run_tests, *examples), rich_help_panel="Files")(run_tests)


def run_tests(
    context: typer.Context,
    names: Chosen = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the server running for the next call; 'views down' ends it.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the results as JUnit XML, too; CI servers show them.")
    ] = None,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Run the tests of views on an embedded server; exit 1 where one fails.

    The tests of a view stand in views/NAME.test.yaml beside its file: rows of the base, and the rows that the view must
    show then. No cluster is needed, and none is touched. A server that --keep left is used again, and only what has
    changed in the files since is made there.
    """
    from cassandra_views.project.loader import ProjectLoader
    from cassandra_views.project.view_tests import load_tests

    begun = time.monotonic()
    settings = options_of(context).settings()
    project = ProjectLoader.of(settings).load(skip_broken=True)
    found = load_tests(settings.templates, project)
    chosen = _choose(names, found, project) if names else found
    results = _run(chosen.tests, found.tests, keep=keep)
    errors: list[ViewsError] = [*(() if names else project.errors), *chosen.errors]
    seconds = time.monotonic() - begun
    if junit is not None:
        write_junit(junit, results, errors)
    if format is Format.JSON:
        counts = Counter(each.word for each in results)
        numbers = {word: counts[word] for word in ("passed", "failed", "error")}
        found_wrong = [error_json(each) for each in errors]
        tests = [result_json(each) for each in results]
        print_json({"tests": tests, **numbers, "errors": found_wrong, "seconds": round(seconds, 3)})
    else:
        print_results(results, seconds, is_wide=wide, has_errors=bool(errors))
    errors += [each.error for each in results if each.error is not None]
    wrong = sum(each.word != "passed" for each in results)
    if wrong:
        for error in errors:
            print_error(error)
        raise ProjectError(
            f"{wrong} of {counted(len(results), 'test')} did not pass",
            next="Correct the view's file, or the rows that its test expects",
        )
    raise_last(errors)


def _choose(names: Sequence[str], found: ProjectTests, project: Project) -> ProjectTests:
    """Return the tests of the views that are named, and what is wrong with their files.

    Raises:
        ProjectError: there is no such view, its file is wrong, or it has no tests.
    """
    from cassandra_views.plan.selection import resolve
    from cassandra_views.project.view_tests import TEST_SUFFIX, ProjectTests

    known = [view.name for view in project.views]
    for broken in project.broken:
        if not {broken.view, f"{broken.keyspace}.{broken.view}"}.isdisjoint(names):
            raise broken.error
    wanted = {resolve(name, known) for name in names}
    files = {each.place.file.removesuffix(FILE_SUFFIX) + TEST_SUFFIX for each in project.views if each.name in wanted}
    tests = tuple(each for each in found.tests if each.view.name in wanted)
    errors = tuple(each for each in found.errors if each.place is not None and each.place.file in files)
    without = sorted(wanted - {each.view.name for each in tests})
    if without and not errors:
        raise ProjectError(
            "it has no tests", on=", ".join(map(str, without)), next=f"Write views/{without[0].view}{TEST_SUFFIX}"
        )
    return ProjectTests(tests=tests, errors=errors)


def _run(tests: Sequence[ViewTest], every: Sequence[ViewTest], *, keep: bool) -> list[ViewTestResult]:
    """Run tests on the server of the project's tests; none is started where there is no test."""
    if not tests:
        return []
    import_driver_without_numpy()
    from cassandra_views.apply.view_tests import ViewTestRunner

    with _server_session(keep=keep) as session:
        return ViewTestRunner(session).run(tests, kept=every)


@contextmanager
def _server_session(*, keep: bool) -> Iterator[Session]:
    """Open a session on the server that a former call kept, or on a new one, kept or ended at the end.

    Raises:
        ViewsError: the server cannot be started.
    """
    require_embedded()
    from cassandra_client.connect import connected
    from cassandra_embedded import find_running

    folder = view_test_data(Path.cwd())
    if keep or find_running(folder) is not None:
        folder.parent.mkdir(exist_ok=True)
        # Two calls at once would read each other's rows.
        with _locked(folder.with_suffix(".lock")), translate_embedded_errors():
            running = find_running(folder) or (_start(folder) if keep else None)
            if running is not None:
                with connected(tuple(running.contact_points), port=running.port) as session:
                    yield session
                return
    with embedded_session() as session:
        yield session


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of the server that stays; say so where another call holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        err.print("Waiting for another 'views test' ...", style="dim")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _start(folder: Path) -> Running:
    """Start a server that stays; what a former one left is of no use to it."""
    from cassandra_embedded import QUICK_SCHEMA, EmbeddedCassandra, drop_data, find_running, stop_running

    stop_running(folder)  # a start that was killed leaves its process, which is of no use
    drop_data(folder)
    EmbeddedCassandra(
        data=folder,
        port=0,
        detached=True,
        jvm_options=QUICK_SCHEMA,
        on_progress=lambda text: err.print(f"{escape(text)} ...", style="dim"),
    ).start()
    running = find_running(folder)
    if running is None:
        raise ViewsError("the server of the tests has ended by itself", on=str(folder), next="Run the command again")
    err.print("It stays for the next call; 'views down' ends it.", style="dim")
    return running


def print_results(
    results: Sequence[ViewTestResult], seconds: float, *, is_wide: bool = False, has_errors: bool = False
) -> None:
    """Print what differs as a table, and how many tests passed.

    Args:
        has_errors: files are wrong, which is told after this; there may be tests in them.
    """
    rows = table_of("view_tests", is_wide=is_wide)
    has_mismatch = False
    for each in results:
        for mismatch in each.mismatches:
            has_mismatch = True
            values = tuple(escape(cell(plain(one))) for one in (mismatch.expected, mismatch.found))
            head = (str(each.test.view.name), each.test.name, mismatch.kind.value, _key_text(mismatch), mismatch.column)
            rows.add_row(*map(escape, head), *(values if mismatch.column else ("", "")))
    if has_mismatch:
        out.print(rows)
        out.print()
    if not results:
        if not has_errors:
            out.print("There is no test: write views/NAME.test.yaml beside the file of a view.")
        return
    counts = Counter(each.word for each in results)
    views = counted(len({each.test.view.name for each in results}), "view")
    verdicts = ", ".join(f"{counts[word]} {name}" for word, name in _VERDICTS.items() if counts[word])
    out.print(f"{counted(len(results), 'test')} of {views}: {verdicts}; {seconds:.1f} seconds.")


_VERDICTS = {"passed": "passed", "failed": "failed", "error": "could not be run"}


def _key_text(mismatch: RowMismatch) -> str:
    return ", ".join(f"{column}={cell(plain(value))}" for column, value in mismatch.key.items())


def result_json(result: ViewTestResult) -> dict[str, object]:
    """Return a result for machines."""
    error = result.error
    return {
        "view": result.test.view.name,
        "test": result.test.name,
        "file": result.test.place.file,
        "line": result.test.place.line,
        "result": result.word,
        "seconds": round(result.seconds, 3),
        "differences": result.mismatches,
        "error": None if error is None else {"message": error.what, "place": str(error.place), "next": error.next},
    }


def write_junit(path: Path, results: Sequence[ViewTestResult], errors: Sequence[ViewsError] = ()) -> None:
    """Write results as JUnit XML.

    Args:
        errors: what is wrong with files; each is a case of its own.

    Raises:
        ProjectError: the file cannot be written.
    """
    from xml.etree.ElementTree import Element, ElementTree, SubElement

    suite = Element("testsuite", name="views test", tests=str(len(results) + len(errors)))
    suite.set("failures", str(sum(each.word == "failed" for each in results)))
    suite.set("errors", str(sum(each.word == "error" for each in results) + len(errors)))
    for wrong in errors:
        file = wrong.place.file if wrong.place is not None else ""
        case = SubElement(suite, "testcase", classname=file or "views", name="the file is right", file=file)
        SubElement(case, "error", message=wrong.what).text = str(wrong)
    for each in results:
        case = SubElement(suite, "testcase", classname=str(each.test.view.name), name=each.test.name)
        case.set("file", each.test.place.file)
        case.set("time", f"{each.seconds:.3f}")
        if each.error is not None:
            SubElement(case, "error", message=each.error.what).text = str(each.error)
        elif each.mismatches:
            lines = [
                f"{one.kind.value}: {_key_text(one)}"
                + (
                    f"; {one.column}: expected {cell(plain(one.expected))}, found {cell(plain(one.found))}"
                    if one.column
                    else ""
                )
                for one in each.mismatches
            ]
            SubElement(case, "failure", message=lines[0]).text = "\n".join(lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise ProjectError(
            f"the results cannot be written: {error.strerror}", on=str(path), next="Name another file"
        ) from error
