"""A trace from text.  Everything is checked, every size is bounded, nothing is executed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import models
from fuzz.case import Case
from fuzz.traces.schema import SCHEMA, check
from fuzz.traces.trace import Outcome, Sign, Trace, TraceError
from fuzz.traces.writing import RESUME, fields_of
from models.geometry import File, FileKind, Geometry
from models.operations import ALL_POINTS, BY_NAME, Operation, Step
from models.reverts import catalogue, likely

LARGEST = 1 << 20
"""Bytes of a trace file at most; a long one has some 10,000."""
TOO_LARGE = f"too large: a trace has at most {LARGEST} bytes"
DEEPEST = 10
"""Brackets inside each other at most; a trace has 5."""
DIGITS = 9
"""Digits of a number at most."""

NESTING = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
"""A string (which may lack its end), or a bracket."""
TASK = re.compile(SCHEMA["$defs"]["task"]["pattern"])
LEAST = {"blocks": 1}
"""The least value of an argument of that name; of any other it is 0."""
"""Where a task can be told to stop: an operation may pass points of what it calls, and not name them.
One that names none is never stopped."""

Read = TypeVar("Read")


def load(path: Path) -> Trace:
    """The trace in a file.  Raises TraceError naming the file and what is wrong."""
    return read_text(path, loads)


def load_known(path: Path) -> tuple[Trace, str]:
    """As :func:`loads_known`, from a file."""
    return read_text(path, loads_known)


def loads(text: str) -> Trace:
    """The trace that a text is.  Raises TraceError saying what is wrong, and where."""
    trace, missing = loads_known(text)
    if missing:
        raise TraceError(missing)
    return trace


def loads_known(text: str) -> tuple[Trace, str]:
    """The trace up to the first step that names what there is not, and what that is; empty if there is none.

    A trace of another version of the model can be replayed up to there.  Raises TraceError.
    """
    document = parse(text)
    hint = (
        ""
        if document["model"] == models.VERSION
        else (f" (the trace is of version {document['model']} of the model, this is {models.VERSION})")
    )
    known = [revert.id for revert in catalogue()]
    for revert in document["reverts"]:
        if revert not in known:
            raise TraceError(f"unknown revert {revert!r}; {likely(revert)}{hint}")
    steps, missing = [], ""
    try:
        for number, step in enumerate(document["steps"], start=1):
            steps.append(_step(number, step))
    except TraceError as error:
        missing = f"{error}{hint}"
    outcome = Outcome(*(Sign(**document["outcome"][name]) for name in ("symptom", "first")))
    trace = Trace(
        Case(_geometry(document["geometry"]), tuple(steps)),
        tuple(document["reverts"]),
        tuple(step["then"] for step in document["steps"][: len(steps)]),
        outcome,
        document["model"],
    )
    return trace, missing


def parse(text: str) -> Mapping[str, Any]:
    """The JSON document, which is valid by the schema.  Raises TraceError."""
    if len(text) > LARGEST:
        raise TraceError(TOO_LARGE)
    depth = 0
    for token in NESTING.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > DEEPEST:
            raise TraceError(f"too deep: in a trace at most {DEEPEST} brackets are inside each other")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_no_key_twice,
            parse_int=_small_number,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except json.JSONDecodeError as error:
        raise TraceError(f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    return check(document)


def read_text(path: Path, read: Callable[[str], Read]) -> Read:
    """What ``read`` makes of the text in a file.  Raises TraceError naming the file and what is wrong."""
    try:
        if not path.is_file():
            raise TraceError("there is no such file")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise TraceError(TOO_LARGE)
        return read(content.decode("utf-8"))
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise TraceError(f"{path}: not a trace: not UTF-8") from None
    except TraceError as error:
        raise TraceError(f"{path}: {error}") from None


def _no_key_twice(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise TraceError("a key stands twice in one object")
    return document


def _small_number(digits: str) -> int:
    if len(digits) > DIGITS:
        raise TraceError(f"a number has more than {DIGITS} digits")
    return int(digits)


def _no_number(text: str) -> NoReturn:
    raise TraceError(f"{text[:DIGITS]} is no whole number")


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """Says that there is no such thing, and what there is."""
    return f"unknown {what} {name!r}; there are: {', '.join(known) or 'none'}"


def _geometry(told: Mapping[str, Any]) -> Geometry:
    """Raises TraceError for an unknown kind of file, and for what mkfs would refuse."""
    kinds = [kind.value for kind in FileKind]
    for file in told["files"]:
        if file["kind"] not in kinds:
            raise TraceError(unknown("kind of file", file["kind"], kinds))
    files = tuple(File(FileKind(file["kind"]), file["blocks"]) for file in told["files"])
    try:
        return Geometry(told["groups"], told["group_blocks"], told["spare_chunks"], files)
    except ValueError as error:
        raise TraceError(str(error)) from None


def _step(number: int, told: Mapping[str, Any]) -> Step:
    """Raises TraceError for a name that there is not."""
    until = told.get("until")
    operation = None
    if told["operation"] != RESUME:
        if told["operation"] not in BY_NAME:
            raise TraceError(f"step {number}: {unknown('operation', told['operation'], [RESUME, *BY_NAME])}")
        operation = operation_of(f"step {number}", BY_NAME[told["operation"]], told.get("arguments", {}))
    elif told.get("arguments"):
        raise TraceError(f"step {number}: a task that resumes takes no arguments")
    points = operation.points if operation else ALL_POINTS
    if until is not None and (until not in ALL_POINTS or not points):
        raise TraceError(
            f"step {number}: {unknown('point', until, operation.points if operation else sorted(points))}"
        )
    return Step(told["task"], operation, until)


def operation_of(place: str, kind: type[Operation], told: Mapping[str, object]) -> Operation:
    """The operation with these arguments.  Raises TraceError naming the place and what is wrong."""
    defaults = fields_of(kind)
    for name in told:
        if name not in defaults:
            raise TraceError(f"{place}: {unknown(f'argument of {kind.name}', name, defaults)}")
    for name, default in defaults.items():
        where = f"{place}: {name} of {kind.name}"
        if name not in told:
            raise TraceError(f"{where} is missing")
        value = told[name]
        if type(value) is not type(default):
            raise TraceError(f"{where} must be a {'number' if isinstance(default, int) else 'name'}")
        least = LEAST.get(name, 0)
        if isinstance(value, int) and value < least:
            raise TraceError(f"{where} is {value}, must be at least {least}")
        if isinstance(value, str) and name in kind.drawn and value not in kind.drawn[name]:
            raise TraceError(f"{place}: {unknown(name, value, map(str, kind.drawn[name]))}")
        if isinstance(value, str) and name not in kind.drawn and not TASK.fullmatch(value):
            raise TraceError(f"{where} must be a task's name")
    return kind(**told)
