"""A program as text, in the words in which reports print one.

::

    on block group 2 (blocks 9-12), room for 1 more; file 0 (nodatacow, 4 blocks):
        CPU 1: create-bg; allocate blocks 1; end-transaction
        CPU 2: commit

A line for each task, or more: what it is to do, in order.  Arguments that are left out have their defaults.
The first line may be left out, too: the file system is the plainest then.  ``program (3 steps)`` before it,
preemption points behind ``until``, and lines with ``resume`` or ``complete-bio`` are read over, so that the
program of a report can be pasted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz.exhaust.program import Program, arranged, program_of
from fuzz.story import THEN, describe
from fuzz.traces import TraceError
from fuzz.traces.reading import TASK, loads, operation_of, read_text, unknown
from fuzz.traces.writing import RESUME, fields_of
from models.geometry import File, FileKind, Geometry
from models.operations import BY_NAME, CompleteBio, Operation, Step

SETTING = re.compile(r"(?:program \(\d+ steps?\) )?on (?P<setting>.*?):\s*", re.DOTALL)
GROUP = re.compile(r"block group \d+ \(blocks (\d+)-(\d+)\)")
ROOM = re.compile(r"room for (\d+) more")
FILE = re.compile(r"file \d+ \(([a-z]+), (\d+) blocks?\)")
LINE = re.compile(r"\s*(?P<task>[^:]*?)\s*:(?P<operations>.*)")
UNTIL = re.compile(r"\s+until\s+\S+$")
ENDS = re.compile(f"{THEN}|then nobody chooses any more")
"""What follows in a report comes by itself; the other sentence is that of older reports."""
WRAPPED = re.compile(r"\n(?=[^\n:]*\S)(?![^\n]*:)\s*")
"""The end of a line that goes on in the next: that one has no colon."""


def read_program(told: Sequence[str]) -> Program:
    """The program in a file, a trace or text, or in these lines.  Raises TraceError saying what is wrong."""
    if len(told) == 1 and not LINE.match(told[0]):
        return read_text(Path(told[0]), _trace_or_text)
    return parse("\n".join(told))


def _trace_or_text(text: str) -> Program:
    return program_of(loads(text).case) if text.lstrip().startswith("{") else parse(text)


def parse(text: str) -> Program:
    """The program that a text is.  Raises TraceError."""
    text = ENDS.split(text, maxsplit=1)[0]
    found = SETTING.match(text)
    geometry = _geometry(" ".join(found["setting"].split())) if found else Geometry()
    steps = list(_steps(text[found.end() :] if found else text))
    program = arranged(geometry, steps)
    if not program.tasks:
        raise TraceError("no task has anything to do: a line is, for example, 'CPU 1: create-bg; allocate'")
    return program


def _geometry(setting: str) -> Geometry:
    """The file system in the words of :func:`describe`.  Raises TraceError."""
    groups = [(int(first), int(last)) for first, last in GROUP.findall(setting)]
    room, files = ROOM.search(setting), FILE.findall(setting)
    if not groups or room is None:
        example = describe(Geometry())
        raise TraceError(f"the file system {setting!r} cannot be read; one is, for example, {example!r}")
    kinds = [kind.value for kind in FileKind]
    for kind, _ in files:
        if kind not in kinds:
            raise TraceError(unknown("kind of file", kind, kinds))
    first, last = groups[0]
    laid = tuple(File(FileKind(kind), int(blocks)) for kind, blocks in files)
    try:
        geometry = Geometry(len(groups), last - first + 1, int(room[1]), laid)
    except ValueError as error:
        raise TraceError(str(error)) from None
    if describe(geometry) != setting:
        raise TraceError(f"the file system {setting!r} cannot be; do you mean {describe(geometry)!r}?")
    return geometry


def _steps(text: str) -> Iterator[Step]:
    """Everything that a task is to begin, line by line."""
    for line in filter(str.strip, WRAPPED.sub(" ", text).splitlines()):
        found = LINE.fullmatch(line)
        if found is None or not TASK.fullmatch(found["task"]):
            raise TraceError(f"{line.strip()!r} is no line of a program: CPU 1: OPERATION; OPERATION ...")
        for told in found["operations"].split(";"):
            words = UNTIL.sub("", told.strip())
            if words != RESUME and words.split()[:1] != [CompleteBio.name]:
                yield Step(found["task"], _operation(found["task"], words))


def _operation(task: str, words: str) -> Operation:
    """Raises TraceError."""
    name, *rest = words.split() or [""]
    if name not in BY_NAME:
        raise TraceError(f"{task}: {unknown('operation', name, BY_NAME)}")
    kind = BY_NAME[name]
    if kind.task not in ("", task):
        raise TraceError(f"{task}: {name} is done by {kind.task}: write {kind.task}: {words}")
    if len(rest) % 2:
        raise TraceError(f"{task}: {words!r}: after {name} come pairs of an argument and its value")
    told = {argument: int(value) if value.isdecimal() else value for argument, value in _pairs(rest)}
    return operation_of(task, kind, fields_of(kind) | told)


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The words in pairs."""
    return zip(words[::2], words[1::2], strict=True)
