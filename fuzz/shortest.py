"""Of all that searches found, what is worth showing: one program for every property that broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from fuzz.case import Case
from fuzz.minimise import case_of, minimise
from fuzz.options import Run, Shrink
from fuzz.report import Reproducer, render
from fuzz.targets import MODEL
from fuzz.traces import loads
from models.reverts import Revert


def shortest(found: Sequence[Reproducer]) -> list[Reproducer]:
    """The shortest program for every property that broke; the same whatever worker found it first."""
    best: dict[str, Reproducer] = {}
    for reproducer in sorted(found):
        best.setdefault(reproducer.property, reproducer)
    return list(best.values())


def finished(run: Run, found: Sequence[Reproducer], begin: Callable[[str], object]) -> list[Reproducer]:
    """The shortest ones, made as short as they can be, and told; ``begin`` hears of each property before.

    A search only goes downhill with what it found, as dozens may find the same; the rest of the work, which
    is most of it, is done once for each property.
    """
    best = shortest(found)
    if run.target != MODEL or run.shrink is Shrink.NONE:
        return best
    return [_finished(reproducer, run.reverts, begin) for reproducer in best]


def _finished(found: Reproducer, reverts: Sequence[Revert], begin: Callable[[str], object]) -> Reproducer:
    """Of one property.  Whatever becomes of that, what was found is not lost by it.

    A shorter program may break another property before this one: then it tells another story.
    """
    begin(found.property)
    case = loads(found.trace).case
    try:
        short = render(case_of(minimise(case, reverts, found.property)), reverts)
    except KeyboardInterrupt:
        return _as_it_is(case, reverts, "interrupted")
    except Exception as mistake:  # noqa: BLE001 - of the model, in a program that nobody has found
        return _as_it_is(case, reverts, f"{type(mistake).__name__}: {mistake}")
    return short if short.property == found.property else render(case, reverts)


def _as_it_is(case: Case, reverts: Sequence[Revert], why: str) -> Reproducer:
    told = render(case, reverts)
    return replace(told, text=f"{told.text}\nperhaps not the least program: {why}")
