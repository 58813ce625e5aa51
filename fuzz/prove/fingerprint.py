"""A digest of all that a world's future depends on: equal digests, equal futures.

Generators cannot be copied, but they can be read.  Everything that the tasks, the file system, the device,
the reference model and the judge can reach is walked, each object numbered where it is met first, so that
two worlds have one digest if and only if there is a one-to-one match of their objects that keeps types,
values, order and sharing.  A generator is its code, the position in it, its locals, and what it has on its
stack (the iterator of a loop that is paused, the generator that it yields from): the garbage collector
knows all of it.  Whatever type is not known here is refused, not skipped.

What is left out, and why that is sound:

* what was told and counted: notes, the program, where tasks stopped, which ``sometimes`` sentences came
  true; nobody reads them to decide anything;
* names of CPUs: they only say in which order tasks go on when nobody chooses any more, and that order is
  kept; a CPU that is idle and holds no handle is like one that never was;
* when something happened: only the order of times matters, so they are numbered by rank;
* what an idle task's last operation returned; the name of what a task waits for and who holds it, which
  is text (the condition that it waits for is there, with its closure);
* the text of violations: which properties broke is there;
* state of modules and classes: there is none, but for caches of what never changes.
"""

from __future__ import annotations

import hashlib
from itertools import groupby
from operator import itemgetter
from typing import cast

from fuzz.prove.readers import reader
from models.reference.contents import Time
from models.simulation import Simulation, State, Task
from models.world import World

PLAIN = frozenset((int, bool, type(None)))
"""Types whose values are told as they are."""
CPU = "CPU "
"""Beginning of the names of the tasks that are interchangeable."""


SHARED = {"geometry", "reverts", "run_on"}
TOLD = {"violations", "program", "drained", "stops", "reached", "_told"}
LEFT_OUT = SHARED | TOLD
"""Attributes of a world that all worlds of a search have alike, or that only tell and count."""


def fingerprint(world: World) -> bytes:
    """The digest of a world between two steps: 16 bytes, comparable within one process only.

    Raises TypeError for an object of a type whose state nobody has said how to read.
    """
    walk = _Walk(world)
    digest = hashlib.blake2b(digest_size=16)
    digest.update("\n".join(walk.tokens()).encode())
    return digest.digest()


def is_live(task: Task) -> bool:
    """Whether the task is inside an operation or holds a handle; others are all alike."""
    return task.state is not State.IDLE or task.journal_info is not None


class _Walk:
    """One walk through the objects of a world, depth first."""

    def __init__(self, world: World) -> None:
        live = sorted(name for name, task in world.sim.tasks.items() if is_live(task))
        cpus = [name for name in live if name.startswith(CPU)]
        self._names: dict[str, str] = {name: f"{CPU}{rank}" for rank, name in enumerate(cpus)}
        self._live = [world.sim.tasks[name] for name in live]
        self._world = world
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # an id is only good while its object lives
        self._tokens: list[str] = []
        self._times: list[tuple[int, Time]] = []

    def tokens(self) -> list[str]:
        """What the digest is made of.  Much of a search's time is spent here: it is written to be quick."""
        world, tokens = self._world, self._tokens
        parts = [part for name, part in vars(world).items() if name not in LEFT_OUT]
        pending: list[object] = [list(world.violations), *parts]
        while pending:
            thing = pending.pop()
            kind = type(thing)
            if kind in PLAIN:
                tokens.append(repr(thing))
            elif kind is str:
                tokens.append(self._text(cast("str", thing)))
            elif kind is Time:
                self._times.append((len(tokens), cast("Time", thing)))
                tokens.append("")
            elif (number := self._numbers.get(id(thing))) is not None:
                tokens.append(f"@{number}")
            else:
                if kind is not tuple:
                    self._numbers[id(thing)] = len(self._numbers)
                    self._kept.append(thing)
                inside = self._open(thing, kind)
                tokens.append(f"{kind.__qualname__} {len(inside)}")
                inside.reverse()
                pending += inside
        for rank, (_, together) in enumerate(groupby(sorted(self._times, key=itemgetter(1)), itemgetter(1))):
            for place, time in together:
                tokens[place] = f"time {rank}" if time else "0"
        return tokens

    def _text(self, text: str) -> str:
        if not text.startswith(CPU):
            return repr(text)
        return self._names.setdefault(text, f"gone {len(self._names)}")

    def _open(self, thing: object, kind: type) -> list[object]:
        """The things in it, in order."""
        if kind is World:
            return []  # its parts are walked anyway
        return [*self._live] if kind is Simulation else list(reader(kind)(thing))
