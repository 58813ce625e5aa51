"""A hunt says the same whoever does the work, in one go or in several; and loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from programs import ABORTS, CREATION
from runs import ROOT, cli, environment, fuzz

from fuzz.database import open_database
from fuzz.hunt import State, load
from fuzz.hunt.loop import BATCH
from fuzz.traces import load as load_trace

HOW = ("--seed", "2", "--machines", "Creation,Committing", "--steps", "30")
CASES = 60
PATIENCE = 120
"""Seconds to wait for what a busy machine does in five."""


def hunt(place: Path, *options: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """A hunt whose files are all in one place."""
    files = ("--state", str(place / "hunt.json"), "--database", str(place / "failures"))
    return cli("hunt", *files, *options, **changes)


def state_in(place: Path) -> State:
    """What a hunt left, but for how long it took."""
    state = load(place / "hunt.json")
    assert state.seconds > 0
    state.seconds = 0.0
    return state


def saved_in(place: Path) -> list[bytes]:
    """What is in the example database."""
    return open_database([str(place / "failures")], must_exist=True).saved()


def traces_in(place: Path) -> list[str]:
    """The names of the traces, which have a digest in them."""
    return sorted(path.name for path in (place / "failures" / "traces").iterdir())


def without_speed(run: subprocess.CompletedProcess[str], place: Path) -> list[str]:
    """What a hunt told, but for how fast it was and where it saved."""
    lines = [line.replace(str(place), "PLACE") for line in run.stdout.splitlines()]
    return [line for line in lines if not line.endswith("steps per second")]


@pytest.fixture(scope="module")
def one_go(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A hunt with one worker that finds a race."""
    place = tmp_path_factory.mktemp("one")
    run = hunt(place, *HOW, "--cases", str(CASES), "--workers", "1", "--revert", CREATION)
    assert run.returncode == 1, run.stderr
    return place, run


