"""What all benches share: runs side by side, and a log and a report that are whole.  No long run in here."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import pytest

from fuzz.bench import command
from fuzz.bench.command import ROOT, Finished, run_fuzz, side_by_side
from fuzz.bench.mutants import (
    KILLED,
    SURVIVED,
    Fate,
)
from fuzz.bench.results import Log, cell, row
from fuzz.files import digest, write_whole

SMALL = ("--fuzz-seed", "1", "--fuzz-shards", "1", "--fuzz-examples", "2", "--fuzz-steps", "5")


def test_a_report_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """If half a report could be seen, somebody would commit it."""
    file = tmp_path / "new" / "report.md"
    write_whole(file, "one")
    write_whole(file, "two")
    assert file.read_text(encoding="utf-8") == "two"
    with pytest.raises(TypeError):
        write_whole(file, 3)  # type: ignore[arg-type]
    assert [path.name for path in file.parent.iterdir()] == ["report.md"]
    assert file.read_text(encoding="utf-8") == "two"


def test_a_pipe_is_no_end_of_a_cell() -> None:
    """If it were, a row would have too many cells."""
    assert row("a|b", 1) == "| a\\|b | 1 |"
    assert cell("two\nlines") == "two lines"


def test_the_digest_is_of_what_matters(tmp_path: Path) -> None:
    """If it changed with the bench itself, a resumed run would begin again for nothing."""
    for name in ("models/a.py", "fuzz/b.py", "fuzz/bench/c.py", "strategies/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    before = digest(tmp_path)
    for name in ("fuzz/bench/c.py", "strategies/d.txt"):
        (tmp_path / name).write_text("y", encoding="utf-8")
    assert digest(tmp_path) == before
    (tmp_path / "fuzz/b.py").write_text("y", encoding="utf-8")
    assert digest(tmp_path) != before


def test_a_real_run_tells_what_it_did() -> None:
    """If outcomes did not come back, every trial would have found nothing."""
    done = run_fuzz(ROOT, SMALL, patience=100)
    assert done.code == 0, done.out
    assert [o.tally.examples for o in done.outcomes] == [2]
    assert done.error == ""


def test_a_run_without_news_is_stopped() -> None:
    """If it were not, one mutant that goes round in circles would stop the bench."""
    done = run_fuzz(ROOT, SMALL, patience=0)
    assert done.code is None


def test_side_by_side_does_everything_once() -> None:
    """If a job were lost, a row of a report would be missing."""
    assert sorted(side_by_side("squares", [1, 2, 3], lambda n: n * n, workers=2)) == [(1, 1), (2, 4), (3, 9)]
    assert not command.INTERRUPTED.is_set()


def test_an_interruption_ends_what_runs() -> None:
    """If it did not, processes of a bench that is gone would go on for minutes."""

    def work(number: int) -> Finished | None:
        return run_fuzz(ROOT, ("--fuzz-seed", "1"), patience=300) if number else None

    started = time.monotonic()
    results = side_by_side("runs", [0, 1], work, workers=2)
    assert next(results) == (0, None)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt())
    assert time.monotonic() - started < 20
    assert not command.INTERRUPTED.is_set()


def test_a_log_keeps_the_last_line_of_each_trial(tmp_path: Path) -> None:
    """If a trial had two lines, a report would count it twice."""
    log = Log(tmp_path / "log.jsonl", "abc", resume=False)
    log.add("b", **asdict(Fate(KILLED)))
    log.add("a", **asdict(Fate(SURVIVED)))
    log.add("b", **asdict(Fate(SURVIVED)))
    log.add("d", **asdict(Fate(KILLED)))
    log.tidy(["a", "b", "c"])
    again = Log(tmp_path / "log.jsonl", "abc", resume=True)
    assert list(again.results) == ["a", "b", "d"], "what was not asked for again is not lost"
    assert again.results["b"]["outcome"] == SURVIVED
    assert Log(tmp_path / "log.jsonl", "other", resume=True).results == {}
