"""Traces: what is written can be read, compared and replayed; what is no trace is refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from known_traces import DIRECTORY, path_of, shortest_trace
from programs import CREATION, RELOCATION, reverts, shortest
from traced import document, example

import models
from fuzz.traces import dumps, load, loads, record, save
from fuzz.traces.reading import load_known, loads_known
from fuzz.traces.schema import SCHEMA
from models.operations import OPERATIONS, Step
from models.reverts import catalogue

FILES = sorted(DIRECTORY.glob("*.json"))
TRACES = [*FILES, *sorted((DIRECTORY.parent / "findings").glob("*.json"))]


def test_every_race_has_a_trace() -> None:
    """If a race had none, nobody would see when the model lost it; a trace of no race is never looked at."""
    assert {path_of(revert) for revert in catalogue()} == set(FILES)


@pytest.mark.parametrize("race", [CREATION, RELOCATION])
def test_the_traces_can_be_written_anew(race: str) -> None:
    """If the command wrote others than are here, nobody could tell an old one from an edited one."""
    (revert,) = reverts(race)
    assert dumps(shortest_trace(revert)) == path_of(revert).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_what_is_read_is_written_again_byte_by_byte(path: Path) -> None:
    """If it were not, opening and saving a trace would change it."""
    text = path.read_text(encoding="utf-8")
    assert dumps(loads(text)) == text
    jsonschema.validate(json.loads(text), SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_step_is_a_line(path: Path) -> None:
    """If steps were wrapped or joined, a diff would not tell which one changed."""
    trace, lines = load(path), path.read_text(encoding="utf-8").splitlines()
    steps = [json.loads(line.strip().removesuffix(",")) for line in lines if '"task":' in line]
    assert [step["task"] for step in steps] == [step.task for step in trace.case.steps]
    assert [step["then"] for step in steps] == list(trace.then)


def test_the_schema_is_one() -> None:
    """If the published schema were wrong itself, other readers could not use it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_trace_survives_the_disk(tmp_path: Path) -> None:
    """If a trace came back as another one, the failure would not be the one that was found."""
    save(example(), tmp_path / "new" / "trace.json")
    assert load(tmp_path / "new" / "trace.json") == example()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["trace.json"]


def test_saving_is_by_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were not, a full disk would leave half of a trace in the place of a whole one."""
    path = tmp_path / "trace.json"
    save(example(), path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save(record(shortest(CREATION), reverts(CREATION)), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_passing_case_has_no_trace() -> None:
    """If it had one, the outcome would be made up."""
    with pytest.raises(ValueError, match="does not fail"):
        record(shortest(RELOCATION), ())


def test_steps_that_do_nothing_are_left_out() -> None:
    """If they were kept, a replay would have to pass over steps, and could not tell those that matter."""
    case = shortest(RELOCATION)
    idle = replace(case, steps=(Step("CPU 3"), *case.steps))
    assert record(idle, reverts(RELOCATION)) == example()


def test_an_older_trace_is_known_up_to_the_name_that_is_gone(tmp_path: Path) -> None:
    """If a trace were refused as a whole, a renamed point would cost all that was found before."""
    told = document()
    told["model"] = models.VERSION + 1
    told["steps"][1]["operation"] = "defragment"
    trace, unknown = loads_known(json.dumps(told))
    assert trace.case.steps == example().case.steps[:1]
    assert trace.then == example().then[:1]
    assert unknown.startswith("step 2: unknown operation 'defragment'")
    assert unknown.endswith(
        f"(the trace is of version {models.VERSION + 1} of the model, this is {models.VERSION})"
    )
    (tmp_path / "trace.json").write_text(json.dumps(told), encoding="utf-8")
    assert load_known(tmp_path / "trace.json") == (trace, unknown)
    assert loads_known(dumps(example())) == (example(), "")


def test_every_operation_can_be_written_and_read() -> None:
    """If one could not, the races that need it would have no reproducer."""
    for kind in OPERATIONS:
        steps = (Step(kind.task or "CPU 1", kind(), kind.points[0] if kind.points else None),)
        trace = replace(example(), case=replace(example().case, steps=steps), then=("done",))
        assert loads(dumps(trace)) == trace
