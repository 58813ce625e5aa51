"""The loader, fuzzed: whatever it is given, it refuses in one line, or what it loads can be replayed.

``TRACE_CASES`` in the environment says how many cases each test tries.
"""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from known_traces import DIRECTORY
from schema_documents import documents

from fuzz.case import Case
from fuzz.traces import Outcome, Sign, Trace, TraceError, dumps, load, loads
from fuzz.traces.interpreter import interpret
from fuzz.traces.reading import LARGEST
from fuzz.traces.replaying import replay
from fuzz.traces.schema import SCHEMA
from fuzz.traces.writing import fields_of
from models.faults import FAULTS
from models.geometry import Geometry
from models.operations import OPERATIONS, Operation, Step
from models.reverts import catalogue, find_reverts
from strategies.geometries import geometries

CASES = int(os.environ.get("TRACE_CASES", "60"))
FUZZED = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
REGRESSIONS = [path.read_text(encoding="utf-8") for path in sorted(DIRECTORY.glob("*.json"))]
LONGEST_COMPLAINT = 5_000
"""Characters: it may list all names that there are."""
TASKS = ["CPU 1", "CPU 2", "CPU 3", "kworker 1", "mount", "fault", "transaction kthread"]
NUMBERS = st.integers(0, 6) | st.integers(0, 9999)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
"""Any JSON value."""


def values_of(name: str) -> st.SearchStrategy[object]:
    """What an argument of that name can be in a trace."""
    if name == "kind":
        return st.sampled_from(sorted(FAULTS))
    return st.sampled_from(TASKS) if name == "submitter" else NUMBERS.map(lambda n: max(n, name == "blocks"))


def operations() -> st.SearchStrategy[Operation]:
    """Operations with any arguments that a trace can hold, also such as no machine would draw."""
    return st.one_of(
        [st.builds(kind, **{name: values_of(name) for name in fields_of(kind)}) for kind in OPERATIONS]
    )


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Any step that a trace can hold, whether it makes sense or not."""
    operation = draw(st.none() | operations())
    points = operation.points if operation else OPERATIONS[-3].points
    until = draw(st.none() | st.sampled_from(points)) if points else None
    alone = operation.task if operation is not None and draw(st.booleans()) else ""
    return Step(alone or draw(st.sampled_from(TASKS)), operation, until)


SIGNS = st.builds(Sign, st.just("some_property"), st.just("this"), st.just("that"))


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Traces that are valid, and of programs that nobody ran."""
    program = tuple(draw(st.lists(steps(), max_size=12)))
    out = draw(st.lists(st.sampled_from([revert.id for revert in catalogue()]), max_size=2, unique=True))
    return Trace(
        Case(draw(geometries() | st.just(Geometry())), program),
        tuple(out),
        tuple(draw(st.sampled_from(["done", "preempted at nowhere"])) for _ in program),
        draw(st.builds(Outcome, SIGNS, SIGNS)),
    )


def loaded(read: Callable[[], Trace]) -> Trace | None:
    """What is read, if it is not refused, in one line that is not too long."""
    try:
        return read()
    except TraceError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
    assert len(said) < LONGEST_COMPLAINT
    return None


def check(text: str) -> None:
    """The text is refused in one line, or what it says can be run to its end; nothing else is raised."""
    trace = loaded(lambda: loads(text))
    if trace is None:
        return
    assert loads(dumps(trace)) == trace
    replayed = replay(trace, find_reverts(trace.reverts))
    assert len(replayed.case.steps) + len(replayed.differences) >= len(trace.case.steps)
    found = interpret(json.loads(dumps(trace)), trace.reverts)
    assert bool(found.broken) == (replayed.outcome is not None)


@given(documents(SCHEMA, SCHEMA))
@FUZZED
def test_documents_of_the_schema(document: object) -> None:
    """If a document could be valid by the schema and still break the loader, the schema would be no help."""
    jsonschema.validate(document, SCHEMA)
    check(json.dumps(document))


@given(traces())
@FUZZED
def test_any_program(trace: Trace) -> None:
    """If a program that nobody drew broke the model, an edited trace would end in a traceback."""
    check(dumps(trace))


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """The way to every value in a document."""
    children: list[Any] = []
    if isinstance(document, dict):
        children = list(document.items())
    elif isinstance(document, list):
        children = list(enumerate(document))
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


@given(st.sampled_from(REGRESSIONS), st.data())
@FUZZED
def test_traces_with_other_values(text: str, data: st.DataObject) -> None:
    """If a value of another type or size came through, it would break the model at a place far from here."""
    document = json.loads(text)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(places(document)[1:]))
        inner = document
        for key in way:
            inner = inner[key]
        what = data.draw(st.sampled_from(["replace", "number", "name", "delete", "double"]))
        if what == "delete":
            del inner[last]
        elif what == "double" and isinstance(inner, list):
            inner.insert(last, inner[last])
        else:
            other = {"number": NUMBERS, "name": names()}.get(what, ANYTHING)
            inner[last] = data.draw(other)
        if not document:
            break
    check(json.dumps(document))


def names() -> st.SearchStrategy[str]:
    """Names that stand somewhere in traces."""
    every = {name for kind in OPERATIONS for name in (kind.name, *kind.points)}
    return st.sampled_from(sorted(every | {revert.id for revert in catalogue()}) + TASKS)


@given(st.sampled_from(REGRESSIONS), st.data())
@FUZZED
def test_torn_bytes(tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject) -> None:
    """If half a file, or one with bytes that are none of its own, ended in a traceback, a bad disk would."""
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 8) | st.integers(0, len(content)))
        content[start : start + length] = data.draw(
            st.binary(max_size=8) | st.just(b"") | st.sampled_from([b"[" * 500, b"9" * 500, b'"', b"\\u0000"])
        )
    path = tmp_path_factory.getbasetemp() / "torn.json"
    path.write_bytes(content)
    trace = loaded(lambda: load(path))
    if trace is not None:
        check(dumps(trace))


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@FUZZED
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """If any file at all ended in a traceback, the loader would trust what it reads."""
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    with pytest.raises(TraceError):
        load(path)


def huge() -> list[str]:
    """Documents as large as they may be, each large in another way."""
    example = json.loads(REGRESSIONS[0])
    step = json.dumps(example["steps"][0])
    room = LARGEST - len(REGRESSIONS[0])
    pieces = {
        "steps": f"[{','.join([step] * (room // (len(step) + 1)))}]",
        "reverts": f"[{','.join(['{}'] * (room // 3))}]",
        "model": f"[{','.join(['[[]]'] * (room // 5))}]",
        "format": f'"{"a" * room}"',
        "outcome": json.dumps({str(number): 1 for number in range(room // 13)}),
    }
    documents = []
    for key, piece in pieces.items():
        documents.append(json.dumps({**example, key: "HERE"}).replace('"HERE"', piece))
        documents.append(json.dumps({**example, "unknown": "HERE"}).replace('"HERE"', piece))
    return [*documents, "[" * LARGEST, '{"a":' * (LARGEST // 5), '"' * LARGEST, "1" * LARGEST, "\\" * LARGEST]


@pytest.mark.parametrize("number", range(len(huge())))
def test_memory_is_bounded(number: int) -> None:
    """If a file of a megabyte took gigabytes, one bad file would bring a nightly run down."""
    text = huge()[number]
    assert len(text) <= LARGEST
    tracemalloc.start()
    try:
        check(text)
        assert tracemalloc.get_traced_memory()[1] < 200 * LARGEST
    finally:
        tracemalloc.stop()
