"""Replaying traces: the same failure again, by two replayers; and what no longer fits is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from known_traces import path_of
from programs import CREATION, RELOCATION, reverts, shortest
from traced import example

import models
from fuzz.__main__ import main
from fuzz.report import render
from fuzz.traces import dumps, load, loads, record, save
from fuzz.traces.replaying import replay
from models.operations import Step
from models.reverts import Revert, catalogue, find_reverts

ENTRIES = [pytest.param(revert, id=revert.id) for revert in catalogue()]


@pytest.mark.parametrize("revert", ENTRIES)
def test_any_two_fixes_can_be_out_together(revert: Revert) -> None:
    """If two that replace the same method broke the model, --revert with both would end in a traceback."""
    trace = load(path_of(revert))
    for other in catalogue():
        replayed = replay(trace, find_reverts([revert.id, other.id]))
        assert len(replayed.case.steps) + len(replayed.differences) >= len(trace.case.steps)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A file with it."""
    save(example(), tmp_path / "trace.json")
    return tmp_path / "trace.json"


def run(*arguments: str | Path) -> int:
    """``python -m fuzz replay`` with arguments."""
    return main(["replay", *map(str, arguments)])


@pytest.mark.parametrize("revert", ENTRIES)
def test_a_race_is_still_there_and_still_closed_by_its_fix(revert: Revert) -> None:
    """If the model lost a race, or a fix let it through, only this would tell: searches may be unlucky."""
    trace = loads(dumps(load(path_of(revert))))
    assert trace.reverts == (revert.id,)
    replayed = replay(trace, (revert,))
    assert replayed.differences == ()
    assert replayed.outcome == trace.outcome
    assert replayed.as_recorded(trace)
    assert revert.expected in (trace.outcome.property, trace.outcome.first.property)
    assert replay(trace, ()).outcome is None


