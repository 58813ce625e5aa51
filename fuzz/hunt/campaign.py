"""What decides the cases of a hunt, and walking a range of them."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from functools import cached_property

from fuzz.machine import BlockGroupMachine
from fuzz.machines import MACHINES, TURNS
from fuzz.random_cases import run_machine, symptom_of
from fuzz.tally import Tally
from models.reverts import Revert, find_reverts

_KINDS = {machine.__name__: machine for machine in MACHINES}


def machine_names() -> list[str]:
    """The machines that there are, in the order in which they take turns."""
    return list(_KINDS)


@dataclass(frozen=True)
class Campaign:
    """Case ``number`` of a campaign is the same case always, whoever runs it and when.

    ``steps`` are choices of a case; ``taken_out`` are ids of fixes; ``machines`` are names, and take turns,
    as many each as in a run of pytest.
    """

    seed: int
    steps: int
    taken_out: tuple[str, ...]
    machines: tuple[str, ...]

    @cached_property
    def reverts(self) -> tuple[Revert, ...]:
        """The fixes that are out."""
        return find_reverts(self.taken_out)

    @cached_property
    def kinds(self) -> list[type[BlockGroupMachine]]:
        """The machines themselves."""
        return [_KINDS[name] for name in self.machines]

    @cached_property
    def turns(self) -> list[type[BlockGroupMachine]]:
        """A round of them."""
        return [machine for machine in TURNS if machine in self.kinds]

    def kind(self, number: int) -> type[BlockGroupMachine]:
        """The machine whose turn it is."""
        return self.turns[number % len(self.turns)]

    def case_seed(self, number: int) -> str:
        """Where the case's choices come from."""
        return f"{self.seed}/{number}"


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
        kind, seed = campaign.kind(number), campaign.case_seed(number)
        try:
            _, found = run_machine(seed, campaign.steps, campaign.reverts, kind=kind, tally=batch.tally)
            if found is not None:
                name = symptom_of(found, campaign.reverts)
                batch.failures.append(Failure(number, kind.__name__, name))
        except Exception:  # noqa: BLE001 - told with its traceback; the other cases are worth running
            batch.mistakes.append(Mistake(number, kind.__name__, traceback.format_exc()))
    return batch
