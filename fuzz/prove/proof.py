"""Whether a shorter program fails: a search of all of them, and what may be said after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fuzz.case import Case
from fuzz.progress import ignore
from fuzz.prove.search import FailingProgram, LimitReached, ProgramsCovered, ProgramSearch
from models.reverts import Revert

COVERAGE = """\
Covered is every program on the trace's file system of that many steps and preemptions together:
- every operation with every argument that exists there: files, block groups, ranges of blocks in a file,
  bios in flight, faults, which unflushed block writes a power cut keeps; new files of the sizes drawn;
- every preemption point that the operation names and comes to, also when it goes on;
- every task that could take a step, up to renaming: the order of the tasks' names counts where it decides
  who goes on first in the end; a bio completes on the lowest idle worker;
- after each program its end, as of every case: tasks go on, bios complete, handles end, a commit, a power
  cut and a mount, with all properties checked.
Of programs that lead to one state only the first is continued."""
"""What a proof is about, and what it rests on."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a search came to.

    ``bound`` is the greatest cost that is less than the trace's; ``complete`` whether everything up to it
    was run.  ``shorter`` breaks the same property, ``other`` another one; both are the cheapest there are.
    """

    symptom: str
    bound: int
    covered: ProgramsCovered
    complete: bool
    shorter: FailingProgram | None = None
    other: FailingProgram | None = None

    def sentences(self) -> Iterator[str]:
        """The result, a sentence a line."""
        counts = f"{self.covered.executions} executions, {self.covered.states} states"
        if self.shorter is not None:
            yield f"a shorter trace breaks {self.symptom}: {self.shorter.cost} steps and preemptions"
        elif self.complete:
            yield f"no shorter trace breaks {self.symptom}"
        else:
            yield f"not completed: no trace of at most {self.covered.whole} steps and preemptions breaks it"
        if self.other is not None:
            yield f"a shorter trace breaks {self.other.broken[0]}"
        elif self.complete and self.shorter is None:
            yield "no shorter trace breaks any property"
        yield f"searched: all of at most {self.covered.whole} of {self.bound} ({counts})"


def prove(
    case: Case,
    cost: int,
    reverts: Sequence[Revert],
    symptom: str,
    *,
    limit: int,
    tick: Callable[[ProgramsCovered], object] = ignore,
) -> Proof:
    """Run every program that costs less than ``cost``, until one breaks ``symptom``.

    ``limit`` is how many executions there may be; ``tick`` is called before each.
    """
    covered, other = ProgramsCovered(), None
    search = ProgramSearch(case.geometry, reverts, cost - 1, limit, covered=covered, tick=tick)
    try:
        for found in search.failures():
            if symptom in found.broken:
                return Proof(symptom, cost - 1, covered, complete=False, shorter=found, other=other)
            other = other or found
    except LimitReached:
        return Proof(symptom, cost - 1, covered, complete=False, other=other)
    return Proof(symptom, cost - 1, covered, complete=True, other=other)
