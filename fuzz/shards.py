"""Running one shard, or the saved failures; what comes back is data."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

from hypothesis import Phase, seed
from hypothesis.stateful import run_state_machine_as_test

from fuzz.database import NamedDatabase
from fuzz.machine import BlockGroupMachine, FoundFailure
from fuzz.machines import MACHINES, TURNS, machine_factory
from fuzz.minimise import case_of, minimise
from fuzz.options import Run, Shrink
from fuzz.report import Reproducer, as_found, render
from fuzz.tally import Tally


@dataclass(slots=True)
class Outcome:
    """What a shard (or the replay) did and found."""

    tally: Tally
    seconds: float
    reproducer: Reproducer | None = None

    def merge(self, other: Outcome) -> None:
        """Add what another search did after this one; of what they found the first counts."""
        self.tally.merge(other.tally)
        self.seconds += other.seconds
        self.reproducer = self.reproducer or other.reproducer

    def to_json(self) -> str:
        """For the report that a worker sends."""
        found = asdict(self.reproducer) if self.reproducer else None
        return json.dumps({"tally": self.tally.as_data(), "seconds": self.seconds, "reproducer": found})

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Back from a worker's report."""
        data = json.loads(text)
        found = data["reproducer"]
        reproducer = Reproducer.from_data(found) if found else None
        return cls(Tally.from_data(data["tally"]), data["seconds"], reproducer)


def machine_of(shard: int) -> type[BlockGroupMachine]:
    """The shards take turns."""
    return TURNS[shard % len(TURNS)]


def fuzz_shard(run: Run, shard: int) -> Outcome:
    """Generate and shrink; saves what fails."""
    phases = (Phase.generate, Phase.shrink) if run.shrink is Shrink.BOTH else (Phase.generate,)
    machine = machine_of(shard)
    return _execute(run, machine, run.shard_seed(shard), phases, run.database.of(machine.__name__))


def replay(run: Run) -> Outcome:
    """Run what is saved, and nothing else; nothing is deleted, even if it passes."""
    total = Outcome(Tally(), 0.0)
    for machine in MACHINES:
        saved = run.database.of(machine.__name__)
        if saved.saved():
            total.merge(_execute(run, machine, 0, (Phase.reuse,), saved.read_only()))
    return total


def _execute(
    run: Run,
    machine: type[BlockGroupMachine],
    shard_seed: int,
    phases: tuple[Phase, ...],
    database: NamedDatabase,
) -> Outcome:
    tally, started = Tally(), time.perf_counter()
    factory = seed(shard_seed)(machine_factory(machine, run.reverts, tally))
    reproducer = None
    try:
        run_state_machine_as_test(factory, settings=run.settings(phases, database))
    except FoundFailure as failure:
        if run.shrink is not Shrink.NONE:
            verdict = minimise(failure.case, run.reverts)
            reproducer = render(case_of(verdict), run.reverts)
        else:
            reproducer = as_found(failure.case, failure.violation, run.reverts)
    return Outcome(tally, time.perf_counter() - started, reproducer)
