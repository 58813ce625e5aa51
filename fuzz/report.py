"""A reproducer as text: what broke, the program, the diagram, why, and what was checked."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from fuzz.case import Case, Verdict, run
from fuzz.certificate import certificate
from fuzz.diagram import draw
from fuzz.explanation import explain
from fuzz.minimise.size import FIRST_GROUP, preemptions
from fuzz.traces import dumps, record
from models.btrfs.device import RESERVED_BLOCKS
from models.btrfs.volumes import METADATA_CHUNK, SYSTEM_CHUNK
from models.geometry import Geometry
from models.operations import CompleteBio
from models.reverts import Revert
from models.simulation import Mark, Note, span
from models.world import Violation, World

FIRST_BLOCK = RESERVED_BLOCKS + SYSTEM_CHUNK + METADATA_CHUNK
"""Where the first DATA block group starts: SYSTEM and METADATA come before it."""
WIDTH = 100
"""Columns of the text around the diagram."""


@dataclass(frozen=True, slots=True, order=True)
class Reproducer:
    """A failing program, ready to print, and its trace, ready to save.

    Orders by length, so that the shortest comes first.
    """

    steps: int
    text: str
    property: str
    preemptions: int = 0
    program: str = ""
    trace: str = ""


def render(case: Case, reverts: Sequence[Revert]) -> Reproducer:
    """The report on a failing case.  Raises ValueError if it passes."""
    verdict = run(case, reverts)
    if verdict is None:
        raise ValueError("the case does not fail")
    story = _story(verdict)
    program, trace = _program(case, verdict), record(case, reverts)
    sections = [
        _what_broke(verdict),
        program,
        draw(story, _columns(verdict.world, story)),
        "\n".join(explain(case, reverts)),
        "\n".join(certificate(case, verdict, trace, reverts)),
    ]
    text = "\n\n".join(sections)
    stops = preemptions(case.steps)
    return Reproducer(len(case.steps), text, verdict.symptom.property, stops, program, dumps(trace))


def as_found(case: Case, violation: Violation, reverts: Sequence[Revert]) -> Reproducer:
    """A failing case that nobody made shorter, under the property that broke first."""
    program = "\n".join(f"    {step}" for step in case.steps)
    text = (
        f"{violation}\n\nprogram as found ({len(case.steps)} steps) on {_describe(case.geometry)}\n{program}"
    )
    trace = dumps(record(case, reverts))
    stops = preemptions(case.steps)
    return Reproducer(len(case.steps), text, violation.property, stops, program, trace)


def _what_broke(verdict: Verdict) -> str:
    def tell(violation: Violation) -> list[str]:
        mismatch = violation.mismatch
        return [f"    expected: {mismatch.expected}", f"    observed: {mismatch.observed}"]

    lines = [verdict.symptom.property, *tell(verdict.symptom)]
    if verdict.first is not verdict.symptom:
        lines += [f"first sign: {verdict.first.property}", *tell(verdict.first)]
    return "\n".join(lines)


def _program(case: Case, verdict: Verdict) -> str:
    steps = "1 step" if len(case.steps) == 1 else f"{len(case.steps)} steps"
    head = f"program ({steps}) on {_describe(case.geometry)}"
    lines = textwrap.wrap(head, WIDTH, subsequent_indent="    ")
    lines += [f"    {step}" for step in case.steps]
    drained = verdict.world.drained[: verdict.symptom.drained]
    if drained:
        lines.append("then nobody chooses any more, and what was begun comes to its end:")
        lines += [f"    {step}" for step in drained]
    return "\n".join(lines)


def _story(verdict: Verdict) -> list[Note]:
    """What happened up to the symptom."""
    notes = verdict.world.sim.notes
    end = notes.index(Note("", verdict.symptom.property, Mark.BREAKS))
    return notes[: end + 1]


def _describe(geometry: Geometry) -> str:
    files = ", ".join(
        f"file {number} ({file.kind.value}, {file.blocks} {'block' if file.blocks == 1 else 'blocks'})"
        for number, file in enumerate(geometry.files)
    )
    groups = ", ".join(
        f"block group {FIRST_GROUP + number} "
        f"({span(FIRST_BLOCK + number * geometry.group_blocks, geometry.group_blocks)})"
        for number in range(geometry.groups)
    )
    return f"{groups}, room for {geometry.spare_chunks} more; {files}:"


def _columns(world: World, notes: Sequence[Note]) -> dict[str, str]:
    """A column for every CPU; a worker shares that of the task whose bio it completes."""
    columns = {name: name for name in world.sim.tasks if not name.startswith("kworker")}
    for step in (*world.program, *world.drained):
        if isinstance(step.operation, CompleteBio):
            columns[step.task] = step.operation.submitter
    used = {note.task for note in notes}
    return {task: column for task, column in columns.items() if task in used}
