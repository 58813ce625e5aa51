"""What is no trace is refused in one line that names the place, and the names that there are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from programs import CREATION
from traced import document

from fuzz.traces import TraceError, load, loads
from fuzz.traces.reading import DEEPEST, LARGEST, operation_of
from models.operations import Allocate, Relocate


def complaint(told: object) -> str:
    """What the loader says of a document, or of a text."""
    with pytest.raises(TraceError) as caught:
        loads(told if isinstance(told, str) else json.dumps(told))
    (line,) = str(caught.value).splitlines()
    return line


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
    told["steps"].append(
        {"task": "mount", "operation": "remount", "until": "join_transaction", "then": "done"}
    )
    assert "step 3: unknown point 'join_transaction'; there are: none" in complaint(told)
    told = document()
    told["reverts"] = ["0123456789ab"]
    assert "unknown revert '0123456789ab'; python -m fuzz races lists them all" in complaint(told)
    told = document()
    told["geometry"]["files"][0]["kind"] = "encrypted"
    assert "unknown kind of file 'encrypted'; there are: nodatacow, prealloc" in complaint(told)
    told = document()
    told["steps"][1]["arguments"]["device"] = 1
    assert "step 2: unknown argument of relocate 'device'; there are: group" in complaint(told)
    told = document()
    told["steps"][0] = {"task": "fault", "operation": "inject", "arguments": {"kind": "fire"}, "then": "done"}
    assert "step 1: unknown kind 'fire'; there are: data-bio, " in complaint(told)


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


def test_a_number_that_the_schema_would_refuse_is_refused_without_it() -> None:
    """If only the schema knew the least value, a program read from text could have a lower one."""
    for kind, told, said in (
        (Relocate, {"group": -1}, "CPU 1: group of relocate is -1, must be at least 0"),
        (Allocate, {"blocks": 0}, "CPU 1: blocks of allocate is 0, must be at least 1"),
    ):
        with pytest.raises(TraceError) as caught:
            operation_of("CPU 1", kind, told)
        assert str(caught.value) == said


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
    ids=lambda text: text[:20],
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
