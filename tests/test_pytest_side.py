"""``pytest fuzz/`` as people run it: a green run, a red one, and replaying what it saved."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import ABORTS, CREATION, SHORTEST
from runs import Finished, cli, fuzz

from fuzz.database import open_database
from fuzz.traces import load

SMALL = ("--fuzz-shards", "1", "--fuzz-examples", "300", "--fuzz-steps", "12")
"""Short cases find the creation race soon, and shrink fast."""
REPLAY = ("--hypothesis-profile=replay",)


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(file): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the red run saves."""
    return tmp_path_factory.mktemp("red") / "database"


@pytest.fixture(scope="module")
def red(place: Path) -> Iterator[Finished]:
    """A run with a fix out.  Whatever is done with what it saved must leave it as it is."""
    finished = fuzz(*SMALL, "--fuzz-seed", "1", "--revert", CREATION, "--database", str(place))
    before = contents(place)
    yield finished
    assert contents(place) == before, "replay deletes nothing and adds nothing"


def shows_the_shortest_program(finished: Finished) -> bool:
    """Whether the creation race is shown, in three steps."""
    steps = [f"    {step}" for step in SHORTEST[CREATION]]
    lines = finished.section
    start = next(index for index, line in enumerate(lines) if line.startswith("program (3 steps)"))
    first = lines.index(steps[0], start)  # the file system before it may take more than a line
    return ABORTS in lines and lines[first : first + 4] == [*steps, ""]


def test_a_green_run(tmp_path: Path) -> None:
    """If a passing run did not say what it did, nobody would know how much a green one is worth."""
    run = fuzz("--fuzz-shards", "2", "--fuzz-examples", "20", "--fuzz-seed", "7", "--database", str(tmp_path))
    assert run.code == 0, run.out
    assert "2 passed, 1 skipped" in run.out
    assert re.match(r"\d+ examples, \d+ steps, \d+ steps per second", run.line("4"))
    for name in ("create-bg", "allocate", "free", "commit", "resume"):
        assert re.search(rf"\b{name}\s+\d+", " ".join(run.section)), name
    for beginning in ("operations: ", "stopped at: ", "never reached: ", "replayed 0 saved failures"):
        assert run.line(beginning)
    assert "with all fixes in" in run.line("profile default")
    assert "--fuzz-seed 7" in run.line("fuzz seed: 7")
    assert max(len(line) for line in run.section) <= 100
    assert run.reproducers == []
    assert contents(tmp_path) == {}


def test_a_red_run_shows_the_shortest_program(red: Finished) -> None:
    """If a race were found but not shown, or the run passed, finding it would be of no use."""
    assert red.code == 1, red.out
    assert shows_the_shortest_program(red)
    assert sum(line.startswith("program (") for line in red.section) == 1, "one race, one program"
    assert re.search(r"found by 1 of 1 searches", red.line("found by"))
    assert CREATION in red.line("profile default")
    text = [line for line in red.section if not line.startswith("replay with: ")]  # a path may be long
    assert max(len(line) for line in text) <= 100


def test_what_is_found_is_told_once(red: Finished) -> None:
    """If pytest told it for each search too, a hundred lines would stand around the program."""
    assert "1 skipped, 1 found something in " in red.out
    assert "= FAILURES =" not in red.out
    assert "FAILED" not in red.out


def test_a_mistake_of_the_model_is_a_failure_of_its_own(tmp_path: Path) -> None:
    """If it counted as something found, it would be told nowhere: there is no program that shows it."""
    mistake = "import models.world\nmodels.world.World.apply = lambda *_: 1 / 0\n"
    (tmp_path / "mistaken.py").write_text(mistake, encoding="utf-8")
    run = fuzz(*SMALL, "-p", "mistaken", "--database", str(tmp_path / "database"), PYTHONPATH=str(tmp_path))
    assert run.code == 1
    assert "1 failed, 1 skipped in " in run.out
    assert "= FAILURES =" in run.out
    assert "FAILED fuzz/test_block_groups.py::test_shard[0] - ZeroDivisionError" in run.out


@pytest.mark.parametrize("workers", ["0", "2"])
def test_replay_shows_it_again_and_generates_nothing(red: Finished, place: Path, workers: str) -> None:
    """If replay needed luck, a saved failure would be worth no more than its seed."""
    assert red.code == 1
    again = fuzz(*REPLAY, "-n", workers, "--revert", CREATION, "--database", str(place))
    assert again.code == 1, again.out
    assert "1 found something in " in again.out
    assert "passed" not in again.out
    assert again.reproducers == red.reproducers
    assert not [line for line in again.section if "examples" in line]


