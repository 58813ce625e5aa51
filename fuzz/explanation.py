"""Why a schedule fails: which of its choices matter, and the nearest one that passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from fuzz.case import Case, operation_at, run
from fuzz.minimise.candidates import with_step
from fuzz.minimise.size import points_of
from models.operations import Step
from models.reverts import Revert
from models.world import Violation, World

FAR = 1000
"""Farther than any moved preemption: all points of both steps lie between two orders of them."""


@dataclass(frozen=True, slots=True)
class Change:
    """A schedule beside the failing one.  ``distance`` is by how many preemption points it is another;
    ``passes`` whether nothing breaks; ``what`` tells the change."""

    case: Case
    distance: int
    passes: bool
    what: str


class Explanation(NamedTuple):
    """``why`` are sentences on what it takes; ``nearest`` says which schedule passes, and ``program`` is both
    of them as one, with what is only in the failing one behind a minus: empty where there is none."""

    why: tuple[str, ...]
    nearest: str = ""
    program: tuple[str, ...] = ()


def explain(case: Case, reverts: Sequence[Revert]) -> Explanation:
    """Why the case fails.  It must."""
    why: list[str] = []
    changes: list[Change] = []
    for index, step in enumerate(case.steps):
        if step.until is not None:
            moved = list(_moved(case, index, reverts))
            changes += moved
            why.append(_about_preemption(case.steps, index, moved))
    swapped = list(_swapped(case, reverts))
    changes += swapped
    why += [f"The order matters: with {swap.what}, it passes." for swap in swapped if swap.passes]
    passing = [change for change in changes if change.passes]
    if not passing:
        return Explanation((*why, "No preemption and no order of two steps matters by itself."))
    nearest = min(passing, key=lambda change: change.distance)
    program = tuple(_compared(case.steps, nearest.case.steps))
    return Explanation(tuple(why), f"nearest schedule that passes, with {nearest.what}:", program)


def _moved(case: Case, index: int, reverts: Sequence[Revert]) -> Iterator[Change]:
    """The task of a step stopped at each of the other points that it passes, and nowhere."""
    step = case.steps[index]
    passed = points_passed(case, index, reverts)
    here = passed.index(step.until) if step.until in passed else 0
    for place, point in enumerate(passed):
        if point != step.until:
            other = with_step(case, index, replace(step, until=point))
            what = f"{step.task} stopped at {point}"
            yield Change(other, abs(place - here), run(other, reverts) is None, what)
    through = with_step(case, index, replace(step, until=None))
    yield Change(through, len(passed) - here, run(through, reverts) is None, f"{step.task} not stopped")


def points_passed(case: Case, index: int, reverts: Sequence[Revert]) -> list[str]:
    """The preemption points that a step comes to if it is not stopped, of those that can be chosen."""
    world = World(case.geometry, reverts, run_on=True)
    step = case.steps[index]
    with suppress(Violation):
        for before in case.steps[:index]:
            world.apply(before)
        world.apply(replace(step, until=None))
    choice = points_of(case.steps, index)
    return [point for point in dict.fromkeys(world.sim.task(step.task).passed) if point in choice]


def _about_preemption(steps: Sequence[Step], index: int, moved: Sequence[Change]) -> str:
    *others, through = moved
    step = steps[index]
    where = f"{step.task} stopped in {_doing(steps, index)} at {step.until}"
    failing = [change.case.steps[index].until or "" for change in others if not change.passes]
    if not through.passes:
        return f"That {where} is not what matters: not stopped, it fails too."
    also = " or ".join([", ".join(failing[:-1]), failing[-1]] if len(failing) > 1 else failing)
    where += f", or else at {also}" if also else ""
    rest = len(others) - len(failing)
    elsewhere = f", or stopped at {_one_of(rest)} on its way" if rest else ""
    return f"It takes {where}; not stopped{elsewhere}, nothing breaks."


def _one_of(points: int) -> str:
    return "the one other point" if points == 1 else f"one of the other {points} points"


def _doing(steps: Sequence[Step], index: int) -> str:
    """The operation that the task of a step is in."""
    operation = operation_at(steps, index)
    return operation.name if operation else "nothing"


def _swapped(case: Case, reverts: Sequence[Revert]) -> Iterator[Change]:
    """Steps of two tasks that follow each other, the other way round."""
    steps = case.steps
    for index in range(len(steps) - 1):
        one, other = steps[index : index + 2]
        if one.task != other.task:
            swapped = replace(case, steps=(*steps[:index], other, one, *steps[index + 2 :]))
            what = f"{_told(steps, index + 1)} before {_told(steps, index)}"
            yield Change(swapped, FAR, run(swapped, reverts) is None, what)


def _told(steps: Sequence[Step], index: int) -> str:
    step = steps[index]
    return f"{step.task}'s {'going on with ' if step.operation is None else ''}{_doing(steps, index)}"


def _compared(failing: Sequence[Step], passing: Sequence[Step]) -> Iterator[str]:
    """The two programs as one, with what is only in the failing one behind a minus."""
    same = 0
    while failing[same] == passing[same]:
        same += 1
    rest = 0
    while rest < len(failing) - same and failing[-1 - rest] == passing[-1 - rest]:
        rest += 1
    end = len(failing) - rest
    yield from (f"  {step}" for step in failing[:same])
    yield from (f"- {step}" for step in failing[same:end])
    yield from (f"+ {step}" for step in passing[same:end])
    yield from (f"  {step}" for step in failing[end:])
