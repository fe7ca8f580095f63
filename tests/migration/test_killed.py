"""kill -9 at any instant of a migration: nobody works in the midst of it; run again, it comes to its end."""

import signal
from itertools import accumulate, repeat

import pytest

from framework.app import App
from framework.migration import backfill
from framework.runtime import reach
from framework.storage.errors import MigrationUnfinished
from tests.forked import begin
from tests.migration.mortal import AFTER, BEFORE, main
from tests.migration.versions import content, module, populate

DAYS = range(6)


def migrate(url: str, dies_at: int, *whose: str) -> int:
    process = begin(main, url, dies_at, *whose)
    process.join(120)
    return int(process.exitcode)


@pytest.fixture
def url(database_url: str) -> str:
    app = App([module(BEFORE)], database=database_url)
    app.create()
    populate(app, DAYS)
    app.close()
    return database_url


def check(url: str) -> None:
    app, anew = App([module(AFTER)], database=url), App([module(AFTER)])
    anew.create()
    populate(anew, DAYS)
    app.create()
    assert app.verify() == []
    assert content(app) == content(anew)
    assert app.migration().is_empty
    app.close()
    anew.close()


def test_killed_again_and_again_it_comes_to_its_end(url: str) -> None:
    """Each run dies later than the one before, so that each does something; between them nobody may work."""
    kills, stopped = 0, 0
    for dies_at in accumulate(repeat(17), initial=3):
        status = migrate(url, dies_at)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        kills += 1
        try:
            App([module(AFTER)], database=url).engine.database.close()
        except MigrationUnfinished:
            stopped += 1
    assert kills >= 3
    assert stopped >= 2, "killed in the midst of it"
    check(url)


def test_a_backfill_that_stops_goes_on_where_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "BATCH", 2)
    app = App([module(AFTER)], database=url)
    done: list[backfill.Reached] = []

    def stop_soon(reached: backfill.Reached) -> None:
        done.append(reached)
        if len(done) % 9 == 0:
            raise KeyboardInterrupt

    tries = 0
    while True:
        try:
            assert app.migrate(report=stop_soon) == []
            break
        except KeyboardInterrupt:
            tries += 1
            assert app.migration().resumes
            with pytest.raises(MigrationUnfinished):
                app.create()
    assert tries >= 3
    steps = [one.number for one in done]
    assert steps == sorted(steps), "no step is begun again that had come to its end"
    check(url)
