"""Cases to the first failure: every search on every race.

As the field measures it: independent trials, each in a process of its own and with a seed of its own, the
uniform baseline in the same run, trials that found nothing kept (censored).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from fuzz.searches import SEARCHES
from models.reverts import Revert, find_reverts

CASES = 1_000
"""Cases of a trial at most."""
BY_NAME = {search.name: search for search in SEARCHES}


class Trial(NamedTuple):
    """One search of one race: names, so that they can be told to another process."""

    race: str
    search: str
    number: int
    limit: int = CASES

    @property
    def seed(self) -> str:
        """What its choices depend on: with another limit it is the same search, cut off elsewhere."""
        return f"{self.race} {self.search} {self.number}"

    @property
    def key(self) -> str:
        """Its name in the log."""
        return f"{self.seed} of {self.limit}"


@dataclass(frozen=True, slots=True)
class Result:
    """``cases`` were run, the failing one included; it broke the property ``broken``, empty if none failed.

    In ``mistakes`` of them the model itself failed, not the file system in it; ``seconds`` of the processor
    were used.
    """

    cases: int
    broken: str
    mistakes: int
    seconds: float

    @property
    def found(self) -> bool:
        """Whether a case failed."""
        return bool(self.broken)

    def as_data(self) -> dict[str, object]:
        """For the log."""
        return asdict(self)


Results = Mapping[tuple[str, str], Sequence[Result]]
"""The trials of a race, by its id, and of a search, by its name."""


def trials(reverts: Iterable[Revert], searches: Iterable[str], count: int, limit: int) -> list[Trial]:
    """The first of each race and search, then the second of each: what is done of them can be compared."""
    names = list(searches)
    return [
        Trial(revert.id, name, number, limit)
        for number in range(count)
        for revert in reverts
        for name in names
    ]


def try_search(trial: Trial) -> Result:
    """Run cases until one fails, at most as many as the trial may have."""
    (revert,) = find_reverts([trial.race])
    case = BY_NAME[trial.search].start(revert)
    mistakes, started = 0, time.process_time()
    for number in range(trial.limit):
        try:
            failure = case(f"{trial.seed}/{number}")
        except Exception:  # noqa: BLE001 - a mistake of the model: counted, and no finding
            mistakes += 1
            continue
        if failure is not None:
            return Result(number + 1, failure.violation.property, mistakes, time.process_time() - started)
    return Result(trial.limit, "", mistakes, time.process_time() - started)