def test_a_race_is_found_and_handed_over(one_go: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """If a failure were only counted, somebody would have to find it again."""
    place, run = one_go
    state = state_in(place)
    assert state.next == state.tally.examples == CASES
    assert not state.pending
    assert not state.mistakes
    assert state.broken[ABORTS] > len(state.handed) >= 1, "one of a kind is handed over"
    for handed in state.handed:
        assert handed.complaint == ""
        assert handed.reproducer.steps <= 4
        assert handed.reproducer.text in run.stdout or handed.reproducer.property == ABORTS
    assert f"fails in {state.broken[ABORTS]} cases of {CASES}; the shortest that was found" in run.stdout
    shortest = min(handed.reproducer for handed in state.handed)
    assert run.stdout.count("program (") == len({handed.reproducer.property for handed in state.handed})
    assert shortest.text in run.stdout
    for name in traces_in(place):
        assert load_trace(place / "failures" / "traces" / name).reverts == (CREATION,)
    assert f"{CASES} cases, {state.tally.steps} steps, " in run.stdout


def test_counts_do_not_bury_what_a_hunt_found(
    one_go: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """If they did, the program would be off the screen; with -v somebody asked for them."""
    place, run = one_go
    shutil.copy(place / "hunt.json", tmp_path)
    again = hunt(tmp_path, "--resume", "--cases", str(CASES), "-v")
    assert again.returncode == 1, again.stderr
    for told, verbose in ((run.stdout, False), (again.stdout, True)):
        assert ("\noperations: " in told) is verbose
        assert ("\nwhat was reached, and what never: -v\n" in told) is not verbose


def test_pytest_replays_what_a_hunt_found(one_go: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """If the entry in the database were of another case, nothing would fail there."""
    place, _ = one_go
    saved = saved_in(place)
    assert len(saved) == len(state_in(place).handed)
    options = ("--hypothesis-profile=replay", "--database", str(place / "failures"), "-n", "0")
    assert fuzz(*options).code == 0, "it needs the fix to be out"
    replayed = fuzz(*options, "--revert", CREATION)
    assert replayed.code == 1
    assert ABORTS in replayed.reproducers
    assert saved_in(place) == saved


def test_any_number_of_workers_says_the_same(
    one_go: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """If who is done first had a say, a seed could not be repeated on another machine."""
    place, run = one_go
    options = ("--cases", str(CASES), "--workers", "3", "--revert", CREATION)
    other = hunt(tmp_path, *HOW, *options, PYTHONHASHSEED="1")
    assert without_speed(other, tmp_path) == without_speed(run, place)
    assert state_in(tmp_path) == state_in(place)
    assert saved_in(tmp_path) == saved_in(place)
    assert traces_in(tmp_path) == traces_in(place)


def test_a_hunt_ends_with_the_first_failure(
    one_go: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """If who is done first had a say, another case could be the first; or nothing would end."""
    first = min(handed.failure.number for handed in state_in(one_go[0]).handed)
    states = []
    for workers in ("1", "3"):
        place = tmp_path / workers
        run = hunt(place, *HOW, "-x", "--shrink", "none", "--workers", workers, "--revert", CREATION)
        assert run.returncode == 1, run.stderr
        states.append(state_in(place))
    assert states[0] == states[1]
    assert states[0].handed[0].failure.number == first
    assert states[0].next == (first // BATCH + 1) * BATCH
    assert states[0].handed[0].reproducer.steps > 4, "it was not made shorter"
    assert not states[0].pending
    again = hunt(tmp_path / "1", "--resume", "-x", "--shrink", "none")
    assert again.returncode == 1
    assert load(tmp_path / "1" / "hunt.json").failed > states[0].failed, "it went on to the next failure"
    hunt(tmp_path / "3", "--resume", "--cases", str(CASES))
    assert state_in(tmp_path / "3").tally == state_in(one_go[0]).tally


def test_several_goes_are_one_go(
    one_go: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """If a go began elsewhere than the last one ended, cases would be missing, or counted twice."""
    place, run = one_go
    hunt(tmp_path, *HOW, "--cases", "25", "--revert", CREATION)
    assert state_in(tmp_path).next == 25
    hunt(tmp_path, "--resume", "--cases", "26")
    again = hunt(tmp_path, "--resume", "--cases", str(CASES))
    assert again.returncode == 1
    assert without_speed(again, tmp_path) == without_speed(run, place)
    assert state_in(tmp_path) == state_in(place)


def test_nothing_found_is_zero(tmp_path: Path) -> None:
    """If a hunt that finds nothing did not say so, no script could wait for it."""
    run = hunt(tmp_path, *HOW, "--cases", "10")
    assert (run.returncode, run.stderr) == (0, "")
    assert state_in(tmp_path).broken.total() == 0
    again = hunt(tmp_path, "--resume", "--cases", "5")
    assert again.returncode == 0
    assert again.stderr.startswith("nothing is left to do: ")
    assert state_in(tmp_path).next == 10, "there is nothing to go back to"


def test_a_new_hunt_puts_the_one_before_aside(tmp_path: Path) -> None:
    """If it wrote over it, one forgotten --resume would cost a night."""
    (tmp_path / "hunt.json").write_text("a night", encoding="utf-8")
    run = hunt(tmp_path, *HOW, "--cases", "1")
    assert (run.returncode, run.stderr) == (0, f"the hunt before is in {tmp_path / 'hunt.before.json'}\n")
    assert (tmp_path / "hunt.before.json").read_text(encoding="utf-8") == "a night"
    assert state_in(tmp_path).next == 1


def test_it_ends_when_its_time_is_over(tmp_path: Path) -> None:
    """If time had no say, a hunt for a night would never end."""
    started = time.monotonic()
    assert hunt(tmp_path, *HOW, "--for", "2s").returncode == 0
    assert 2 <= time.monotonic() - started < PATIENCE
    assert state_in(tmp_path).next > 0


def endless(place: Path, *options: str) -> subprocess.Popen[str]:
    """A hunt without end."""
    files = ("--state", str(place / "hunt.json"), "--database", str(place / "failures"))
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "fuzz", "hunt", *files, *HOW, *options],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_cases(process: subprocess.Popen[str], place: Path, cases: int) -> None:
    """Look every now and then; the process must go on meanwhile."""
    for _ in range(PATIENCE * 10):
        if (place / "hunt.json").exists() and load(place / "hunt.json").next >= cases:
            return
        assert process.poll() is None, "the hunt ended by itself"
        time.sleep(0.1)
    raise AssertionError("nothing was saved")


def wait_until_all_are_gone(process: subprocess.Popen[str]) -> None:
    """Nobody of the process group is left."""
    for _ in range(PATIENCE):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(1)
    raise AssertionError("the workers outlive the hunt")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_told_to(tmp_path: Path, signum: signal.Signals) -> None:
    """If Ctrl-C were a traceback, or left workers behind, nobody would dare to stop a hunt."""
    process = endless(tmp_path, "--workers", "2")
    wait_for_cases(process, tmp_path, 22)
    os.killpg(process.pid, signum) if signum is signal.SIGINT else process.send_signal(signum)
    out, error = process.communicate(timeout=PATIENCE)
    state = state_in(tmp_path)
    assert (process.returncode, error) == (0, "")
    assert f"{state.next} cases, {state.tally.steps} steps" in out
    assert state.next == state.tally.examples
    wait_until_all_are_gone(process)


def test_a_killed_hunt_loses_nothing_that_was_saved(
    one_go: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """If the state were written in place, or failures were kept in memory, a crash would cost a night."""
    place, run = one_go
    process = endless(tmp_path, "--workers", "2", "--cases", str(CASES), "--revert", CREATION)
    wait_for_cases(process, tmp_path, 1)
    process.kill()
    process.communicate()
    before = state_in(tmp_path)
    assert 0 < before.next <= CASES
    wait_until_all_are_gone(process)
    again = hunt(tmp_path, "--resume", "--cases", str(CASES))
    assert again.returncode == 1
    assert without_speed(again, tmp_path) == without_speed(run, place)
    assert state_in(tmp_path) == state_in(place)
    assert saved_in(tmp_path) == saved_in(place)
