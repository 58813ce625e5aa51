"""The table of programs under every schedule: what holds, what is open, what fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz.bench.schedules import Result, report
from fuzz.commands import bench_schedules

KNOWN = Path(__file__).parent / "regressions"
TRACE = KNOWN / "c92f6be34c50.json"
BREAKS = "a_block_group_has_an_item_or_a_handle_that_will_insert_it"


def cells(table: str) -> list[str]:
    """The row of the trace."""
    (row,) = (line for line in table.splitlines() if line.startswith(f"| `{TRACE.stem}`"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def table_of(place: Path, *options: str) -> str:
    """The table of one trace."""
    table = place / "SCHEDULES.md"
    assert main(["bench", "schedules", str(TRACE), "--output", str(table), *options]) == 0
    return table.read_text(encoding="utf-8")


def test_a_program_has_a_row(tmp_path: Path) -> None:
    """If the table did not say how many schedules were run, it would be a claim."""
    table = table_of(tmp_path, "--preemptions", "1")
    _, whole, schedules, executions, without = cells(table)
    assert (whole, schedules, without) == ("1", "7", f"0 preemptions: breaks {BREAKS}")
    assert int(executions) > 7
    assert "1 programs; 1 fail without the fix, 1 do not fail with it." in table
    assert "Covered is every order" in table


@pytest.mark.parametrize("limit", ["1", "2"])
def test_a_search_that_was_stopped_is_open(tmp_path: Path, limit: str) -> None:
    """If it counted as complete, a small limit would show anything."""
    _, whole, schedules, _, without = cells(table_of(tmp_path, "--limit", limit))
    assert (whole, schedules, without) == ("none known", "0", "open")


def test_results_of_before_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If they were searched again, an interrupted bench would begin anew; if they were read wrong, the table
    would change."""
    before = table_of(tmp_path, "--preemptions", "0")

    def refused(job: object) -> Result:
        raise AssertionError(job)

    monkeypatch.setattr(bench_schedules, "try_schedules", refused)
    assert table_of(tmp_path, "--preemptions", "0", "--resume") == before


def test_what_fails_with_all_fixes_in_is_told() -> None:
    """If it were a row like others, nobody would see it."""
    job = bench_schedules.job_of(TRACE, 1, 100)
    failing = Result(0, 3, 9, "some_property", 0, BREAKS, -1)
    table = report("bench", [job], {job.key: failing})
    assert cells(table)[1] == "0; with one more some_property breaks"
    assert "1 fail without the fix, 0 do not fail with it." in table
