"""One run of a script in a fresh guest, and what is made of several."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fuzz.targets.qemu.guest import GuestError
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.script import Move, Part, Script
from fuzz.targets.qemu.stage import ANSWER_SECONDS, Served, Stage, Task


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen in one run.

    ``window`` counts how often the race's window was seen, ``switched`` how often the switched-off fix
    would have acted (0 with the fix as shipped); ``waited`` are the functions in which tasks slept until
    a held task went on, ``observed`` what the script's observations printed, in their order.
    """

    window: int
    switched: int
    waited: tuple[str, ...]
    observed: tuple[str, ...]
    seconds: float


def faults(script: Script, run: Run, *, fixed: bool) -> list[str]:
    """What is not as it must be; empty for a run that confirms the script."""
    found = [] if run.window else ["the window of the race was not reached"]
    if fixed:
        due = [part.waits_in for part in script.moves if part.waits_in]
        found += [
            f"nobody waited in {' or '.join(functions)}"
            for functions in due
            if not set(functions) & set(run.waited)
        ]
    elif not run.switched:
        found.append("the fix was not switched off")
    for observation, observed in zip(script.observations, run.observed, strict=True):
        wanted = observation.good if fixed else observation.bad
        if observed != wanted:
            found.append(f"{observation.name} {observed or 'nothing'}, expected {wanted or 'nothing'}")
    return found


def play(saved: Saved, script: Script, parts: Sequence[Part], *, fixed: bool) -> Run:
    """Run a script in a fresh guest.  Raises GuestError, GdbError, SymbolError where it gets nowhere."""
    began = time.monotonic()
    with saved.guest() as guest:
        guest.wait_restored()
        guest.gdb.greet()
        stage = Stage(guest, saved.symbols)
        for line in script.setup:
            stage.do(line)
        window = script.window.watch(stage)
        switched = None if fixed else script.switch_off.apply(stage)
        tasks, waited = [], []
        for vcpu, move in parts:
            if move.hold:
                tasks.append(_start_and_hold(stage, vcpu, move))
            else:
                task, function = _start_and_settle(stage, vcpu, move)
                tasks.append(task)
                waited.append(function)
        for task in tasks:
            if stage.held(task.vcpu):
                stage.release(task.vcpu)
        for task in tasks:
            _end(stage, task)
        for line in script.settle:
            stage.do(line)
        observed = tuple(stage.ask(told.line).output.strip() for told in script.observations)
    seconds = time.monotonic() - began
    return Run(window.times, switched.times if switched else 0, tuple(waited), observed, seconds)


def _start_and_hold(stage: Stage, vcpu: int, move: Move) -> Task:
    """Let a task run until it is held at the last of its functions."""
    left = list(move.hold)

    def gate(function: str) -> Served:
        def come(who: int) -> None:
            if who == vcpu and left and left[0] == function:
                left.pop(0)
                if not left:
                    stage.hold(vcpu)

        return come

    gates = [(stage.symbols.span(function).start, gate(function)) for function in move.hold]
    for address, come in gates:
        stage.at(address, come)
    task = stage.start(vcpu, move.line)
    stage.until(lambda: stage.held(vcpu), f"CPU {vcpu} at {move.hold[-1]}")
    for address, come in gates:
        stage.not_at(address, come)
    return task


def _start_and_settle(stage: Stage, vcpu: int, move: Move) -> tuple[Task, str]:
    """Let a task run until its move is over; also the function that it sleeps in, if it does.

    That it sleeps there is believed when it is seen twice in succession.
    """
    came = []

    def come(who: int) -> None:
        if who == vcpu:
            came.append(who)

    address = stage.symbols.span(move.comes_to).start if move.comes_to else None
    if address is not None:
        stage.at(address, come)
    task = stage.start(vcpu, move.line)
    end = time.monotonic() + ANSWER_SECONDS
    before = function = ""
    while not came and stage.ended(task) is None:
        before, function = function, stage.waits_in(task)
        if function == before and function in move.waits_in:
            break
        if time.monotonic() > end:
            raise GuestError(f"CPU {vcpu} neither ends nor waits: it is in {function or 'no function'}")
    if address is not None:
        stage.not_at(address, come)
    return task, function if function in move.waits_in else ""


def _end(stage: Stage, task: Task) -> None:
    end = time.monotonic() + ANSWER_SECONDS
    while stage.ended(task) is None:
        if time.monotonic() > end:
            raise GuestError(f"CPU {task.vcpu} does not end: it is in {stage.waits_in(task) or 'no function'}")
