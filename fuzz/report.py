"""A reproducer as text: what broke, the program, the diagram, and what was checked about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fuzz.case import Case, Verdict, run
from fuzz.diagram import draw
from models.geometry import Geometry
from models.operations import CompleteBio
from models.reverts import Revert
from models.world import Violation, World

REPEATS = 3
"""How often a reproducer is run again before it is shown."""


@dataclass(frozen=True, slots=True, order=True)
class Reproducer:
    """A failing program, ready to print.  Orders by length, so that the shortest comes first."""

    steps: int
    text: str
    property: str


def render(case: Case, reverts: Sequence[Revert]) -> Reproducer:
    """The report on a failing case.  Raises ValueError if it passes."""
    verdict = run(case, reverts)
    if verdict is None:
        raise ValueError("the case does not fail")
    sections = [
        _what_broke(verdict),
        _program(case, verdict.world),
        draw(verdict.world.sim.notes, _columns(verdict.world)),
        "\n".join(_certificate(case, verdict, reverts)),
    ]
    return Reproducer(len(case.steps), "\n\n".join(sections), verdict.symptom.property)


def _what_broke(verdict: Verdict) -> str:
    def tell(violation: Violation) -> list[str]:
        mismatch = violation.mismatch
        return [f"    expected: {mismatch.expected}", f"    observed: {mismatch.observed}"]

    lines = [verdict.symptom.property, *tell(verdict.symptom)]
    if verdict.first is not verdict.symptom:
        lines += [f"first sign: {verdict.first.property}", *tell(verdict.first)]
    return "\n".join(lines)


def _program(case: Case, world: World) -> str:
    lines = [f"program ({len(case.steps)} steps) on {_describe(case.geometry)}"]
    lines += [f"    {step}" for step in case.steps]
    if world.drained:
        lines.append("and then whatever was begun comes to its end:")
        lines += [f"    {step}" for step in world.drained]
    return "\n".join(lines)


def _describe(geometry: Geometry) -> str:
    groups = "block group" if geometry.groups == 1 else "block groups"
    files = ", ".join(
        f"file {number} ({file.kind.value}, {file.blocks} {'block' if file.blocks == 1 else 'blocks'})"
        for number, file in enumerate(geometry.files)
    )
    return (
        f"{geometry.groups} DATA {groups} of {geometry.group_blocks} blocks, "
        f"room for {geometry.spare_chunks} more, {files}:"
    )


def _columns(world: World) -> dict[str, str]:
    """A column for every CPU; a worker shares that of the task whose bio it completes."""
    columns = {name: name for name in world.sim.tasks if not name.startswith("kworker")}
    for step in (*world.program, *world.drained):
        if isinstance(step.operation, CompleteBio):
            columns[step.task] = step.operation.submitter
    used = {note.task for note in world.sim.notes}
    return {task: column for task, column in columns.items() if task in used}


def _certificate(case: Case, verdict: Verdict, reverts: Sequence[Revert]) -> list[str]:
    """What was checked, each line only if it was seen to hold."""
    again = [run(case, reverts) for _ in range(REPEATS)]
    same = sum(v is not None and str(v.symptom) == str(verdict.symptom) for v in again)
    lines = [f"reproduced {same} of {REPEATS}"]
    shorter = [
        replace(case, steps=case.steps[:index] + case.steps[index + 1 :]) for index in range(len(case.steps))
    ]
    shorter += [
        replace(case, steps=(*case.steps[:i], replace(step, until=None), *case.steps[i + 1 :]))
        for i, step in enumerate(case.steps)
        if step.until is not None
    ]
    if all(run(candidate, reverts) is None for candidate in shorter):
        lines.append("with any one step or preemption left out it passes")
    lines += [
        f"with {revert.id} ({revert.name}) in, it passes"
        for revert in reverts
        if run(case, [other for other in reverts if other is not revert]) is None
    ]
    return lines
