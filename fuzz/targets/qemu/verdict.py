"""What several runs of a script say together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from fuzz.targets.qemu.errors import QemuError
from fuzz.targets.qemu.play import Run, play
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.script import Part, Script

WITH_FIX, WITHOUT_FIX = "with the fix as shipped", "with the fix switched off"
GOOD, BAD = "the outcome is good", "the historical failure"


@dataclass(frozen=True, slots=True)
class Judged:
    """A run, and what is not as it must be.  ``run`` is None if it did not end."""

    fixed: bool
    run: Run | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All runs of a script.  The race is confirmed if none has a fault, with the fix and without."""

    script: Script
    judged: tuple[Judged, ...]

    @property
    def confirmed(self) -> bool:
        """Whether no run has a fault, and there are runs with the fix and without."""
        return all(not judged.faults for judged in self.judged) and {
            judged.fixed for judged in self.judged
        } == {True, False}

    def lines(self) -> Iterator[str]:
        """The verdict as lines of text."""
        for fixed in (True, False):
            mine = [judged for judged in self.judged if judged.fixed is fixed]
            yield from self._half(fixed, mine)
        yield "confirmed" if self.confirmed else "not confirmed"

    def _half(self, fixed: bool, mine: Sequence[Judged]) -> Iterator[str]:
        good = [judged.run for judged in mine if judged.run and not judged.faults]
        head = f"{WITH_FIX}: {GOOD}" if fixed else f"{WITHOUT_FIX}: {BAD}"
        seconds = f", {median(run.seconds for run in good):.1f} s each" if good else ""
        yield f"{head}, {len(good)} of {len(mine)}{seconds}"
        if good:
            yield from (f"    a task waits in {function}" for function in good[0].waited)
            for observation, observed in zip(self.script.observations, good[0].observed, strict=True):
                yield f"    {observation.name}: {observed or 'nothing'}"
        for number, judged in enumerate(mine, start=1):
            yield from (f"    run {number}: {fault}" for fault in judged.faults)

    def as_data(self) -> list[dict[str, object]]:
        """Every run, as data for JSON."""
        return [
            {
                "fix": "as shipped" if judged.fixed else "switched off",
                "faults": list(judged.faults),
                **(self._run_data(judged.run) if judged.run else {}),
            }
            for judged in self.judged
        ]

    def _run_data(self, run: Run) -> dict[str, object]:
        names = [observation.name for observation in self.script.observations]
        return {
            "window": run.window,
            "switched": run.switched,
            "waited": list(run.waited),
            "observed": dict(zip(names, run.observed, strict=True)),
            "seconds": round(run.seconds, 2),
        }


def judge(
    saved: Saved, script: Script, parts: Sequence[Part], times: int, told: Callable[[Judged], None]
) -> Verdict:
    """Play a script so many times with the fix and without; each run is told as soon as it is over."""
    judged = []
    for _ in range(times):
        for fixed in (True, False):
            judged.append(_judged(saved, script, parts, fixed=fixed))
            told(judged[-1])
    return Verdict(script, tuple(judged))


def _judged(saved: Saved, script: Script, parts: Sequence[Part], *, fixed: bool) -> Judged:
    try:
        run = play(saved, script, parts, fixed=fixed)
    except QemuError as error:
        return Judged(fixed, None, (str(error),))
    return Judged(fixed, run, tuple(faults(script, run, fixed=fixed)))


def faults(script: Script, run: Run, *, fixed: bool) -> list[str]:
    """What is not as it must be; empty for a run that confirms the script."""
    found = [] if run.window else ["the window of the race was not reached"]
    if fixed:
        due = [move.waits_in for move in script.moves if move.waits_in]
        missing = [functions for functions in due if not set(functions) & set(run.waited)]
        found += [f"nobody waited in {' or '.join(functions)}" for functions in missing]
    elif not run.switched:
        found.append("the fix was not switched off")
    for observation, observed in zip(script.observations, run.observed, strict=True):
        wanted = observation.good if fixed else observation.bad
        if observed != wanted:
            found.append(f"{observation.name}: {observed or 'nothing'}, expected {wanted or 'nothing'}")
    return found
