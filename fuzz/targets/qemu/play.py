"""One run of a script in a fresh guest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fuzz.targets.qemu.guest import GuestError
from fuzz.targets.qemu.saved import Saved
from fuzz.targets.qemu.script import Move, Part, Script
from fuzz.targets.qemu.stage import ANSWER_SECONDS, Served, Stage
from fuzz.targets.qemu.tasks import Task, start


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


def play(saved: Saved, script: Script, parts: Sequence[Part], *, fixed: bool) -> Run:
    """Run a script in a fresh guest.  Raises QemuError where it gets nowhere."""
    began = time.monotonic()
    with saved.guest() as guest:
        guest.wait_restored()
        guest.gdb.greet()
        stage = Stage(guest.gdb, guest.agent, saved.symbols, saved.lines)
        for line in script.setup:
            stage.do(line)
        window = script.window.watch(stage)
        switched = None if fixed else script.switch_off.apply(stage)
        tasks: list[Task] = []
        waited: list[str] = []
        for name, (vcpu, move) in enumerate(parts, start=1):
            if move.hold:
                tasks.append(_start_and_hold(stage, vcpu, move, str(name)))
            else:
                task, function = _start_and_settle(stage, vcpu, move, str(name))
                tasks.append(task)
                waited += [function] if function else []
        for task in tasks:
            if stage.held(task.vcpu):
                stage.release(task.vcpu)
        for task in tasks:
            deque(_while_it_runs(task), maxlen=0)
        for line in script.settle:
            stage.do(line)
        observed = tuple(stage.ask(told.line).output.strip() for told in script.observations)
    seconds = time.monotonic() - began
    return Run(window.times, switched.times if switched else 0, tuple(waited), observed, seconds)


def _start_and_hold(stage: Stage, vcpu: int, move: Move, name: str) -> Task:
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
    task = start(stage, vcpu, move.line, name)
    for _ in _while_it_runs(task):
        if stage.held(vcpu):
            break
    else:
        ended = task.ended()
        raise GuestError(f"CPU {vcpu} never came to {move.hold[-1]}; it ended: {ended}")
    for address, come in gates:
        stage.not_at(address, come)
    return task


def _start_and_settle(stage: Stage, vcpu: int, move: Move, name: str) -> tuple[Task, str]:
    """Let a task run until its move is over; the task, and the function that it sleeps in, if it does.

    It counts as sleeping there when it is seen there twice in succession.
    """
    came = []

    def come(who: int) -> None:
        if who == vcpu:
            came.append(who)

    address = stage.symbols.span(move.comes_to).start if move.comes_to else None
    if address is not None:
        stage.at(address, come)
    task = start(stage, vcpu, move.line, name)
    before = function = ""
    for _ in _while_it_runs(task):
        before, function = function, task.waits_in()
        if came or (function == before and function in move.waits_in):
            break
    else:
        function = ""
    if address is not None:
        stage.not_at(address, come)
    return task, function if function in move.waits_in else ""


def _while_it_runs(task: Task) -> Iterator[None]:
    """Yield as long as a task has not ended.  Raises GuestError if that takes too long."""
    end = time.monotonic() + ANSWER_SECONDS
    while task.ended() is None:
        if time.monotonic() > end:
            raise GuestError(f"CPU {task.vcpu} does not end: it is in {task.waits_in() or 'no function'}")
        yield
