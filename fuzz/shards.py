"""Running one shard, or the saved failures; what comes back is data."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass

from hypothesis import Phase, seed
from hypothesis.database import ReadOnlyDatabase
from hypothesis.stateful import run_state_machine_as_test

from fuzz.database import NamedDatabase
from fuzz.machine import FoundFailure, Tally, machine_factory
from fuzz.minimise import case_of, minimise
from fuzz.options import Run
from fuzz.report import Reproducer, render


@dataclass(slots=True)
class Outcome:
    """What a shard (or the replay) did and found."""

    tally: Tally
    seconds: float
    reproducer: Reproducer | None = None

    def to_json(self) -> str:
        """For the report that a worker sends."""
        tally = self.tally
        counts = [tally.examples, tally.steps, dict(tally.operations), dict(tally.stops)]
        found = asdict(self.reproducer) if self.reproducer else None
        return json.dumps({"counts": counts, "seconds": self.seconds, "reproducer": found})

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Back from a worker's report."""
        data = json.loads(text)
        examples, steps, operations, stops = data["counts"]
        tally = Tally(examples, steps, Counter(operations), Counter(stops))
        found = data["reproducer"]
        return cls(tally, data["seconds"], Reproducer(**found) if found else None)


def fuzz_shard(run: Run, shard: int) -> Outcome:
    """Generate and shrink; saves what fails."""
    return _execute(run, run.shard_seed(shard), (Phase.generate, Phase.shrink), run.database)


def replay(run: Run) -> Outcome:
    """Run what is saved, and nothing else; nothing is deleted, even if it passes."""
    return _execute(run, 0, (Phase.reuse,), NamedDatabase(ReadOnlyDatabase(run.database)))


def _execute(run: Run, shard_seed: int, phases: tuple[Phase, ...], database: NamedDatabase) -> Outcome:
    tally, started = Tally(), time.perf_counter()
    factory = seed(shard_seed)(machine_factory(run.reverts, tally))
    reproducer = None
    try:
        run_state_machine_as_test(factory, settings=run.settings(phases, database))
    except FoundFailure as failure:
        verdict = minimise(failure.case, run.reverts)
        reproducer = render(case_of(verdict), run.reverts)
    return Outcome(tally, time.perf_counter() - started, reproducer)