def test_replay_passes_with_the_fix_in(red: Finished, place: Path) -> None:
    """If a repaired race still failed, or its case were deleted, nobody could test the repair twice."""
    assert red.code == 1
    saved = len(open_database([str(place)], must_exist=True).saved())
    fixed = fuzz(*REPLAY, "--database", str(place))
    assert fixed.code == 0, fixed.out
    assert "1 passed" in fixed.out
    assert "all pass" in fixed.line(f"replayed {saved} saved failure")


def test_an_ordinary_run_replays_first_and_then_searches(red: Finished, place: Path) -> None:
    """If an ordinary run forgot what is saved, a race could come back between two lucky searches."""
    assert red.code == 1
    options = ("--fuzz-shards", "1", "--fuzz-examples", "5", "--fuzz-seed", "3")
    run = fuzz(*options, "--revert", CREATION, "--database", f"readonly:{place}")
    assert run.code == 1, run.out
    assert re.search(r"\d+ of them fails?$", run.line("replayed"))
    assert run.reproducers == red.reproducers
    assert [line for line in run.section if "examples" in line]


def test_the_command_that_a_red_run_prints_replays_it(red: Finished) -> None:
    """If the printed command looked elsewhere, who copies it would see nothing fail."""
    printed = shlex.split(red.line("replay with: ").removeprefix("replay with: "))
    assert printed[:2] == ["pytest", "fuzz/"]
    again = fuzz(*printed[2:])
    assert again.code == 1, again.out
    assert again.reproducers == red.reproducers


def saved_trace(finished: Finished) -> tuple[Path, list[str]]:
    """What the last two lines of a red run name: the file of the trace, and the command that replays it."""
    saved, replay = finished.out.splitlines()[-2:]
    assert saved.startswith("saved: ")
    assert replay.startswith("replay it with: python -m fuzz replay ")
    path = Path(saved.removeprefix("saved: "))
    command = shlex.split(replay.removeprefix("replay it with: python -m fuzz "))
    assert command == ["replay", str(path)]
    return path, command


def test_a_red_run_saves_a_trace_and_says_so_last(red: Finished, place: Path) -> None:
    """If the reproducer were on the screen only, it would be gone with the terminal."""
    path, command = saved_trace(red)
    assert list((place / "traces").iterdir()) == [path]
    assert re.fullmatch(rf"{CREATION}-{ABORTS}-[0-9a-f]{{12}}\.json", path.name)
    assert load(path).case.steps == SHORTEST[CREATION]
    replayed = cli(*command)
    assert replayed.returncode == 1, replayed.stderr
    report = red.section[red.section.index(ABORTS) :]
    assert replayed.stdout.splitlines()[:20] == report[:20]
    assert replayed.stdout.endswith("the outcome is the recorded one\n")
    assert cli(*command, "--revert", "none").returncode == 0


@pytest.mark.parametrize("workers", ["0", "2"])
def test_equal_failures_have_one_trace(red: Finished, place: Path, workers: str) -> None:
    """If its name or content depended on the run or the worker, there would be a new file every night."""
    again = fuzz(*REPLAY, "-n", workers, "--revert", CREATION, "--database", str(place))
    assert saved_trace(again) == saved_trace(red)


def test_a_trace_that_cannot_be_saved_hides_nothing(red: Finished, place: Path, tmp_path: Path) -> None:
    """If a full or read-only disk cost the report, the failure would have to be found again."""
    assert red.code == 1
    shutil.copytree(place, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "traces")
    (tmp_path / "copy" / "traces").touch()
    run = fuzz(*REPLAY, "--revert", CREATION, "--database", str(tmp_path / "copy"))
    assert run.code == 1
    assert run.reproducers == red.reproducers
    assert run.out.splitlines()[-1].startswith(f"a trace cannot be saved in {tmp_path}/copy/traces: ")


def test_replay_of_nothing_says_so(tmp_path: Path) -> None:
    """If an empty database failed, a first CI run would; if it said nothing, it would look like a success."""
    run = fuzz(*REPLAY, "--database", str(tmp_path))
    assert run.code == 0, run.out
    assert "1 skipped" in run.out
    assert "no failure is saved" in run.out
    assert run.line("replayed 0 saved failures")


def test_runs_without_a_seed_have_different_ones(tmp_path: Path) -> None:
    """If the seed were always the same, a search that runs every night would find nothing new."""
    seeds = set()
    for _ in range(2):
        options = ("--fuzz-shards", "1", "--fuzz-examples", "1")
        seeds.add(fuzz(*options, "--database", str(tmp_path)).line("fuzz seed: "))
    assert len(seeds) == 2
