"""The simulation kernel: preemption points, waits, and what can be told about them."""

from __future__ import annotations

import pytest

from models.simulation import Mark, Simulation, State, Steps


def three_points() -> Steps[int]:
    """An operation that can be preempted twice."""
    yield "first"
    yield "second"
    return 3


def wait_for(sim: Simulation, gate: list[str], name: str = "gate") -> Steps[str]:
    """An operation that blocks while ``gate`` is not empty, whose holders it names."""
    yield from sim.wait_event(name, lambda: not gate, lambda: gate)
    return "through"


def test_a_task_stops_at_the_named_point_and_goes_on_behind_it() -> None:
    """If the point were ignored or replayed, no race could be placed between two steps."""
    sim = Simulation()
    task = sim.task("a")
    sim.start(task, three_points())

    sim.run(task, until="second")
    assert (task.state, task.stopped_at) == (State.PREEMPTED, "second")

    sim.run(task)
    assert (task.state, task.result) == (State.IDLE, 3)


def test_nothing_runs_before_the_first_run() -> None:
    """If start already ran a step, an operation would begin before the schedule says so."""
    sim, done = Simulation(), []

    def operation() -> Steps[None]:
        done.append("ran")
        yield "point"

    task = sim.task("a")
    sim.start(task, operation())
    assert done == []

    sim.run(task)
    assert done == ["ran"]


def test_a_point_that_never_comes_lets_the_task_run_to_its_end() -> None:
    """If the task were left at another point, an unreachable name would hang a schedule."""
    sim = Simulation()
    task = sim.task("a")
    sim.start(task, three_points())

    sim.run(task, until="no such point")

    assert task.state is State.IDLE


def test_a_wait_blocks_and_nobody_needs_to_wake_it() -> None:
    """If runnable remembered the condition, a task would sleep on after it came true."""
    sim, gate = Simulation(), ["holder"]
    task = sim.task("a")
    sim.start(task, wait_for(sim, gate))
    sim.run(task)
    assert task.state is State.BLOCKED
    assert sim.runnable() == []

    gate.clear()
    assert sim.runnable() == [task]
    sim.run(task)
    assert task.result == "through"


def test_a_wait_looks_again_when_it_runs() -> None:
    """If a woken task did not look again, two waiters would both get what only one may have."""
    sim, gate = Simulation(), ["holder"]
    task = sim.task("a")
    sim.start(task, wait_for(sim, gate))

    sim.run(task)
    sim.run(task)

    assert task.state is State.BLOCKED


def test_a_wait_whose_condition_holds_is_no_pause() -> None:
    """If it paused all the same, every uncontended lock would be a preemption point."""
    sim = Simulation()
    task = sim.task("a")
    sim.start(task, wait_for(sim, []))

    sim.run(task)

    assert task.result == "through"


def test_the_current_task_is_known_inside_a_step_only() -> None:
    """If current outlived its step, a lock taken by a test would belong to some old task."""
    sim = Simulation()
    seen = []

    def operation() -> Steps[None]:
        seen.append(sim.current.name)
        yield "point"

    sim.start(sim.task("a"), operation())
    sim.run(sim.task("a"), until="point")

    assert seen == ["a"]
    with pytest.raises(RuntimeError, match="no task is running"):
        _ = sim.current


def test_an_operation_that_fails_leaves_no_current_task() -> None:
    """If current stayed set after an exception, no task could run again."""
    sim = Simulation()

    def operation() -> Steps[None]:
        yield "point"
        raise ValueError("planted")

    sim.start(sim.task("a"), operation())
    with pytest.raises(ValueError, match="planted"):
        sim.run(sim.task("a"))

    sim.start(sim.task("b"), three_points())
    sim.run(sim.task("b"))
    assert sim.task("b").result == 3


def test_a_busy_task_takes_no_second_operation() -> None:
    """If it did, the first operation would vanish with its locks held."""
    sim = Simulation()
    task = sim.task("a")
    sim.start(task, three_points())
    sim.run(task, until="first")

    with pytest.raises(AssertionError, match="a is preempted"):
        sim.start(task, three_points())


