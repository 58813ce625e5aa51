"""The same seed is the same run, on any number of workers; and what is saved outlives those who saved it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from programs import ABORTS, CREATION
from runs import ROOT, Finished, command, environment, fuzz

from fuzz.database import open_database

SMALL = ("--fuzz-shards", "2", "--fuzz-examples", "300", "--fuzz-steps", "40")
HOW = [("0", "0"), ("2", "1"), ("0", "2")]
"""Workers, and the seed of Python's own hashes."""
PATIENCE = 180
"""Seconds to wait for a failure to be saved, on a busy machine."""


def without_speed(run: Finished, place: Path) -> list[str]:
    """What a run told, but for how fast it was and where it saved."""
    told = [line.replace(str(place), "PLACE") for line in run.section]
    return [line.rpartition(",")[0] if line.endswith("steps per second") else line for line in told]


def test_a_seed_is_the_same_run_everywhere(tmp_path: Path) -> None:
    """If workers or hashes had a say, a printed seed could not be repeated on another machine."""
    told = []
    for number, (workers, hashes) in enumerate(HOW):
        place = tmp_path / str(number)
        options = (*SMALL, "-n", workers, "--fuzz-seed", "5", "--revert", CREATION, "--database", str(place))
        run = fuzz(*options, PYTHONHASHSEED=hashes)
        assert run.code == 1, run.out
        assert ABORTS in run.reproducers
        told.append((without_speed(run, place), open_database([str(place)], must_exist=True).saved()))
    assert told == [told[0]] * len(HOW)


def test_a_printed_seed_repeats_the_run(tmp_path: Path) -> None:
    """If workers drew seeds of their own, what was printed would not be what was run."""
    options = ("--fuzz-shards", "3", "--fuzz-examples", "5", "--fuzz-steps", "8", "--database", str(tmp_path))
    first = fuzz(*options, "-n", "2")
    number = first.line("fuzz seed: ").split()[2]
    again = fuzz(*options, "--fuzz-seed", number)
    assert without_speed(again, tmp_path) == without_speed(first, tmp_path)
    other = fuzz(*options, "--fuzz-seed", str(int(number) // 2 + 1))
    assert without_speed(other, tmp_path)[:-1] != without_speed(first, tmp_path)[:-1]


def children(pid: int) -> list[int]:
    """The processes that a process started, as /proc has them."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return sorted(found)


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A long run on two workers, in a process group of its own."""
    options = ("-n", "2", "--fuzz-shards", "1000", "--fuzz-examples", "300", "--fuzz-steps", "40")
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command(*options, "--revert", CREATION, "--database", str(tmp_path)),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_something_is_saved(process: subprocess.Popen[bytes], place: Path) -> None:
    """Look every now and then; the process must go on meanwhile."""
    for _ in range(PATIENCE * 10):
        if open_database([str(place)], must_exist=False).saved():
            return
        assert process.poll() is None, "the run ended by itself"
        time.sleep(0.1)
    raise AssertionError("nothing was saved")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")
def test_what_is_saved_outlives_a_killed_worker(endless: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """If a failure were kept in memory until the end, a run that is killed would have found nothing."""
    wait_until_something_is_saved(endless, tmp_path)
    workers = children(endless.pid)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    time.sleep(0.2)
    os.killpg(endless.pid, signal.SIGKILL)
    endless.wait()
    assert open_database([str(tmp_path)], must_exist=True).saved()
    replayed = fuzz("--hypothesis-profile=replay", "--revert", CREATION, "--database", str(tmp_path))
    assert replayed.code == 1, replayed.out
    assert "program (3 steps)" in "\n".join(replayed.reproducers)
