"""What a good campaign must reach: each a sentence that comes true in some case, or the search is too weak.

A property (:mod:`models.properties`) must hold always; a sentence declared with :func:`sometimes` must
come true at least once in a long run.  It looks at one :class:`Moment`: what a task just did, why it
waits, how its operation ended, and the state.  None of them says that anything is wrong.

Adding one: write a function in a file here (or in a new file), named by the sentence.  Then write a program
that reaches it in ``tests/reaching.py``; a test fails while one is missing.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from models.simulation import Mark, Note, Task
from models.syscalls.base import Failed

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.operations import Operation


class At(enum.Enum):
    """When a sentence is looked at: only then, so that most steps cost nothing."""

    WAIT = "a task cannot go on"
    NOTE = "something worth a line in the diagram happened"
    END = "an operation ended"
    STOP = "a task stopped, blocked or ended"


@dataclass(slots=True, eq=False)
class Moment:
    """What a sentence may look at: the state behind one step of ``task``.

    ``operation`` is what the task is doing (or has just ended), ``notes`` are those of this step.
    """

    fs: FsInfo
    task: Task
    operation: Operation
    notes: Sequence[Note]

    def waits_for(self, beginning: str) -> bool:
        """Whether the task waits for something whose name begins so."""
        return self.task.blocked_on is not None and self.task.blocked_on.name.startswith(beginning)

    def waits_in(self, *functions: str) -> bool:
        """Whether the task's stack has all these functions (as /proc/PID/stack would show)."""
        return set(functions) <= set(stack(self.task))

    def told(self, function: str, text: str = "") -> bool:
        """Whether ``function`` noted something with ``text`` in it during this step."""
        return any(note.function == function and text in note.text for note in self.notes)

    def refused(self, code: int) -> bool:
        """Whether the operation just ended with this errno."""
        return isinstance(self.task.result, Failed) and self.task.result.code == code


def stack(task: Task) -> Iterator[str]:
    """The functions that a task is inside of, outermost first."""
    steps: object = task.steps
    while (code := getattr(steps, "gi_code", None)) is not None:
        yield code.co_name
        steps = getattr(steps, "gi_yieldfrom", None)


Check = Callable[[Moment], bool]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Something that must come true sometimes.  The name is the function's."""

    name: str
    at: At
    check: Check

    @property
    def text(self) -> str:
        """As text."""
        return self.name.replace("_", " ")


_REGISTRY: list[Sentence] = []


def sometimes(at: At) -> Callable[[Check], Check]:
    """Declare a function to be a sentence."""

    def declare(check: Check) -> Check:
        _REGISTRY.append(Sentence(getattr(check, "__name__", ""), at, check))
        return check

    return declare


@cache
def sentences() -> tuple[Sentence, ...]:
    """All of them, file by file."""
    for module in sorted(module.name for module in iter_modules(__path__)):
        import_module(f"{__name__}.{module}")
    return tuple(_REGISTRY)


@cache
def _sentences_at(at: At) -> tuple[Sentence, ...]:
    return tuple(sentence for sentence in sentences() if sentence.at is at)


def came_true(moment: Moment, reached: Container[str], *, ended: bool) -> Iterator[str]:
    """The sentences that are true at this moment and were not before in this case."""
    now = [At.STOP]
    if moment.task.blocked_on is not None:
        now.append(At.WAIT)
    if any(note.mark is Mark.HAPPENED for note in moment.notes):
        now.append(At.NOTE)
    if ended:
        now.append(At.END)
    for at in now:
        for sentence in _sentences_at(at):
            if sentence.name not in reached and sentence.check(moment):
                yield sentence.name
