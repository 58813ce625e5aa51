"""What a target must offer, and how one schedule of it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from models.locks import Mutex
from models.simulation import Simulation, Steps, Task
from models.target import (
    NO_DEADLOCK,
    NO_FAILED_ASSERTION,
    NO_LIVELOCK,
    Pick,
    Place,
    in_turn,
    place_of,
    run,
)


class Counter:
    """Two tasks count in two steps each."""

    def __init__(self, sim: Simulation) -> None:
        self.m = Mutex(sim, "m")
        self.count = 0
        self.lost = False

    def tasks(self) -> Mapping[str, Steps[None]]:
        """Named against the order of the alphabet."""
        return {"counter 2": self.add(), "counter 1": self.add()}

    def add(self) -> Steps[None]:
        """Count."""
        yield "read count"
        before = self.count
        yield "write count"
        self.lost |= self.count != before
        self.count = before + 1

    def properties(self) -> Mapping[str, bool]:
        """Nothing is lost."""
        return {"the_count_is_a_number": True, "no_count_is_lost": not self.lost}


def by_name(*names: str) -> Pick:
    """A schedule written down: who goes on at each step."""
    left = list(names)

    def pick(able: Sequence[Task], current: Task | None) -> Task:
        assert (current is None) or able[0] is current
        name = left.pop(0)
        return next(task for task in able if task.name == name)

    return pick


def test_in_turn_is_in_the_order_in_which_tasks_are_named() -> None:
    """If tasks were sorted, the simplest schedule would not be what the target says first."""
    done = run(Counter, in_turn)
    assert [step.task for step in done.steps] == ["counter 2", "counter 2", "counter 1", "counter 1"]
    assert (done.broken, done.preemptions) == ("", 0)


def test_a_schedule_is_followed_step_by_step() -> None:
    """If a pick ran more than one step, no race could be placed; the property is judged after each."""
    done = run(Counter, by_name("counter 2", "counter 1", "counter 2", "counter 1"))
    assert done.broken == "no_count_is_lost"
    assert str(done).splitlines() == [
        "counter 2: read count",
        "counter 1: read count",
        "counter 2: write count",
        "counter 1: write count",
        "*** no_count_is_lost ***",
    ]
    assert done.preemptions == 2, "the last switch follows the end of a task"


class Crossed(Counter):
    """Waits for a lock that it holds, and asserts."""

    def tasks(self) -> Mapping[str, Steps[None]]:
        """One that waits for itself, or one that fails."""
        return {"waits": self.twice()}

    def twice(self) -> Steps[None]:
        """Take a lock twice."""
        yield "lock m"
        yield from self.m.lock()
        yield "lock m"
        yield from self.m.lock()


class Asserting(Counter):
    """Asserts what is wrong."""

    def add(self) -> Steps[None]:
        """Fail."""
        yield "read count"
        assert self.count, "there was no count"


class Circling(Counter):
    """Polls for what never comes."""

    def add(self) -> Steps[None]:
        """Never end."""
        while self.count < 1:
            yield "read count"


@pytest.mark.parametrize(
    ("target", "broken", "observed"),
    [
        (Crossed, NO_DEADLOCK, "waits waits for m, held by waits"),
        (Asserting, NO_FAILED_ASSERTION, "there was no count"),
        (Circling, NO_LIVELOCK, "10000 steps, and no end"),
    ],
)
def test_what_every_target_has_is_watched(target: type[Counter], broken: str, observed: str) -> None:
    """If one were missed, a target would have to say itself that it must not deadlock or fail."""
    done = run(target, in_turn)
    assert done.broken == broken
    assert done.observed.startswith(observed)


def test_what_is_about_to_be_touched_is_seen() -> None:
    """If two reads conflicted, or a write and a read did not, a schedule would be directed to nowhere."""
    read, write = Place("reader", "read x"), Place("setter", "write x")
    assert read.conflicts_with(write)
    assert write.conflicts_with(read)
    assert write.conflicts_with(write)
    assert not read.conflicts_with(read)
    assert not write.conflicts_with(Place("setter", "write y"))
    assert Place("a", "lock m").conflicts_with(Place("b", "unlock m"))
    assert Place("a", "any name").conflicts_with(Place("b", "any name"))
    assert not Place("a", "").conflicts_with(Place("b", ""))


def test_tasks_that_differ_in_a_number_have_one_role() -> None:
    """If each had a place of its own, holding one up would not hold up the others."""
    sim = Simulation()
    places = [place_of(sim.task(name)) for name in ("setter 1", "setter 12", "checker")]
    assert places == [Place("setter", ""), Place("setter", ""), Place("checker", "")]
