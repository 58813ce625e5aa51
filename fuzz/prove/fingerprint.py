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
  is text for people (what it waits *for* is there, with its closure);
* the text of violations: which properties broke is there;
* state of modules and classes: there is none, but for caches of what never changes.
"""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache
from itertools import groupby
from operator import itemgetter
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import cast

from models.reference import Reference
from models.reference.contents import Time
from models.simulation import Simulation, State, Task, Wait
from models.world import World

CPU = "CPU "
"""Beginning of the names of the tasks that are interchangeable."""
VIEWS = tuple(map(type, ({}.keys(), {}.values(), {}.items())))
EMPTY: tuple[Iterable[object], ...] = ([], (), {}, {}.values(), {}.items(), range(0), set(), "")
ITERATORS: tuple[type, ...] = tuple(type(iter(empty)) for empty in EMPTY)
COMPOSED: tuple[type, ...] = (enumerate, zip, map, filter, reversed, type(reversed([])), type(reversed({})))
"""Iterators say what is left of them when they are asked how to pickle them."""


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
        self._names: dict[str, str] = {}
        live = sorted(name for name, task in world.sim.tasks.items() if is_live(task))
        cpus = [name for name in live if name.startswith(CPU)]
        self._names = {name: f"{CPU}{rank}" for rank, name in enumerate(cpus)}
        self._live = [world.sim.tasks[name] for name in live]
        self._world = world
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # an id is only good while its object lives
        self._tokens: list[str] = []
        self._times: list[tuple[int, Time]] = []

    def tokens(self) -> list[str]:
        """What the digest is made of."""
        world = self._world
        fields = vars(world)
        parts = [fields[name] for name in ("_operations", "_memos", "_values", "fs", "reference", "seen")]
        pending: list[object] = [list(world.violations), world.draining, *parts]
        while pending:
            thing = pending.pop()
            kind = type(thing)
            if kind is int or kind is bool or thing is None:
                self._tokens.append(repr(thing))
            elif kind is str:
                self._tokens.append(self._text(cast("str", thing)))
            elif kind is Time:
                self._times.append((len(self._tokens), cast("Time", thing)))
                self._tokens.append("")
            else:
                pending += reversed(self._open(thing, kind))
        for rank, (_, together) in enumerate(groupby(sorted(self._times, key=itemgetter(1)), itemgetter(1))):
            for place, time in together:
                self._tokens[place] = f"time {rank}" if time else "0"
        return self._tokens

    def _text(self, text: str) -> str:
        if not text.startswith(CPU):
            return repr(text)
        return self._names.setdefault(text, f"gone {len(self._names)}")

    def _open(self, thing: object, kind: type) -> Sequence[object]:
        """Tell what the thing is; the things in it, in order."""
        if kind is not tuple:
            number = self._numbers.get(id(thing))
            if number is not None:
                self._tokens.append(f"@{number}")
                return ()
            self._numbers[id(thing)] = len(self._numbers)
            self._kept.append(thing)
        if kind is World:
            inside: Iterable[object] = ()  # its parts are walked anyway
        elif kind is Simulation:
            inside = self._live
        else:
            inside = _reader(kind)(thing)
        parts = list(inside)
        self._tokens.append(f"{kind.__qualname__} {len(parts)}")
        return parts


Reader = Callable[..., Iterable[object]]


@cache
def _reader(kind: type) -> Reader:
    """How to read things of that type: what is in them, in an order that belongs to their meaning."""
    for known, reader in READERS:
        if issubclass(kind, known):
            return reader
    if kind.__module__.partition(".")[0] not in READABLE:
        raise TypeError(f"nobody has said how to read the state of {kind.__module__}.{kind.__qualname__}")
    slots = [name for base in kind.__mro__ for name in vars(base).get("__slots__", ())]

    def attributes(thing: object) -> Iterable[object]:
        yield from (getattr(thing, name, None) for name in slots)
        for name, value in getattr(thing, "__dict__", {}).items():
            yield from (name, value)

    return attributes


READABLE = ("models", "contextlib")
"""Packages whose classes keep what they know in their attributes."""


def _task(task: Task) -> Iterable[object]:
    return (task.name, task.state, task.steps, task.blocked_on, task.journal_info)


def _reference(reference: Reference) -> Iterable[object]:
    """All but the clock: what it shows next is later than all that is known, whatever it shows now."""
    return (value for name, value in vars(reference).items() if name != "_now")


def _wait(wait: Wait) -> Iterable[object]:
    return (wait.condition,)


def _generator(steps: GeneratorType[object, object, object]) -> Iterable[object]:
    if steps.gi_frame is None:
        return (steps.gi_code,)
    names = sorted(steps.gi_frame.f_locals)
    held = (thing for thing in gc.get_referents(steps) if not isinstance(thing, FrameType))
    return (steps.gi_code, steps.gi_frame.f_lasti, *names, *held)


def _function(function: FunctionType) -> Iterable[object]:
    return (function.__code__, *(function.__closure__ or ()), *(function.__defaults__ or ()))


def _cell(cell: CellType) -> Iterable[object]:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ("empty",)


def _iterator(iterator: object) -> Iterable[object]:
    reduced = iterator.__reduce__()
    return reduced[1:] if isinstance(reduced, tuple) else ()


def _sequence(members: Sequence[object]) -> Iterable[object]:
    return (*members, *getattr(members, "__dict__", {}).values())


def _counter(counter: Counter[str]) -> Iterable[object]:
    return (part for item in sorted(counter.items()) if item[1] for part in item)


def _dict(mapping: dict[object, object]) -> Iterable[object]:
    return (part for item in mapping.items() for part in item)


def _set(members: set[object]) -> Iterable[object]:
    if not all(isinstance(member, int | str | tuple) for member in members):
        raise TypeError("a set of objects has no order that belongs to its meaning")
    return sorted(cast("set[int]", members))


def _exception(error: BaseException) -> Iterable[object]:
    return (*error.args, *vars(error).values())


CODES: dict[CodeType, int] = {}
"""Code has no state: a number for each that was met."""


def _code(code: CodeType) -> Iterable[object]:
    return (CODES.setdefault(code, len(CODES)),)


def _name(thing: type) -> Iterable[object]:
    return (f"{thing.__module__}.{thing.__qualname__}",)


def _enum(member: Enum) -> Iterable[object]:
    return (member.name,)


READERS: tuple[tuple[type | tuple[type, ...], Reader], ...] = (
    (Enum, _enum),
    (Task, _task),
    (Wait, _wait),
    (Reference, _reference),
    ((list, tuple), _sequence),
    (Counter, _counter),
    ((dict, MappingProxyType), _dict),
    (VIEWS, list),
    ((set, frozenset), _set),
    (GeneratorType, _generator),
    (FunctionType, _function),
    (MethodType, lambda method: (method.__func__, method.__self__)),
    (CellType, _cell),
    (CodeType, _code),
    ((type, BuiltinFunctionType), _name),
    (ModuleType, lambda module: (module.__name__,)),
    (range, lambda numbers: (numbers.start, numbers.stop, numbers.step)),
    (ITERATORS + COMPOSED, _iterator),
    (BaseException, _exception),
)
