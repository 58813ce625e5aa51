"""A trace as text: JSON with a step on each line, so that a diff tells which step changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from fuzz.files import write_whole
from fuzz.traces.schema import FORMAT, VERSION
from fuzz.traces.trace import Sign, Trace
from models.geometry import Geometry
from models.operations import Operation, Step

RESUME = "resume"
"""What stands in the place of an operation where a task goes on."""
DIGEST, LONGEST_NAME = 12, 100
"""Characters of a file name: of the digest, and of each of the other two parts at most."""


def dumps(trace: Trace) -> str:
    """The text of a trace: always the same for the same trace, with a newline at its end."""
    steps = [_line(_step(step, then)) for step, then in zip(trace.case.steps, trace.then, strict=True)]
    lines = [
        f'"format": {_line(FORMAT)},',
        f'"version": {VERSION},',
        f'"model": {trace.model},',
        f'"reverts": {_line(trace.reverts)},',
        f'"geometry": {_line(_geometry(trace.case.geometry))},',
        *_block('"steps": [', steps, "],"),
        '"outcome": {',
        f'  "symptom": {{{_sign(trace.outcome.symptom)}}},',
        f'  "first": {{{_sign(trace.outcome.first)}}}',
        "}",
    ]
    return "".join(f"{line}\n" for line in ("{", *(f"  {line}" for line in lines), "}"))


def save(trace: Trace, path: Path) -> None:
    """Write a trace, by rename.  Raises OSError where that cannot be."""
    write_whole(path, dumps(trace))


def file_name(trace: Trace) -> str:
    """A name for the file of a trace: what was out, what broke, and a digest of all that it says."""
    digest = hashlib.sha256(dumps(trace).encode()).hexdigest()[:DIGEST]
    out = "+".join(trace.reverts).replace("/", "-") or "all-fixes-in"
    return f"{out[:LONGEST_NAME]}-{trace.outcome.property[:LONGEST_NAME]}-{digest}.json"


def _line(value: object) -> str:
    return json.dumps(value)


def _block(head: str, items: Sequence[str], end: str) -> Iterator[str]:
    """One item on each line."""
    if not items:
        yield head + end
        return
    yield head
    yield from (f"  {item}," for item in items[:-1])
    yield f"  {items[-1]}"
    yield end


def _geometry(geometry: Geometry) -> dict[str, object]:
    files = [{"kind": file.kind.value, "blocks": file.blocks} for file in geometry.files]
    names = ("groups", "group_blocks", "spare_chunks")
    return {**{name: getattr(geometry, name) for name in names}, "files": files}


def _step(step: Step, then: str) -> dict[str, object]:
    told: dict[str, object] = {"task": step.task, "operation": RESUME}
    if step.operation is not None:
        told["operation"] = step.operation.name
        told |= {"arguments": _arguments(step.operation)} if fields_of(step.operation) else {}
    told |= {"until": step.until} if step.until is not None else {}
    return {**told, "then": then}


def fields_of(operation: Operation | type[Operation]) -> dict[str, object]:
    """The names of an operation's arguments, with their defaults."""
    return {field.name: field.default for field in fields(operation)}  # type: ignore[arg-type]


def _arguments(operation: Operation) -> dict[str, object]:
    return {name: getattr(operation, name) for name in fields_of(operation)}


def _sign(sign: Sign) -> str:
    """Each part on a line of its own, as it is long."""
    parts = ",\n".join(f"      {_line(name)}: {_line(text)}" for name, text in asdict(sign).items())
    return f"\n{parts}\n    "
