"""Names that need double quotes: what is printed for other tools can be pasted into them."""

from __future__ import annotations

import pytest

from cassandra_views.cli.main import main
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server


@pytest.mark.parametrize("view", ["plain", "ByDay", "Order"])
def test_the_printed_name_of_what_serves_is_one_that_cql_reads(
    workshop: Workshop,
    server: Server,
    view: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    workshop.session.execute(f"CREATE TABLE {workshop.keyspace}.t (p int PRIMARY KEY, v int)")
    workshop.write_view(
        view,
        "CREATE MATERIALIZED VIEW {{ view }} AS SELECT p, v FROM {{ base('t') }}\n"
        "WHERE p IS NOT NULL AND v IS NOT NULL PRIMARY KEY ((v), p)",
    )
    workshop.apply()
    (workshop.folder / "views.toml").write_text(
        f'templates = "."\n[env.dev]\nregistry = "{workshop.registry}"\n'
        f'contact_points = ["{server.contact_points[0]}"]\nport = {server.port}\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(workshop.folder)
    capsys.readouterr()

    with pytest.raises(SystemExit) as ended:
        main(["name", workshop.full(view)])

    assert ended.value.code == 0
    printed = capsys.readouterr().out.strip()
    assert list(workshop.session.execute(f"SELECT * FROM {printed}")) == []
