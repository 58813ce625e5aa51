"""Searches in guests that fail, and making a failing program shorter.  Needs no QEMU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from guests import Disk, StubbedWorld

from fuzz import test_block_groups as items
from fuzz.case import Case
from fuzz.options import Run, make_run
from fuzz.targets import QEMU, TargetUnavailable
from fuzz.targets.machines import RealFailure
from fuzz.targets.qemu import machine as machine_module
from fuzz.targets.qemu import runs as runs_module
from fuzz.targets.qemu.gdb import GdbError
from fuzz.targets.qemu.guest import GuestError
from fuzz.targets.qemu.runs import Search, qemu_shard
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.stage import Answer
from fuzz.targets.qemu.symbols import SymbolError, Symbols
from fuzz.targets.searching import EACH_TIME
from fuzz.targets.shortening import shorter
from models.geometry import Geometry
from models.operations import Commit, Fsync, Scrub, Step
from models.properties import Mismatch
from models.world import Violation

BROKEN = Violation("a property", Mismatch("something", "something else"))


class Guests:
    """Makes worlds on stubbed stages; in the one of the number ``last`` each command of the agent fails from
    the ``ask``-th on."""

    def __init__(self, last: int, ask: int, error: Exception, disk: Disk | None = None) -> None:
        self.last, self.ask, self.error = last, ask, error
        self.disk = disk
        self.made = 0
        self.worlds: list[StubbedWorld] = []

    def __call__(self, saved: Saved, geometry: Geometry, switches: Sequence[object]) -> StubbedWorld:
        """The next one."""
        del saved, switches
        self.made += 1
        if self.made == self.last and not self.ask:
            raise self.error
        world = StubbedWorld(self.disk or Disk(), geometry)
        self.worlds.append(world)
        if self.made == self.last:
            self.break_down(world)
        return world

    def break_down(self, world: StubbedWorld) -> None:
        """Its agent answers a few times only."""
        good, left = world.stage.ask, [self.ask]

        def ask(line: str) -> Answer:
            left[0] -= 1
            if left[0] < 0:
                raise self.error
            return good(line)

        world.stage.ask = ask  # type: ignore[method-assign]


def run_of(monkeypatch: pytest.MonkeyPatch, place: Path, guests: Guests, examples: int = 6) -> Run:
    """A run in these guests."""
    monkeypatch.setattr(runs_module, "ready", lambda: Saved(Path("state"), Symbols(""), "6.1"))
    monkeypatch.setattr(runs_module, "fresh_world", guests)
    monkeypatch.setattr(machine_module, "fresh_world", guests)
    sizes: dict[str, int | None] = {"shards": 24, "examples": examples, "steps": 4}
    return make_run("default", sizes, 1, (), (str(place / "saved"),), target=QEMU)


@pytest.mark.parametrize(("examples", "some"), [(1, False), (6, True)])
def test_steps_are_counted_as_they_were_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, examples: int, *, some: bool
) -> None:
    """If steps counted that were only drawn, or those of a case's end, a search whose one example is empty
    would seem to have done something."""
    guests = Guests(0, 0, GuestError("it is silent"))
    tally = qemu_shard(run_of(monkeypatch, tmp_path, guests, examples), 0).tally
    taken = [step for world in guests.worlds for step in world.program]
    assert (tally.examples, tally.steps) == (guests.made, len(taken))
    assert (tally.operations.total(), bool(taken)) == (len(taken), some)


@pytest.mark.parametrize("kind", [GuestError, GdbError, SymbolError])
@pytest.mark.parametrize("ask", [0, 1, 6])
def test_a_guest_that_fails_once_ends_the_search(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type[Exception], ask: int
) -> None:
    """If it did not, Hypothesis would run the case again, and report that as flaky, in pages."""
    guests = Guests(3, ask, kind("it is silent"))
    run = run_of(monkeypatch, tmp_path, guests)
    with pytest.raises(TargetUnavailable, match=r"^the search could not go on: it is silent$"):
        qemu_shard(run, 0)
    assert guests.made == 3
    assert not run.database.saved()


def test_a_search_that_could_not_go_on_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If pytest showed where it was raised, the line that says why would be lost among the others."""
    run = run_of(monkeypatch, tmp_path, Guests(1, 1, GuestError("it is silent")))
    with pytest.raises(pytest.fail.Exception, match="could not go on: it is silent") as caught:
        items.test_shard(run, 0, lambda name, value: None)  # noqa: ARG005 - a record that nobody reads
    assert not caught.value.pytrace


def test_what_was_found_is_told_although_a_guest_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where a guest fails in which the failing program is run again, to be made shorter."""
    case = Case(Geometry(), (Step("CPU 1", Commit()), Step("CPU 1", Scrub(2))))
    failure = RealFailure(BROKEN, case, ("done", "done"))
    for error in (GuestError("it is silent"), GdbError("it is silent"), SymbolError("it is silent")):
        search = Search(run_of(monkeypatch, tmp_path, Guests(1, 2, error)))
        told = search._tell(failure, EACH_TIME)
        assert "then a guest failed: it is silent" in told.text
        assert told.steps == 2


def test_a_search_that_has_found_something_tells_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the guest fails in which Hypothesis runs the failing case once more."""
    guests = Guests(2, 0, GuestError("it is silent"), Disk(check=Answer(1, "wrong")))
    outcome = qemu_shard(run_of(monkeypatch, tmp_path, guests), 0)
    assert outcome.reproducer is not None
    assert "it could not be run again: it is silent" in outcome.reproducer.text


# Shortening

NEEDED = (Step("CPU 1", Fsync(0)), Step("CPU 2", Scrub(2)))


def test_every_step_that_need_not_be_there_is_left_out() -> None:
    """If none were, a report would show everything that happened to be done before."""
    noise = Step("CPU 1", Commit())
    counted: list[Case] = []

    def run(case: Case) -> tuple[Violation | None, Case]:
        counted.append(case)
        return (BROKEN if all(step in case.steps for step in NEEDED) else None), case

    long = Case(Geometry(), (noise, NEEDED[0], noise, noise, NEEDED[1], noise))
    assert shorter(run, long, BROKEN, 25) == (BROKEN, Case(Geometry(), NEEDED))
    counted.clear()
    best = shorter(run, long, BROKEN, 1)
    assert best is not None
    assert (len(best[1].steps), len(counted)) == (5, 2)


def test_another_failure_is_no_shorter_one() -> None:
    """If it were, the report would be of something that was not found."""
    other = Violation("another", Mismatch("a", "b"))
    case = Case(Geometry(), NEEDED)
    assert shorter(lambda case: (other, case), case, BROKEN, 9) is None
    assert shorter(lambda case: (None, case), case, BROKEN, 9) is None

    def run(tried: Case) -> tuple[Violation | None, Case]:
        return (BROKEN if tried == case else other), tried

    assert shorter(run, case, BROKEN, 9) == (BROKEN, case)
