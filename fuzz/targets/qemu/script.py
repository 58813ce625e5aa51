"""How a race of the model is played on a real kernel, as data.

A script is a file in ``scripts/`` with a :class:`Script`.  It says what the steps of the model's shortest
program are in the guest, where tasks are held in place of the model's preemption points, how the fix is
switched off in the running kernel, and what is seen then and otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple

from fuzz.targets.qemu import scripts
from fuzz.targets.qemu.guest import VCPUS, vcpu_of
from fuzz.targets.qemu.switches import Switch, Window
from models.operations import Step
from models.reverts import Revert


class ScriptError(Exception):
    """The trace cannot be played; the message is one line."""


@dataclass(frozen=True, slots=True)
class Move:
    """What one task does in the guest.

    ``steps`` are the steps of the trace that it stands for, as ``operation`` or ``operation until point``;
    ``line`` is a command, without pipes.  ``hold`` are kernel functions that the task comes to one after
    the other: it is held at the last.  Without, the move is over when the task has ended, sleeps in one of
    ``waits_in``, or came to the function ``comes_to``; held tasks go on when all moves are over.
    """

    steps: tuple[str, ...]
    line: str
    hold: tuple[str, ...] = ()
    waits_in: tuple[str, ...] = ()
    comes_to: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a shell line prints in the end: ``good`` with the fix as shipped, ``bad`` with it switched off."""

    name: str
    line: str
    good: str
    bad: str


@dataclass(frozen=True, slots=True)
class Script:
    """One race.  ``race`` is the id of its revert.

    ``setup`` are shell lines before the tasks start, ``settle`` those between their end and the
    observations.  ``window`` tells whether the interleaving came about at all: without it, a good outcome
    means nothing.  ``/tasks/N.code`` in the guest has the exit code of the Nth move, counted from 1.
    """

    race: str
    setup: tuple[str, ...]
    moves: tuple[Move, ...]
    window: Window
    switch_off: Switch
    observations: tuple[Observation, ...]
    settle: tuple[str, ...] = ()


def switches_of(reverts: Sequence[Revert]) -> list[Switch]:
    """How these fixes are switched off in the guest.  Raises ValueError where one cannot be."""
    known = catalogue()
    for revert in reverts:
        if revert.id not in known:
            raise ValueError(
                f"{revert.id} cannot be switched off in the guest; there are: {', '.join(known)} "
                "(fuzz/targets/qemu/scripts/)"
            )
    return [known[revert.id].switch_off for revert in reverts]


class Part(NamedTuple):
    """A move, and the vCPU that it is played on."""

    vcpu: int
    move: Move


@cache
def catalogue() -> dict[str, Script]:
    """Every script there is, by the id of its race."""
    names = sorted(module.name for module in iter_modules(scripts.__path__))
    found = [import_module(f"{scripts.__name__}.{name}").SCRIPT for name in names]
    return {script.race: script for script in found}


def script_for(reverts: Sequence[str]) -> Script:
    """The script of the race that a trace with these reverts shows.  Raises ScriptError if there is none."""
    known = catalogue()
    if len(reverts) == 1 and reverts[0] in known:
        return known[reverts[0]]
    raise ScriptError(
        f"no script for {' with '.join(reverts) or 'a trace without a revert'}; there are: "
        f"{', '.join(known)}; another needs a file in fuzz/targets/qemu/scripts/ with the guest's commands, "
        "the kernel functions to hold them at, a way to switch the fix off, and both outcomes"
    )


def cast(script: Script, steps: Sequence[Step]) -> list[Part]:
    """Which move is played on which vCPU.  Raises ScriptError where the trace is another program."""
    told = [_words(step) for step in steps]
    wanted = [words for move in script.moves for words in move.steps]
    if told != wanted:
        raise ScriptError(
            f"the script of {script.race} plays [{'; '.join(wanted)}], the trace is [{'; '.join(told)}]"
        )
    parts, left = [], list(steps)
    for move in script.moves:
        mine, left = left[: len(move.steps)], left[len(move.steps) :]
        tasks = {step.task for step in mine}
        vcpu = vcpu_of(mine[0].task)
        if len(tasks) > 1 or vcpu is None:
            raise ScriptError(f"[{'; '.join(move.steps)}] must be of one task, CPU 1 to CPU {VCPUS - 1}")
        parts.append(Part(vcpu, move))
    if len({part.vcpu for part in parts}) < len(parts):
        raise ScriptError(f"each move of {script.race} needs a task of its own")
    return parts


def _words(step: Step) -> str:
    name = step.operation.name if step.operation else "resume"
    return f"{name} until {step.until}" if step.until else name
