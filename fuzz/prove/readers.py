"""How to read the state of an object, by its type; what is not known is refused, not skipped."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache
from itertools import chain
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
from models.simulation import Task, Wait

VIEWS = tuple(map(type, ({}.keys(), {}.values(), {}.items())))
EMPTY: tuple[Iterable[object], ...] = ([], (), {}, {}.values(), {}.items(), range(0), set(), "")
ITERATORS: tuple[type, ...] = tuple(type(iter(empty)) for empty in EMPTY)
COMPOSED: tuple[type, ...] = (enumerate, zip, map, filter, reversed, type(reversed([])), type(reversed({})))
"""Iterators say what is left of them when they are asked how to pickle them."""

Reader = Callable[..., Iterable[object]]


@cache
def reader(kind: type) -> Reader:
    """How to read things of that type: what is in them, in an order that belongs to their meaning.

    Raises TypeError for a type whose state nobody has said how to read.
    """
    for known, read in READERS:
        if issubclass(kind, known):
            return read
    if kind.__module__.partition(".")[0] not in READABLE:
        raise TypeError(f"nobody has said how to read the state of {kind.__module__}.{kind.__qualname__}")
    slots = [name for base in kind.__mro__ for name in vars(base).get("__slots__", ())]

    def attributes(thing: object) -> Iterable[object]:
        named = getattr(thing, "__dict__", {})
        return chain([getattr(thing, name, None) for name in slots], chain.from_iterable(named.items()))

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
