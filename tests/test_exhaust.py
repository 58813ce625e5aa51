"""All schedules of a program: none is left out, none is counted twice, and what is said of them is true."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from math import comb
from pathlib import Path

import pytest
from counted import Operations, Shared, Tiny, every_schedule, locked, works
from programs import CONTENTS, CREATION, RELOCATION, reverts

from fuzz.__main__ import main
from fuzz.case import run
from fuzz.exhaust import Exhausted, Program, Run, ScheduleSearch, exhaust, parse, program_of
from fuzz.exhaust.search import FailingSchedule, SchedulesCovered
from fuzz.minimise.size import preemptions
from fuzz.traces import load
from models.simulation import Livelock, Steps

KNOWN = Path(__file__).parent / "regressions"
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
LIMIT = 20_000
CREATES = parse("CPU 1: create-bg; allocate blocks 1; end-transaction\nCPU 2: commit")
WRITES = program_of(load(KNOWN / f"{RELOCATION}.json").case)
WRITES_BOUND = int(os.environ.get("EXHAUST", "1"))
"""Up to how many preemptions every schedule of it is run: up to 2 takes two minutes, up to 3 half an hour."""
assert WRITES_BOUND in (1, 2, 3), "EXHAUST is 1, 2 or 3"


def counted(tasks: list[Operations], bound: int) -> SchedulesCovered:
    """What a search of a tiny program covers."""
    search: ScheduleSearch[str] = ScheduleSearch(lambda: Tiny(tasks), bound, LIMIT)
    assert search.failure() is None
    return search.covered


# How many there are


def test_schedules_are_counted_by_hand() -> None:
    """If a switch at an operation's end were no choice, or cost a preemption, the numbers would be others.

    Two tasks of two parts each: 12 34, 34 12; with one preemption 1 34 2, 3 12 4; with two 13 24, 31 42.
    """
    covered = counted([[works("12")], [works("34")]], 2)
    assert covered.schedules == [2, 4, 6]
    assert covered.whole == 2


def test_an_end_of_an_operation_is_no_preemption() -> None:
    """If it were, an order of whole operations would be called a schedule with preemptions."""
    covered = counted([[works("1"), works("2")], [works("3"), works("4")]], 0)
    assert covered.schedules == [comb(4, 2)]


def test_a_task_that_waits_is_no_choice() -> None:
    """If a waiting task were run, or the one that holds the lock were not, schedules would be missing.

    Under the lock 12 and 34 never mix; who is stopped inside lets the other come as far as the lock.
    """
    covered = counted([[locked("12")], [locked("34")]], 2)
    assert covered.schedules == [2, 4, 4]


TINY: list[list[Operations]] = [
    [[works("123")], [works("456")]],
    [[works("12"), works("3")], [works("45")], [works("67")]],
    [[locked("12"), works("34")], [locked("56")], [works("7"), locked("8")]],
]


@pytest.mark.parametrize("tasks", TINY)
def test_as_many_schedules_as_without_telling_states_apart(tasks: list[Operations]) -> None:
    """If two states were taken for one, or a branch forgotten, there would be fewer than there are."""
    expected = [every_schedule(lambda: Tiny(tasks), bound) for bound in range(4)]
    assert counted(tasks, 3).schedules == expected
    assert expected == sorted(set(expected))


def test_with_enough_preemptions_all_orders_are_there() -> None:
    """If some could not be reached with any number of preemptions, "all" would be wrong."""
    assert counted([[works("123")], [works("456")]], 4).schedules[-1] == comb(6, 3)


@pytest.mark.parametrize(
    "program",
    [
        CREATES,
        parse("CPU 1: commit; create-bg\nCPU 2: commit; allocate"),
        parse("CPU 1: trim; commit\nCPU 2: trim; create-bg; allocate"),
    ],
    ids=["creation", "nothing-to-commit", "alike-but-for-what-follows"],
)
def test_as_many_schedules_of_a_world(program: Program) -> None:
    """If the state of a world left out how far each task has come, or who is who, some would be missing."""
    expected = [every_schedule(lambda: Run(program, (), set()), bound) for bound in (0, 1)]
    assert exhaust(program, (), 1, limit=LIMIT).covered.schedules == expected


def test_going_round_in_circles_is_told() -> None:
    """If a loop were taken for a state that is known, a livelock would pass."""

    def spins(_: object) -> Steps[None]:
        while True:
            yield "again"

    search: ScheduleSearch[str] = ScheduleSearch(lambda: Tiny([[spins], [works("1")]]), 1, LIMIT)
    with pytest.raises(Livelock):
        search.failure()


def test_two_that_let_each_other_go_on_have_no_end_of_schedules() -> None:
    """If these were counted, the count would never end."""

    def turns(mine: bool) -> Callable[[Shared], Steps[None]]:
        def steps(shared: Shared) -> Steps[None]:
            while True:
                shared.locked = not mine
                yield from shared.sim.wait_event("turn", lambda: shared.locked is mine)

        return steps

    assert counted([[turns(mine=True)], [turns(mine=False)]], 0).schedules == [None]


# What is found


def test_what_one_schedule_alone_shows_is_found_with_its_preemptions() -> None:
    """If a schedule were missing, or the bound counted otherwise, this one could not be told from others."""
    tasks = [[works("135")], [works("246")]]

    def found(bound: int) -> FailingSchedule[str] | None:
        return ScheduleSearch(lambda: Tiny(tasks, lambda log: log == "123456"), bound, LIMIT).failure()

    assert found(3) is None
    failure = found(4)
    assert failure is not None
    assert failure.preemptions == 4
    assert [(move.choice[-1], move.stop) for move in failure.moves] == [
        ("1", 1),
        ("2", 1),
        ("1", 1),
        ("2", 1),
        ("1", None),
        ("2", None),
    ]


@pytest.mark.parametrize(
    ("race", "program", "preemptions"), [(CREATION, CREATES, 0), (RELOCATION, WRITES, 1)]
)
def test_the_seed_races_are_found(race: str, program: Program, preemptions: int) -> None:
    """If they were not, that a fix holds would mean nothing."""
    result = exhaust(program, reverts(race), 3, limit=LIMIT)
    assert result.failing is not None
    assert (result.preemptions, result.covered.whole) == (preemptions, preemptions - 1)
    verdict = run(result.failing, reverts(race))
    assert verdict is not None
    assert verdict.symptom.property == reverts(race)[0].expected
    assert run(result.failing, ()) is None


FEWEST = {
    "678886bdc637": 0,
    "c92f6be34c50": 0,
    "e9894fd3e3b3": 0,
    "f4a9f219411f": 0,
    "18513091af94": 1,
    "2d6cd791e63e": 1,
    "55e3a601c81c-pause": 1,
    "66d204a16c94": 1,
    "67c5e7d464bc": 1,
    "758f2dfcf8a2": 1,
    "d4b450cd4b33": 1,
}
"""How many preemptions a race takes at least, by its trace."""


@pytest.mark.parametrize("name", FEWEST)
def test_the_race_of_a_trace_is_found(name: str) -> None:
    """If its program never failed, dropping the schedule would have dropped the race."""
    trace = load(KNOWN / f"{name}.json")
    result = exhaust(program_of(trace.case), reverts(*trace.reverts), 2, limit=LIMIT)
    assert result.failing is not None
    assert result.preemptions == FEWEST[name] <= preemptions(trace.case.steps)
    verdict = run(result.failing, reverts(*trace.reverts))
    assert verdict is not None
    assert trace.outcome.property in verdict.world.violations
    assert run(result.failing, ()) is None


@cache
def held(program: Program, bound: int) -> Exhausted:
    """What comes of a program with all fixes in."""
    return exhaust(program, (), bound, limit=10**6)


@pytest.mark.parametrize(
    ("program", "bound", "schedules", "states"),
    [
        (CREATES, 3, [4, 60, 762, 6142], {3: 2135}),
        (WRITES, WRITES_BOUND, [5, 1409, 139_882, 8_259_374], {1: 2505, 2: 45_845, 3: 294_711}),
    ],
    ids=["creation", "relocation"],
)
def test_the_seed_programs_hold_with_the_fixes_in(
    program: Program, bound: int, schedules: list[int], states: dict[int, int]
) -> None:
    """If a preemption point were passed over, or a state taken for another, there would be fewer schedules.

    States are told apart by places in bytecode, too: another Python may find some more, or fewer.
    """
    result = held(program, bound)
    assert result.complete
    assert result.covered.schedules == schedules[: bound + 1]
    assert result.covered.states == pytest.approx(states[bound], rel=0.01)


def test_the_readme_shows_what_is_printed() -> None:
    """If it showed other numbers, who tries it would doubt them all."""
    first, _, *schedules = held(CREATES, 3).sentences()
    assert " ".join(f"'{line}'" for line in CREATES.lines()) in README
    assert f"```\n{first}\nsearched: " in README
    assert "states\n" + "\n".join(schedules) + "\n```" in README


def test_a_mount_is_not_stopped() -> None:
    """If it were, what a half-mounted file system shows would be taken for a failure."""
    trace = load(KNOWN / "50d9aa99bd35.json")
    assert exhaust(program_of(trace.case), (), 1, limit=LIMIT).complete
    found = exhaust(program_of(trace.case), reverts(*trace.reverts), 1, limit=LIMIT)
    assert found.failing is not None
    assert [step for step in found.failing.steps if step.task == "mount" and step.until] == []


def test_a_search_that_was_stopped_says_how_far_it_came() -> None:
    """If it said more, schedules that nobody ran would count as run."""
    result = exhaust(CREATES, (), 2, limit=400)
    assert not result.complete
    assert result.covered.whole == 1
    assert "\n".join(result.sentences()).startswith(
        "not complete: no schedule with at most 1 preemption fails"
    )


# The command


def test_the_command_says_what_was_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """If it did not, nobody would know what holds."""
    assert main(["exhaust", *CREATES.lines(), "--preemptions", "1"]) == 0
    out = capsys.readouterr().out
    assert "no schedule with at most 1 preemption fails" in out
    assert "schedules with at most 1 preemption: 60" in out
    assert "Covered is every order" in out


def test_the_command_shows_and_saves_what_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the trace could not be replayed, the schedule would be lost."""
    path = tmp_path / "found.json"
    program = str(KNOWN / f"{RELOCATION}.json")
    options = ["--preemptions", "3", "--revert", RELOCATION, "-o", str(path)]
    assert main(["exhaust", program, *options]) == 1
    out = capsys.readouterr().out
    assert out.count(CONTENTS) > 1
    assert "a schedule with 1 preemption fails\nno schedule with at most 0 preemptions fails\n" in out
    assert main(["replay", str(path)]) == 1
    assert "the outcome is the recorded one" in capsys.readouterr().out


def test_the_command_is_honest_about_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    """If the exit code were 0, an unfinished search would count as complete."""
    assert main(["exhaust", *CREATES.lines(), "--preemptions", "2", "--limit", "20"]) == 3
    out = capsys.readouterr().out
    assert "not complete" in out
    assert "the limit of 20 executions was reached" in out
    assert "Covered" not in out


def test_an_operation_that_never_began_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """If it were passed over in silence, a misspelt number would make a program that holds."""
    assert main(["exhaust", "CPU 1: free file 7", "CPU 2: commit", "--preemptions", "0"]) == 3
    assert (
        "never began, as it made no sense wherever it was tried: CPU 1: free file 7"
        in capsys.readouterr().out
    )
