"""Searches on the live kernel, each in a child process, so that its namespace and its tasks end with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from hypothesis import Phase

from fuzz.database import NamedDatabase
from fuzz.options import Run, Shrink, make_run
from fuzz.shards import Outcome
from fuzz.targets import KERNEL
from fuzz.targets.kernel.child import ask_child
from fuzz.targets.kernel.control import GATE
from fuzz.targets.kernel.machine import KernelMachine, kernel_machines
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.report import render
from fuzz.targets.searching import replayed, search


@dataclass(frozen=True, slots=True)
class Order:
    """The search ``shard`` of a run, or with -1 to replay what is saved.  ``gate`` is the gate's program."""

    shard: int
    profile: str
    sizes: dict[str, int | None]
    seed: int
    places: tuple[str, ...]
    shrink: str
    gate: tuple[str, ...] = GATE

    @classmethod
    def of(cls, run: Run, shard: int) -> Order:
        """The order for a part of a run."""
        profile = run.profile
        sizes = {"shards": profile.shards, "examples": profile.examples, "steps": profile.steps}
        changed = {} if run.replay_only else sizes
        return cls(shard, run.profile_name, dict(changed), run.seed, run.places, run.shrink.value)

    def run(self) -> Run:
        """The run that it is a part of."""
        return make_run(
            self.profile, self.sizes, self.seed, (), self.places, shrink=Shrink(self.shrink), target=KERNEL
        )


def kernel_shard(run: Run, shard: int) -> Outcome:
    """Generate and shrink, in a child; what fails is saved.  Raises ChildError."""
    (outcome,) = in_child(Order.of(run, shard), run.profile.examples)
    return outcome


def kernel_replay(run: Run) -> list[Outcome]:
    """Run each failure that is saved, in a child; as :func:`fuzz.shards.replay`.  Raises ChildError."""
    return in_child(Order.of(run, -1), len(run.database.saved()))


def in_child(order: Order, cases: int) -> list[Outcome]:
    """Have a child do it.  Raises ChildError."""
    return [Outcome.from_json(text) for text in json.loads(ask_child("search", asdict(order), cases))]


def execute(order: Order) -> list[Outcome]:
    """In the child: do it."""
    run = order.run()
    machinery = Machinery(order.gate)
    try:
        if order.shard >= 0:
            number, turn = divmod(order.shard, len(kernel_machines()))
            machine = kernel_machines()[turn]
            phases = (Phase.generate, Phase.shrink) if run.shrink is not Shrink.NONE else (Phase.generate,)
            database, seed_of_it = (
                run.database.of(machine.__name__),
                run.search_seed(machine.__name__, number),
            )
            return [_search(run, machinery, machine, seed_of_it, phases, database)]
        return _replay(run, machinery)
    finally:
        machinery.close()


def _replay(run: Run, machinery: Machinery) -> list[Outcome]:
    def again(machine: type[KernelMachine], database: NamedDatabase) -> Outcome:
        return _search(run, machinery, machine, 0, (Phase.reuse,), database)

    return replayed(run, kernel_machines(), again)


def _search(
    run: Run,
    machinery: Machinery,
    machine: type[KernelMachine],
    number: int,
    phases: Sequence[Phase],
    database: NamedDatabase,
) -> Outcome:
    """What Hypothesis does with a machine, and how that ended; ``number`` is its seed."""
    return search(run, partial(machine, machinery), number, phases, database, render)
