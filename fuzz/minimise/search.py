"""Going downhill from a failing case, and looking everywhere once there is no way down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from fuzz.case import Case, Verdict, run
from fuzz.minimise.candidates import renamed, smaller, smaller_by_two
from fuzz.minimise.everywhere import Everywhere
from fuzz.minimise.leaps import exchanged, leaps
from fuzz.minimise.size import size
from models.reverts import Revert

MAX_RUNS = 40_000
"""Runs after which the best case so far is taken, minimal or not."""


def minimise(case: Case, reverts: Sequence[Revert], symptom: str = "") -> Verdict:
    """The verdict on the smallest case found; ``verdict.world`` has its program and story.

    ``symptom`` is the property that has to stay broken: what a user would notice, if nothing is said.

    Raises ValueError if the case does not fail.
    """
    return Minimiser(reverts, symptom).minimise(case)


def case_of(verdict: Verdict) -> Case:
    """The case that a verdict is about, without the steps that did nothing."""
    return Case(verdict.world.geometry, tuple(verdict.world.program))


@dataclass(slots=True)
class Minimiser:
    """Makes one case less and less.  ``runs`` says how many cases it ran.

    ``thorough``: where there is no way down any more, look everywhere.  That is most of the work.
    """

    reverts: Sequence[Revert]
    symptom: str = ""
    thorough: bool = True
    tried: set[Case] = field(default_factory=set)
    searched: int = 0

    @property
    def runs(self) -> int:
        """How many cases were run so far."""
        return len(self.tried) + self.searched

    def minimise(self, case: Case) -> Verdict:
        """The verdict on the smallest case found.  Raises ValueError if the case does not fail."""
        best = run(case, self.reverts)
        if best is None:
            raise ValueError("the case does not fail")
        self.symptom = self.symptom or best.symptom.property
        everywhere = Everywhere(self.reverts, self.symptom)
        least: Verdict | None = best
        while least is not None and self.runs < MAX_RUNS:
            best = self._downhill(least)
            searches = everywhere.failing(case_of(best)) if self.thorough else ()
            found = (self._least(map(_with_plain_names, search), best) for search in searches)
            least = next((verdict for verdict in found if verdict is not None), None)
            self.searched = everywhere.covered.executions
        return least or best

    def _downhill(self, best: Verdict) -> Verdict:
        """One change after the other, each the first that makes the case less, until there is none; then
        several at once, and at last tasks in each other's place."""
        better: Verdict | None = best
        while better is not None and self.runs < MAX_RUNS:
            best = better
            case = case_of(best)
            changed = chain(smaller(case), leaps(case), smaller_by_two(case), exchanged(case))
            better = next(self._that_fail(changed, best), None)
        return best

    def _least(self, cases: Iterable[Case], than: Verdict) -> Verdict | None:
        found = list(self._that_fail(cases, than))
        return min(found, key=lambda verdict: size(case_of(verdict)), default=None)

    def _that_fail(self, cases: Iterable[Case], than: Verdict) -> Iterator[Verdict]:
        """The verdicts on those of the cases that are less and show the same; there is an end to patience."""
        least = size(case_of(than))
        for case in cases:
            if case in self.tried or size(case) >= least:
                continue
            if self.runs >= MAX_RUNS:
                return
            self.tried.add(case)
            verdict = run(case, self.reverts)
            if verdict is not None and self.symptom in verdict.world.violations:
                yield verdict  # on the case, or on less where steps of it did nothing


def _with_plain_names(case: Case) -> Case:
    return replace(case, steps=renamed(case.steps))
