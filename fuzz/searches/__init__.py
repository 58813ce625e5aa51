"""Searches: ways to draw cases, to be measured against each other.

A search of a race is a sequence of cases; which one comes next may depend on those before.  All draw the same
file systems, and cases are equally long in all of them: :data:`fuzz.random_cases.STEPS` choices, or as many
operations as these begin.

Where a search is *of the subject*, it is told which operations race: it has the machine with the fewest
operations among which those of the race are.  The others are not told.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fuzz.machine import BlockGroupMachine, FoundFailure
from fuzz.machines import TURNS, Everything
from fuzz.random_cases import STEPS, machines_for, play, random_geometry, run_machine
from fuzz.searches.aimed import Aimed, aims_among
from fuzz.searches.scheduled import Round
from fuzz.searches.uniform import uniform_choices
from fuzz.tally import Tally
from models.reverts import Revert
from strategies.operations import COMMON, Drawn, drawn
from strategies.schedules import STRATEGIES, RandomWalk, Strategy

OPERATIONS = 30
"""Operations of a case whose schedule a strategy decides: as many as 50 drawn choices begin (21 to 34)."""
ROUND = 6
"""Operations of one schedule."""

Cases = Callable[[str], FoundFailure | None]
"""Runs the next case, from a seed of its own; returns its failure, or None."""
KindFor = Callable[[Revert], type[BlockGroupMachine]]
"""Returns the machine to take for a race."""


@dataclass(frozen=True, slots=True)
class Search:
    """A way to draw cases; ``start`` begins one of a race, ``told`` says what it is."""

    name: str
    told: str
    start: Callable[[Revert], Cases]


def machines_in_turn(revert: Revert) -> Cases:
    """The machines as ``pytest fuzz/`` has them, case by case another one."""
    turn = 0

    def case(seed: str) -> FoundFailure | None:
        nonlocal turn
        kind = TURNS[turn % len(TURNS)]
        turn += 1
        return run_machine(seed, STEPS, (revert,), kind=kind)[1]

    return case


def subject(revert: Revert) -> type[BlockGroupMachine]:
    """The machine with the fewest operations among those that have all of the race."""
    return machines_for(revert)[0]


def machine_of_subject(revert: Revert) -> Cases:
    """Only that machine."""
    return lambda seed: run_machine(seed, STEPS, (revert,), kind=subject(revert))[1]


def fresh(
    kind: type[BlockGroupMachine], revert: Revert, seed: str
) -> tuple[random.Random, BlockGroupMachine]:
    """Where a case's choices come from, and its machine on a file system out of that."""
    source = random.Random(seed)  # noqa: S311 - equal seeds, equal cases
    machine = kind((revert,), Tally())
    machine.mkfs(random_geometry(source))
    return source, machine


def aimed_at_subject(revert: Revert) -> Cases:
    """Only that machine, each case at one of the interleavings of what races."""
    kind, aims = subject(revert), aims_among(revert.operations)

    def case(seed: str) -> FoundFailure | None:
        source, machine = fresh(kind, revert, seed)
        picks = Aimed(source, machine, source.choice(aims)).picks(STEPS)
        return play(machine, (pick.of(kind) for pick in picks))

    return case


def uniform(kind_for: KindFor, revert: Revert) -> Cases:
    """A machine's operations, drawn by :mod:`fuzz.searches.uniform`."""

    def case(seed: str) -> FoundFailure | None:
        source, machine = fresh(kind_for(revert), revert, seed)
        return play(machine, uniform_choices(source, machine, STEPS))

    return case


def scheduled(strategy: type[Strategy], kind_for: KindFor, revert: Revert) -> Cases:
    """A machine's operations; a strategy, which learns from case to case, decides which task goes on."""
    kind, one = kind_for(revert), strategy()

    def case(seed: str) -> FoundFailure | None:
        source, machine = fresh(kind, revert, seed)
        operations = [_operation(source, kind) for _ in range(OPERATIONS)]
        try:
            try:
                for first in range(0, OPERATIONS, ROUND):
                    pick = one.schedule(source.randrange)
                    this = Round(machine, operations[first : first + ROUND], pick)
                    this.run()
                    one.learn(this.done)
            finally:
                machine.teardown()
        except FoundFailure as failure:
            return failure
        return None

    return case


def _operation(source: random.Random, kind: type[BlockGroupMachine]) -> Drawn:
    """One of the machine's operations, as it draws them."""
    common = [one for one in kind.operations if one not in kind.seldom]
    return source.choice(drawn(source.choice(common * (COMMON if kind.seldom else 1) + list(kind.seldom))))


UNIFORM = "uniform"
"""The search that the others are measured against."""
DEFAULT = "default"
"""The search that draws as ``pytest fuzz/`` does."""
SUBJECT = "subject"
"""The search that has the machine of the subject only."""
_EVEN = "operations, arguments and stops, the end among them, all equally likely"
_ROUNDS = f"{OPERATIONS} operations, {ROUND} to a schedule"
SEARCHES: tuple[Search, ...] = (
    Search(
        UNIFORM,
        f"the baseline: every operation there is; {_EVEN}",
        partial(uniform, lambda _: Everything),
    ),
    Search(
        "walk",
        "uniform random walk: every operation there is; at each preemption point each task that can go on is "
        f"equally likely, and so is the start of the next operation; {_ROUNDS}",
        partial(scheduled, RandomWalk, lambda _: Everything),
    ),
    Search(DEFAULT, "the machines of `pytest fuzz/`, case by case in turn", machines_in_turn),
    Search("subject-uniform", f"the operations of the subject's machine; {_EVEN}", partial(uniform, subject)),
    Search(SUBJECT, "the subject's machine, as `pytest fuzz/` has it", machine_of_subject),
    Search(
        "aimed",
        "the subject's machine; each case aims at one of the interleavings of the operations that race: one "
        "is stopped at one of its points, and another begun then (`hunt --aim`)",
        aimed_at_subject,
    ),
    *(
        Search(
            strategy.name,
            f"the operations of the subject's machine; {strategy.name} (`strategies/schedules/`) decides who "
            f"goes on; {_ROUNDS}",
            partial(scheduled, strategy, subject),
        )
        for strategy in STRATEGIES
    ),
)
