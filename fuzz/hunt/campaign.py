"""What decides the cases of a hunt, and walking a range of them."""

from __future__ import annotations

import random
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from fuzz.machine import BlockGroupMachine, FoundFailure
from fuzz.machines import MACHINES, TURNS
from fuzz.random_cases import Mkfs, Pick, machines_with, play, random_mkfs, random_pick, symptom_of
from fuzz.searches.aimed import Aim, Aimed, aim_of
from fuzz.tally import Tally
from models.reverts import Revert, find_reverts
from strategies.operations import Drawn, Resumed

_KINDS = {machine.__name__: machine for machine in MACHINES}


def machine_names() -> list[str]:
    """The machines that there are, in the order in which they take turns."""
    return list(_KINDS)


class Walked(NamedTuple):
    """A case that was run: its file system, what was chosen, and how it failed."""

    mkfs: Mkfs
    picks: list[Pick]
    found: FoundFailure | None


@dataclass(frozen=True)
class Campaign:
    """Case ``number`` of a campaign is always the same case, in whatever process and whenever it runs.

    ``steps`` are choices of a case; ``taken_out`` are ids of fixes; ``machines`` are names, and take turns,
    as many each as in a run of pytest.  ``aims`` are names of interleavings, tried in turn: with any, the
    machines of a case are those that draw both of its operations.
    """

    seed: int
    steps: int
    taken_out: tuple[str, ...]
    machines: tuple[str, ...]
    aims: tuple[str, ...] = ()

    @cached_property
    def reverts(self) -> tuple[Revert, ...]:
        """The fixes that are out."""
        return find_reverts(self.taken_out)

    @cached_property
    def kinds(self) -> list[type[BlockGroupMachine]]:
        """The classes of the machines."""
        return [_KINDS[name] for name in self.machines]

    @cached_property
    def turns(self) -> list[type[BlockGroupMachine]]:
        """The machines of one round, in the order in which they take turns."""
        return [machine for machine in TURNS if machine in self.kinds]

    @cached_property
    def _in_turn(self) -> list[tuple[Aim, list[type[BlockGroupMachine]]]]:
        """What it aims at, in the order of its seed, and the machines that draw both operations."""
        aims = [(aim, machines_with(aim.operations, self.kinds)) for aim in map(aim_of, self.aims)]
        random.Random(self.seed).shuffle(aims)  # noqa: S311 - equal seeds, equal cases
        return aims

    def check(self) -> None:
        """Raises ValueError where there is something to aim at that no machine draws."""
        for aim, able in self._in_turn:
            if not able:
                raise ValueError(f"no machine draws both operations of {aim}")

    def aim(self, number: int) -> Aim | None:
        """What a case aims at."""
        return self._in_turn[number % len(self.aims)][0] if self.aims else None

    def kind(self, number: int) -> type[BlockGroupMachine]:
        """The machine whose turn it is."""
        if not self.aims:
            return self.turns[number % len(self.turns)]
        turn, place = divmod(number, len(self.aims))
        able = self._in_turn[place][1]
        return able[turn % len(able)]

    def run(self, number: int, tally: Tally) -> Walked:
        """Run a case to its end, and count it."""
        source = random.Random(f"{self.seed}/{number}")  # noqa: S311 - equal seeds, equal cases
        mkfs, picks = random_mkfs(source), list[Pick]()
        machine = self.kind(number)(self.reverts, tally)
        machine.mkfs(mkfs.geometry)

        def choices() -> Iterator[Drawn | Resumed]:
            for pick in self._picks(number, source, machine):
                picks.append(pick)
                yield pick.of(type(machine))

        return Walked(mkfs, picks, play(machine, choices()))

    def _picks(self, number: int, source: random.Random, machine: BlockGroupMachine) -> Iterator[Pick]:
        aim = self.aim(number)
        if aim is None:
            yield from (random_pick(source, type(machine)) for _ in range(self.steps))
        else:
            yield from Aimed(source, machine, aim).picks(self.steps)


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that fails: ``property`` is what a user would notice.  Its number says all else."""

    number: int
    machine: str
    property: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A case in which the model itself failed, not the file system in it: ``text`` is the traceback."""

    number: int
    machine: str
    text: str


@dataclass(slots=True)
class Batch:
    """What came of the cases from ``first`` on."""

    first: int
    tally: Tally = field(default_factory=Tally)
    failures: list[Failure] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


def walk(campaign: Campaign, numbers: range) -> Batch:
    """Run these cases."""
    batch = Batch(numbers.start)
    for number in numbers:
        machine = campaign.kind(number).__name__
        try:
            found = campaign.run(number, batch.tally).found
            if found is not None:
                batch.failures.append(Failure(number, machine, symptom_of(found, campaign.reverts)))
        except Exception:  # noqa: BLE001 - told with its traceback; the other cases are worth running
            batch.mistakes.append(Mistake(number, machine, traceback.format_exc()))
    return batch
