"""Two replayers that share no code find the same, in known races and in random cases."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from known_traces import path_of
from programs import RELOCATION, reverts, run_machine
from traced import example

from fuzz.case import Case
from fuzz.machine import BlockGroupMachine
from fuzz.machines import MACHINES
from fuzz.random_cases import machines_for
from fuzz.report import render
from fuzz.traces import Trace, dumps, load, record
from fuzz.traces import interpreter as second
from fuzz.traces.agreement import disagreement
from fuzz.traces.interpreter import interpret
from fuzz.traces.recording import Recorder
from models import world
from models.geometry import Geometry
from models.operations import Allocate, Commit, CreateBg, Step
from models.properties import Mismatch, Observation, Property, When
from models.reverts import Revert, catalogue


@pytest.mark.parametrize("revert", [pytest.param(revert, id=revert.id) for revert in catalogue()])
def test_the_second_replayer_agrees(revert: Revert) -> None:
    """If it did not, the failure would be in how the program is run, not in the model."""
    trace = load(path_of(revert))
    assert disagreement(trace) == ""
    assert interpret(json.loads(path_of(revert).read_text(encoding="utf-8")), ()).broken == ()


@pytest.mark.parametrize("machine", MACHINES)
def test_the_second_replayer_agrees_on_random_cases(machine: type[BlockGroupMachine]) -> None:
    """If it agreed on short programs only, a long one might be run in two ways and nobody would know."""
    able = [revert for revert in catalogue() if machine in machines_for(revert)] or catalogue()
    for number in range(20):
        out = able[number % len(able) : number % len(able) + 1]
        ids = tuple(revert.id for revert in out)
        ran = run_machine(f"second {number}", 50, *ids, kind=machine)[0].world
        case, recorder = Case(ran.geometry, tuple(ran.program)), Recorder(ran.geometry, out)
        taken = [recorder.take(step) for step in case.steps]
        assert taken == [True] * len(taken)
        outcome = recorder.finish()
        trace = Trace(case, ids, tuple(recorder.then), outcome or example().outcome)
        assert disagreement(trace) == ("" if outcome else "nothing breaks")
        found = interpret(json.loads(dumps(trace)), ids)
        assert found.drained == tuple(map(str, recorder.world.drained))
        assert [name for name, *_ in found.broken] == list(recorder.world.violations)


@pytest.mark.parametrize("when", list(When))
def test_both_replayers_check_everything(when: When, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one of them forgot when a property must hold, only a race that breaks such a one would tell."""

    def broken(_: Observation) -> Iterator[Mismatch]:
        yield Mismatch("this", "that")

    planted = Property("a_planted_property_holds", when, broken)

    def asked(now: When, _: Observation | None = None) -> tuple[Property, ...]:
        return (planted,) if now is planted.when else ()

    monkeypatch.setattr(world, "to_be_asked", asked)
    monkeypatch.setattr(second, "properties", asked)
    case = Case(Geometry(), (Step("CPU 1", CreateBg()), Step("CPU 1", Commit()), Step("CPU 2", Commit())))
    trace = record(case, ())
    assert trace.outcome.property == planted.name
    assert disagreement(trace) == ""


def test_the_second_replayer_shares_no_code_with_the_first() -> None:
    """If it ran the same code, that it agrees would say nothing."""
    tree = ast.parse(Path(second.__file__).read_text(encoding="utf-8"))
    typing_only = [node for node in tree.body if isinstance(node, ast.If)]
    tree.body = [node for node in tree.body if node not in typing_only]
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [name for name in names if name.startswith(("fuzz", "strategies", "hypothesis"))] == []
    assert "models.world" not in names


def test_a_replayer_that_does_not_agree_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a disagreement were left out, a mistake of the world would look like a race."""
    trace = example()
    assert disagreement(replace(trace, then=("done", trace.then[1]))) == (
        "step 1 (CPU 1: start-nocow-dio file 0 block 0 blocks 1 until can_nocow_extent): "
        "preempted at can_nocow_extent, and not done"
    )
    assert disagreement(replace(trace, reverts=())) == "nothing breaks"
    other = replace(trace.outcome, first=trace.outcome.symptom)
    assert disagreement(replace(trace, outcome=other)).startswith(trace.outcome.property)
    monkeypatch.setattr("fuzz.certificate.disagreement", lambda _: "nothing breaks")
    text = render(trace.case, reverts(RELOCATION)).text
    assert "a second replayer DOES NOT AGREE: nothing breaks" in text
    assert "a second replayer agrees" not in text


def test_a_count_that_is_dropped_twice_is_an_assertion() -> None:
    """If it were a mistake of the model, a fix and its wrong twin, both out, would end in a traceback."""
    both = reverts("66d204a16c94", "wrong/fallocate-drops-before-transaction")
    trace = record(Case(Geometry(), (Step("CPU 1", Allocate(1)),)), both)
    assert trace.outcome.property == "no_assertion_of_the_kernel_fails"
    assert trace.outcome.observed.endswith("reservations dropped by a task that is not counted")
    assert disagreement(trace) == ""
