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
from fuzz.minimise import Minimiser, case_of, size
from fuzz.options import Run, Shrink
from fuzz.random_cases import symptom_of
from fuzz.report import Reproducer, as_found
from fuzz.tally import Tally


@dataclass(slots=True)
class Outcome:
    """What a shard (or the replay) did and found.  ``failed`` counts cases: a shard ends with its first."""

    tally: Tally
    seconds: float
    reproducer: Reproducer | None = None
    failed: int = 0

    def merge(self, other: Outcome) -> None:
        """Add what another search did after this one; what that found is not taken over."""
        self.tally.merge(other.tally)
        self.seconds += other.seconds
        self.failed += other.failed

    def to_json(self) -> str:
        """For the report that a worker sends."""
        found = asdict(self.reproducer) if self.reproducer else None
        told = {"tally": self.tally.as_data(), "seconds": self.seconds, "reproducer": found}
        return json.dumps({**told, "failed": self.failed})

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Back from a worker's report."""
        data = json.loads(text)
        found = data["reproducer"]
        reproducer = Reproducer.from_data(found) if found else None
        return cls(Tally.from_data(data["tally"]), data["seconds"], reproducer, data.get("failed", 0))


def machine_of(shard: int) -> type[BlockGroupMachine]:
    """The machine of a shard: the machines take turns."""
    return TURNS[shard % len(TURNS)]


def seed_of(run: Run, shard: int) -> int:
    """The seed of a shard, from the number of earlier shards of its machine."""
    rounds, turn = divmod(shard, len(TURNS))
    machine = TURNS[turn]
    return run.search_seed(machine.__name__, rounds * machine.turns + TURNS[:turn].count(machine))


def fuzz_shard(run: Run, shard: int) -> Outcome:
    """Generate cases up to the first that fails; that is saved, and made shorter (not yet as short as can be:
    :func:`fuzz.shortest.finished`)."""
    phases = (Phase.generate, Phase.shrink) if run.shrink is Shrink.BOTH else (Phase.generate,)
    machine, started = machine_of(shard), time.perf_counter()
    tally, failure = _search(run, machine, seed_of(run, shard), phases, run.database.of(machine.__name__))
    reproducer = None if failure is None else _reproducer(run, failure)
    return Outcome(tally, time.perf_counter() - started, reproducer, failed=int(failure is not None))


def replay(run: Run) -> list[Outcome]:
    """Run each failure that is saved, and nothing else; nothing is deleted, even if it passes.

    The first outcome counts them all; there is one for every property that a user would notice, with the
    least of the cases that break it made shorter.
    """
    total, started, least = Outcome(Tally(), 0.0), time.perf_counter(), dict[str, FoundFailure]()
    for machine in MACHINES:
        saved = run.database.of(machine.__name__)
        for value in saved.saved():
            tally, failure = _search(run, machine, 0, (Phase.reuse,), saved.alone(value))
            total.tally.merge(tally)
            if failure is not None:
                total.failed += 1
                name = symptom_of(failure, run.reverts)
                least[name] = min(least.get(name, failure), failure, key=lambda failure: size(failure.case))
    found = [Outcome(Tally(), 0.0, _reproducer(run, failure)) for failure in least.values()]
    total.seconds = time.perf_counter() - started
    return [total, *found]


def _search(
    run: Run,
    machine: type[BlockGroupMachine],
    number: int,
    phases: tuple[Phase, ...],
    database: NamedDatabase,
) -> tuple[Tally, FoundFailure | None]:
    """What Hypothesis does with a machine, and how that ended; ``number`` is its seed."""
    tally = Tally()
    factory = seed(number)(machine_factory(machine, run.reverts, tally))
    try:
        run_state_machine_as_test(factory, settings=run.settings(phases, database))
    except FoundFailure as failure:
        return tally, failure
    return tally, None


def _reproducer(run: Run, failure: FoundFailure) -> Reproducer:
    if run.shrink is Shrink.NONE:
        return as_found(failure.case, failure.violation, run.reverts)
    shorter = Minimiser(run.reverts, thorough=False).minimise(failure.case)
    return as_found(case_of(shorter), shorter.symptom, run.reverts)
