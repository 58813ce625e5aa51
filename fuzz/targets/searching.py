"""Searches on a real kernel: what Hypothesis does with a machine, and the replay of what is saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from hypothesis import Phase, seed
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from fuzz.database import NamedDatabase
from fuzz.options import Run
from fuzz.report import Reproducer
from fuzz.shards import Outcome
from fuzz.tally import Tally
from fuzz.targets import TargetUnavailable
from fuzz.targets.machines import Found, RealFailure, SearchEndedError

K = TypeVar("K")
EACH_TIME = "it failed each time that it was run"
NOT_EACH_TIME = "run again it did not fail each time: the kernel chose another order"

NOT_AGAIN = "it could not be run again"

Told = Callable[[RealFailure, str], Reproducer]
"""Makes a report of a failure, and of how it came again."""


def search(
    run: Run,
    new_machine: Callable[[Tally, Found], Any],
    number: int,
    phases: Sequence[Phase],
    database: NamedDatabase,
    tell: Told,
) -> Outcome:
    """What Hypothesis does with a machine, and how that ended; ``number`` is its seed.

    Raises TargetUnavailable where what runs the cases fails, and nothing is found.
    """
    tally, found, started = Tally(), Found(), time.perf_counter()

    factory: Any = seed(number)(lambda: new_machine(tally, found))
    reproducer: Reproducer | None = None
    try:
        run_state_machine_as_test(factory, settings=run.settings(phases, database))
    except RealFailure as failure:
        reproducer = tell(failure, EACH_TIME)
    except (Flaky, SearchEndedError):
        if not found and not found.ended:
            raise
        if not found:
            raise TargetUnavailable(f"the search could not go on: {found.ended}") from None
        how = f"{NOT_AGAIN}: {found.ended}" if found.ended else NOT_EACH_TIME
        reproducer = tell(min(found, key=lambda failure: len(failure.case.steps)), how)
    return Outcome(tally, time.perf_counter() - started, reproducer, failed=int(reproducer is not None))


def replayed(
    run: Run, machines: Iterable[type[K]], again: Callable[[type[K], NamedDatabase], Outcome]
) -> list[Outcome]:
    """Run each failure that is saved; as :func:`fuzz.shards.replay`."""
    total, least = Outcome(Tally(), 0.0), dict[str, Reproducer]()
    for machine in machines:
        saved = run.database.of(machine.__name__)
        for value in saved.saved():
            outcome = again(machine, saved.alone(value))
            if outcome.reproducer is not None:
                name = outcome.reproducer.property
                least[name] = min(least.get(name, outcome.reproducer), outcome.reproducer)
            total.merge(outcome)
    return [total, *(Outcome(Tally(), 0.0, reproducer) for reproducer in least.values())]