def test_replay_prints_the_report_and_fails(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If replay showed another report than the run that found it, nobody could compare the two."""
    assert run(saved) == 1
    told = capsys.readouterr().out
    assert told.startswith(render(shortest(RELOCATION), reverts(RELOCATION)).text)
    assert told.endswith("the outcome is the recorded one\n")


def test_with_the_fix_in_it_passes(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If a fix could not be tried on a trace, the trace would be of no use to who writes the fix."""
    assert run(saved, "--revert", "none") == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["replayed with all fixes in", "it passes"]
    assert run(saved, "--revert", CREATION) == 0
    assert run(saved, "--revert", CREATION, "--revert", RELOCATION) == 1
    assert "the outcome is the recorded one" in capsys.readouterr().out


def edited(path: Path, **changes: Any) -> None:  # noqa: ANN401 - JSON
    """Edit a trace by hand: of the first step, but for ``steps`` and what else a trace has at its top."""
    told = json.loads(path.read_text(encoding="utf-8"))
    top = {key: value for key, value in changes.items() if key in told}
    told["steps"][0] |= {key: value for key, value in changes.items() if key not in told}
    path.write_text(json.dumps(told | top), encoding="utf-8")


RESUME = {"task": "CPU 3", "operation": "resume", "then": "done"}
COMMIT = {"task": "CPU 1", "operation": "commit", "then": "done"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"then": "done"},
            ["step 1 (CPU 1: start", "expected: done; now: preempted at can_nocow_extent; runnable: CPU 1"],
        ),
        (
            {"until": "btrfs_inc_nocow_writers"},
            ["expected: preempted at can_nocow_extent; now: preempted at btrfs_inc_nocow_writers; "],
        ),
        ({"operation": "defragment"}, ["unknown operation 'defragment'; there are: ", "; runnable: nobody"]),
        ({"until": "btrfs_defrag"}, ["step 1: unknown point 'btrfs_defrag'; there are: "]),
        ({"steps": [RESUME]}, ["step 1 (CPU 3: resume): expected: done; CPU 3 has nothing to resume (done)"]),
        (
            {"steps": [{**COMMIT, "operation": "relocate", "arguments": {"group": 9}}]},
            ["step 1 (CPU 1: relocate group 9): expected: done; relocate group 9 makes no sense here"],
        ),
    ],
)
def test_what_no_longer_fits_is_said_and_does_not_pass(
    changes: dict[str, Any], said: list[str], saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a step that means nothing any more were passed over in silence, a trace that tests nothing would
    look like a race that is closed."""
    edited(saved, model=models.VERSION, **changes)
    assert run(saved) == 1
    told = capsys.readouterr().out
    for words in said:
        assert words in told
    assert "the outcome is the recorded one\n" not in told


def test_a_busy_task_is_told(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it were not said where the busy task is, the missing step could not be put in."""
    told = json.loads(saved.read_text(encoding="utf-8"))
    edited(saved, steps=[told["steps"][0], COMMIT, told["steps"][1]])
    assert run(saved) == 1
    assert (
        "step 2 (CPU 1: commit): expected: done; CPU 1 is busy (preempted at can_nocow_extent); "
        "runnable: CPU 1 (preempted at can_nocow_extent)\n"
        "the outcome is the recorded one, on another way\n"
    ) in capsys.readouterr().out


def test_steps_after_the_end_of_the_case_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If steps behind an abort were dropped in silence, the trace would be longer than what it shows."""
    trace = record(shortest(CREATION), reverts(CREATION))
    longer = replace(trace.case, steps=(*trace.case.steps, Step("CPU 3")))
    save(replace(trace, case=longer, then=(*trace.then, "done")), tmp_path / "trace.json")
    assert run(tmp_path / "trace.json") == 1
    assert "step 4 (CPU 3: resume): expected: done; the case is over" in capsys.readouterr().out


def test_a_trace_that_is_cut_short_by_a_name_never_passes(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the part that is still known passed, and that counted, a renamed operation would close all races."""
    edited(saved, operation="defragment", arguments={})
    assert run(saved, "--revert", "none") == 1
    assert "the trace could be replayed up to there only" in capsys.readouterr().out


def test_a_race_that_is_gone_does_not_pass(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If a trace that shows nothing exited with 0, nobody would notice that the model lost a race."""
    edited(saved, reverts=[])
    assert run(saved) == 1
    told = capsys.readouterr().out
    assert "\nit passes\nrecorded: every_block" in told
    assert told.endswith("with the recorded fixes out it does not fail as recorded either\n")


def test_a_stale_trace_does_not_pass_with_the_fix_in(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If a trace whose steps make no sense any more passed with the fix in, that would be taken for the fix's
    doing."""
    edited(saved, steps=[RESUME])
    assert run(saved, "--revert", "none") == 1
    assert "that it passes proves nothing" in capsys.readouterr().out


def test_another_version_is_told(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it were not, a difference would be looked for in the program, and not in the model."""
    edited(saved, model=models.VERSION + 1)
    assert run(saved) == 1
    version = models.VERSION
    said = f"recorded on version {version + 1} of the model, replayed on version {version}\n"
    assert capsys.readouterr().out.endswith(f"{said}the outcome is the recorded one\n")


def test_another_failure_is_told(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If any failure counted as the recorded one, a new bug could hide behind an old trace."""
    outcome = json.loads(saved.read_text(encoding="utf-8"))["outcome"]
    outcome["symptom"]["observed"] = "it reads write 7"
    edited(saved, outcome=outcome)
    assert run(saved) == 1
    told = capsys.readouterr().out
    assert "it fails, but the outcome is not the recorded one" in told
    assert "observed: it reads write 7" in told


def test_step_by_step(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the state were not told after each step, a race could be seen to end, but not to begin."""
    assert run(saved, "--step") == 1
    told = capsys.readouterr().out
    parts = told[: told.index("every_block_reads")].strip().split("\n\n")
    program, end = example().case.steps, "at the end, CPU 1: resume"
    heads = [part.splitlines()[0].split("  -- ")[0] for part in parts]
    assert heads[:3] == [str(program[0]), str(program[1]), end]
    assert parts[0].startswith(f"{program[0]}  -- preempted at can_nocow_extent\n")
    assert "    block group 2 (blocks 9-12): used 4, free nothing" in parts[0]
    assert "    CPU 1: start-nocow-dio file 0 block 0 blocks 1, preempted at can_nocow_extent" in parts[0]
    assert "    transaction 2: RUNNING, handles: nobody" in parts[0]
    assert "    block group 2 (blocks 9-12): used 4, ro 1, free nothing" in parts[1]
    assert "    block group 3 (blocks 13-16): used 4, free nothing" in parts[1]
    assert "    ordered extent of file 0 block 0: block 9, NOCOW, 1 to write" in parts[2]
    assert "block group 2 (blocks 9-12)" not in parts[-1].replace("removed", "")


@pytest.mark.parametrize("arguments", [["{}"], ["{}", "--revert", "0123456789ab"], ["{}/none"]])
def test_a_mistake_is_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a mistake exited with 1, a script would take it for a failure that was reproduced."""
    path = tmp_path / "trace.json"
    if "--revert" in arguments:
        save(example(), path)
    with pytest.raises(SystemExit) as caught:
        run(*(argument.format(path) for argument in arguments))
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
