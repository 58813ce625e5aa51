"""Traces: what is written can be read, compared and replayed; what is no trace is refused in one line."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from known_traces import DIRECTORY, path_of
from programs import CREATION, RELOCATION, reverts, shortest

import models
from fuzz.traces import Trace, TraceError, dumps, load, loads, record, save
from fuzz.traces.reading import DEEPEST, LARGEST, load_known, loads_known
from fuzz.traces.schema import SCHEMA
from models.operations import OPERATIONS, Step
from models.reverts import catalogue

FILES = sorted(DIRECTORY.glob("*.json"))


def example() -> Trace:
    """The trace of a race that everybody knows."""
    return record(shortest(RELOCATION), reverts(RELOCATION))


def document() -> Any:  # noqa: ANN401 - JSON, to be damaged
    """Its JSON."""
    return json.loads(dumps(example()))


def complaint(told: object) -> str:
    """What the loader says of a document, or of a text."""
    with pytest.raises(TraceError) as caught:
        loads(told if isinstance(told, str) else json.dumps(told))
    (line,) = str(caught.value).splitlines()
    return line


def test_every_race_has_a_trace() -> None:
    """If a race had none, nobody would see when the model lost it; a trace of no race is never looked at."""
    assert {path_of(revert) for revert in catalogue()} == set(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
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


def test_unknown_names_are_told_with_those_that_there_are() -> None:
    """If the message named the name only, whoever edits a trace would have to read the source."""
    told = document()
    told["steps"][0]["operation"] = "defragment"
    assert "step 1: unknown operation 'defragment'; there are: resume, end-transaction, " in complaint(told)
    told = document()
    told["steps"][0]["until"] = "btrfs_defrag"
    assert "step 1: unknown point 'btrfs_defrag'; there are: btrfs_start_write_no_snap" in complaint(told)
    told = document()
    told["steps"].append({"task": "CPU 1", "operation": "resume", "until": "btrfs_defrag", "then": "done"})
    assert "step 3: unknown point 'btrfs_defrag'; there are: BTRFS_TRANS_DIRTY_BG_RUN, " in complaint(told)
    told = document()
    told["reverts"] = ["0123456789ab"]
    assert "unknown revert '0123456789ab'; there are: " in complaint(told)
    told = document()
    told["geometry"]["files"][0]["kind"] = "encrypted"
    assert "unknown kind of file 'encrypted'; there are: nodatacow, prealloc" in complaint(told)
    told = document()
    told["steps"][1]["arguments"]["device"] = 1
    assert "step 2: unknown argument of relocate 'device'; there are: group" in complaint(told)
    told = document()
    told["steps"][0] = {"task": "fault", "operation": "inject", "arguments": {"kind": "fire"}, "then": "done"}
    assert "step 1: unknown kind 'fire'; there are: data-bio, " in complaint(told)


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


COMMIT = {"task": "CPU 1", "operation": "commit", "then": "done"}
DAMAGES: list[tuple[str, Any, str]] = [
    ("version", 2, "format version 2: this reads version 1 only"),
    ("version", "1", "format version '1': "),
    ("version", True, "format version True: "),
    ("format", "other", 'not a trace: a trace is a JSON object with "format": "bgfuzz-trace"'),
    ("model", 0, "model: 0 is less than the minimum of 1"),
    ("model", True, "model: True is not of type 'integer'"),
    ("reverts", [CREATION, CREATION], "reverts: "),
    ("reverts", [CREATION] * 17, "reverts: "),
    ("geometry", {}, "geometry: "),
    ("steps", {}, "steps: {} is not of type 'array'"),
    ("steps", [{"task": "CPU 1", "operation": "commit", "then": "done"}] * 1001, "steps: "),
    (
        "steps",
        [{"task": "CPU 0", "operation": "commit", "then": "done"}],
        "step 1, task: 'CPU 0' does not match",
    ),
    ("steps", [{"task": "CPU 1", "operation": "commit"}], "step 1: 'then' is a required property"),
    ("steps", [{"task": "CPU 1", "operation": "commit", "then": "done", "run": "rm"}], "step 1: Additional"),
    (
        "steps",
        [{"task": "CPU 1", "operation": "relocate", "then": "done"}],
        "step 1: group of relocate is missing",
    ),
    ("outcome", {"symptom": {}, "first": {}}, "outcome, "),
    ("outcome", {"symptom": {"property": "a\n", "expected": "b", "observed": "c"}, "first": {}}, "outcome, "),
    ("steps", [{**COMMIT, "then": "done\n"}], "step 1, then: 'done\\n' does not match"),
    ("steps", [{**COMMIT, "task": "CPU 1\n"}], "step 1, task: 'CPU 1\\n' does not match"),
    ("unknown", 1, "trace: Additional properties"),
]


@pytest.mark.parametrize(("key", "value", "said"), DAMAGES)
def test_what_is_no_trace_is_refused_in_one_line(key: str, value: object, said: str) -> None:
    """If the message did not name the place, a long trace could not be mended."""
    assert complaint({**document(), key: value}).startswith(said)


@pytest.mark.parametrize(
    ("operation", "arguments", "said"),
    [
        ("relocate", {"group": "2"}, "step 1: group of relocate must be a number"),
        ("relocate", {"group": True}, "step 1, arguments, group: True is not of type 'integer', 'string'"),
        (
            "relocate",
            {"group": 10_000},
            "step 1, arguments, group: 10000 is greater than the maximum of 9999",
        ),
        ("relocate", {"group": -1}, "step 1, arguments, group: -1 is less than the minimum of 0"),
        ("allocate", {"blocks": 0}, "step 1: blocks of allocate is 0, must be at least 1"),
        ("inject", {"kind": 1}, "step 1: kind of inject must be a name"),
        (
            "complete-bio",
            {"submitter": "me", "index": 0},
            "step 1: submitter of complete-bio must be a task's name",
        ),
        ("resume", {"group": 1}, "step 1: a task that resumes takes no arguments"),
    ],
)
def test_arguments_are_checked(operation: str, arguments: object, said: str) -> None:
    """If an argument of another type came through, it would fail somewhere inside of the model."""
    step = {"task": "CPU 1", "operation": operation, "arguments": arguments, "then": "done"}
    assert complaint({**document(), "steps": [step]}).startswith(said)


def test_every_operation_can_be_written_and_read() -> None:
    """If one could not, the races that need it would have no reproducer."""
    for kind in OPERATIONS:
        steps = (Step(kind.task or "CPU 1", kind(), kind.points[0] if kind.points else None),)
        trace = replace(example(), case=replace(example().case, steps=steps), then=("done",))
        assert loads(dumps(trace)) == trace


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, column 1: not JSON"),
        ("{", "line 1, column 2: not JSON"),
        ("[]", "not a trace"),
        ("null", "not a trace"),
        ("NaN", "NaN is no whole number"),
        ("1.5", "1.5 is no whole number"),
        ("9" * 5000, "a number has more than 9 digits"),
        ('{"a": 1, "a": 2}', "a key stands twice in one object"),
        ("[" * 100_000, f"too deep: in a trace at most {DEEPEST} brackets are inside each other"),
        ('"' + '\\"' * 300_000, "line 1, column 1: not JSON"),
        (" " * (LARGEST + 1), "too large: a trace has at most 1048576 bytes"),
    ],
    ids=str,
)
def test_text_that_is_no_trace_is_refused_in_one_line(text: str, said: str) -> None:
    """If any of these ended in a traceback or took for ever, a bad file could stop a nightly run."""
    assert complaint(text).startswith(said)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """If the file were not named, nobody would know which of many it is."""
    large, binary, fifo = tmp_path / "large", tmp_path / "binary", tmp_path / "fifo"
    large.write_bytes(b" " * (LARGEST + 1))
    binary.write_bytes(b"\xff\xfe")
    os.mkfifo(fifo)
    for path, said in [
        (tmp_path / "missing", "there is no such file"),
        (tmp_path, "there is no such file"),
        (fifo, "there is no such file"),
        (large, "too large"),
        (binary, "not a trace: not UTF-8"),
    ]:
        with pytest.raises(TraceError) as caught:
            load(path)
        assert str(caught.value).startswith(f"{path}: {said}")