def test_an_idle_task_cannot_run() -> None:
    """If running nothing were allowed, a schedule could contain steps that do nothing."""
    sim = Simulation()
    with pytest.raises(AssertionError, match="a has nothing to run"):
        sim.run(sim.task("a"))


def test_a_task_cannot_run_another() -> None:
    """If it could, a step would no longer be atomic."""
    sim = Simulation()
    sim.start(sim.task("b"), three_points())

    def operation() -> Steps[None]:
        yield "point"
        sim.run(sim.task("b"))

    sim.start(sim.task("a"), operation())
    with pytest.raises(AssertionError, match="cannot run another"):
        sim.run(sim.task("a"))


def test_runnable_tasks_come_by_name() -> None:
    """If it mattered who asked for a task first, a program run again could end in another order."""
    sim = Simulation()
    for name in ("z", "a", "m"):
        sim.start(sim.task(name), three_points())
    sim.run(sim.task("a"))

    assert [task.name for task in sim.runnable()] == ["m", "z"]


def test_waiting_names_every_edge_of_a_deadlock() -> None:
    """If an edge were missing, a report could not show why nobody can go on."""
    sim = Simulation()
    for name, other in (("a", "b"), ("b", "a")):
        sim.start(sim.task(name), wait_for(sim, [other], f"lock of {other}"))
        sim.run(sim.task(name))

    assert sim.runnable() == []
    assert sim.waiting() == ["a waits for lock of b, held by b", "b waits for lock of a, held by a"]


def test_waiting_is_silent_about_a_task_that_could_go_on() -> None:
    """If a satisfied wait were listed, a slow schedule would look like a deadlock."""
    sim, gate = Simulation(), ["holder"]
    sim.start(sim.task("a"), wait_for(sim, gate))
    sim.run(sim.task("a"))
    assert sim.waiting() == ["a waits for gate, held by holder"]

    gate.clear()
    assert sim.waiting() == []


def test_a_wait_without_holders_says_nobody() -> None:
    """If the line ended in a blank, a lost wake-up would read like a printing mistake."""
    sim = Simulation()
    sim.start(sim.task("a"), sim.wait_event("godot", lambda: False))
    sim.run(sim.task("a"))
    assert sim.waiting() == ["a waits for godot, held by nobody"]


def test_a_wake_up_is_told_once_and_again_when_it_was_in_vain() -> None:
    """If it were told at every step, a diagram would be full of it; if never again, one would be missing."""
    sim, gate = Simulation(), ["c"]
    for name in ("b", "a", "c"):
        sim.start(sim.task(name), three_points() if name == "c" else wait_for(sim, gate))
    for name, until in (("b", None), ("a", None), ("c", "first")):
        sim.run(sim.task(name), until=until)

    def told() -> list[str]:
        sim.notes.clear()
        sim.tell_wake_ups(sim.task("c"))
        assert all((note.task, note.mark) == ("c", Mark.WAKES) for note in sim.notes)
        return [note.text for note in sim.notes]

    woken = [told()]
    for held in ([], [], ["d"], [], ["d"]):
        gate[:] = held
        woken.append(told())
    assert woken == [[], ["a", "b"], [], [], ["a", "b"], []], "the preempted task needs no waking"
    gate.clear()
    sim.run(sim.task("a"))
    assert told() == ["b"], "who has gone on is not woken"


def test_a_note_carries_the_task_that_told_it() -> None:
    """If notes lost their task, the two-column diagram would have one column."""
    sim = Simulation()

    def operation() -> Steps[None]:
        sim.note("btrfs_sync", "goes first")
        yield "point"

    sim.start(sim.task("a"), operation())
    sim.run(sim.task("a"))
    assert [(note.task, note.function, note.text) for note in sim.notes] == [
        ("a", "btrfs_sync", "goes first")
    ]
