"""The tables of proofs and of minimal programs, and exit codes that say whether all is well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from programs import CREATION, RELOCATION, reverts, shortest

from fuzz.__main__ import main
from fuzz.bench.minimal import Descent, Least, Start, report
from fuzz.bench.trials import Trial
from fuzz.case import Case
from fuzz.traces import record, save
from models.geometry import File, FileKind, Geometry
from models.operations import Allocate, CreateBg, Inject, Relocate, StartNocowDio, Step

WRITE = Step("CPU 1", StartNocowDio(), "can_nocow_extent")
LOST = Case(Geometry(1, 2, 1, (File(FileKind.NODATACOW, 1),)), (WRITE, Step("CPU 2", Relocate())))
ABORTED = "c92f6be34c50"
FAULT, CREATE = Step("fault", Inject("phase-2")), Step("CPU 1", CreateBg())
LONG = replace(LOST, steps=(FAULT, Step("CPU 1", Allocate(1)), CREATE))
"""The race of another fix, with a step more than it needs."""


def proofs_of(case: Case, place: Path, *options: str, race: str = RELOCATION) -> tuple[int, str]:
    """The exit code and the table of one trace."""
    trace, table = place / "lost.json", place / "PROOFS.md"
    save(record(case, reverts(race)), trace)
    code = main(["bench", "proofs", str(trace), "--output", str(table), *options])
    return code, table.read_text(encoding="utf-8")


def test_a_proof_has_a_row(tmp_path: Path) -> None:
    """If the table did not say how much was searched, it would be a claim."""
    code, table = proofs_of(LOST, tmp_path)
    assert code == 0
    (row,) = (line for line in table.splitlines() if line.startswith("| `lost`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == "3"
    assert int(cells[2]) > 400
    assert cells[-2:] == ["2", "no shorter one breaks this property, nor any other"]
    assert "1 traces, 1 proven" in table


def test_a_trace_that_is_not_the_shortest_is_shown_with_one_that_is_shorter(tmp_path: Path) -> None:
    """If it counted as proven, the table would lie."""
    code, table = proofs_of(LONG, tmp_path, race=ABORTED)
    assert code == 1
    assert "a shorter one breaks the same" in table
    _, _, program = table.partition("Shorter than `lost`:\n\n")
    assert program.splitlines() == [f"    {FAULT}", f"    {CREATE}"]
    assert "1 traces, 0 proven" in table


def test_a_search_that_was_stopped_is_open(tmp_path: Path) -> None:
    """If it counted as proven, a small limit would prove anything."""
    code, table = proofs_of(LOST, tmp_path, "--limit", "30")
    assert code == 0
    assert "open: stopped after 30 executions" in table
    assert "1 traces, 0 proven" in table


def test_what_was_proven_is_not_searched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If --resume searched again, an interruption would cost hours."""
    _, first = proofs_of(LOST, tmp_path)
    monkeypatch.setattr("fuzz.commands.bench_proofs.try_proof", None)
    assert proofs_of(LOST, tmp_path, "--resume") == (0, first)


def test_a_race_comes_down_to_one_minimal_program(tmp_path: Path) -> None:
    """If the seeds' programs were not compared, nobody would see that they differ."""
    table = tmp_path / "MINIMAL.md"
    assert main(["bench", "minimal", "2e6e518335f8", "--seeds", "2", "--output", str(table)]) == 0
    text = table.read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith("| `2e6e518335f8`"))
    assert [cell.strip() for cell in row.strip("|").split("|")][1:5] == ["2/2", "1", "2", "2/2"]
    assert "median 1 programs a race,\n2 of 2 minimal." in text


def test_what_was_minimised_is_not_minimised_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If --resume lost one of the two halves of the work, an interruption would cost hours."""
    table = tmp_path / "MINIMAL.md"
    command = ["bench", "minimal", "2e6e518335f8", "--output", str(table), "--seeds"]
    assert main([*command, "2"]) == 0
    first = table.read_text(encoding="utf-8")
    assert main([*command, "1", "--resume"]) == 0
    monkeypatch.setattr("fuzz.commands.bench_minimal.descend", pytest.fail)
    monkeypatch.setattr("fuzz.commands.bench_minimal.look_everywhere", pytest.fail)
    assert main([*command, "2", "--resume"]) == 0
    assert table.read_text(encoding="utf-8") == first


def test_different_programs_are_counted() -> None:
    """If they were counted as one, the minimiser would look better than it is."""
    (revert,) = reverts(CREATION)
    ended = [Descent("here", 9, 10), Descent("there", 9, 30), Descent("here", 9, 20), Descent()]
    descents = {Trial(revert, seed): descent for seed, descent in enumerate(ended)}
    here, there = Least("a", 3, 100, minimal=True), Least("b", 4, 300, minimal=False)
    text = report("command", descents, {Start(revert, "here"): here, Start(revert, "there"): there})
    assert f"| `{CREATION}` | 3/4 | 2 | 2 | 2/3 | 9 | 3 | 120 |" in text
    assert "median 2 programs a race,\n2 of 3 minimal." in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["minimal", "nothing"], "unknown revert"),
        (["proofs", "nowhere.json"], "nowhere.json"),
        (["proofs", "{trace}", "--cost", "1"], "no trace has at most 1"),
        (["minimal", "--seeds", "0"], "no number from 1"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it were a traceback, nobody would know what to do."""
    trace = tmp_path / "trace.json"
    save(record(shortest(CREATION), reverts(CREATION)), trace)
    with pytest.raises(SystemExit) as exit_info:
        main(["bench", *(argument.format(trace=trace) for argument in arguments)])
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
