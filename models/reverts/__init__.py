"""Fixes that can be taken out of the kernel model: historical ones, by upstream commit, and wrong ones.

Each file tells one race: what broke, which commits fixed it, and subclasses of rooms that replace exactly
what the fix introduced.  A **revert** is the code as it was before a fix; a **wrong fix** is one that
somebody might have written instead, and that does not hold.  A race in code younger than the model's
(v4.9) brings that code with it.  Adding one: write a file with a tuple ``RACES``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from dis import get_instructions
from functools import cache
from importlib import import_module
from inspect import isfunction
from itertools import pairwise
from pkgutil import iter_modules

from models.operations import ALL_POINTS, BY_NAME

SHORTEST_ID = 7
"""Digits of an upstream commit that are enough to name it."""


@dataclass(frozen=True, slots=True)
class Revert:
    """One fix taken out, or done wrong.

    ``id`` is the upstream commit (``confirmed``: seen together with its subject), with a suffix after a
    slash where one commit fixed two races; a wrong fix has the id ``wrong/`` and its name, and
    ``wrong_fix_of`` names the commit that it stands for.  ``version`` is the kernel that got the fix;
    ``mechanism`` is the story, ``symptom`` what a user saw; ``chain`` says which fix opened this race, or
    which this one opened; ``operations`` are those of a short program, by which searches for it are
    chosen; ``expected`` names the property that breaks there, ``signs`` those that may break in its place
    in other programs; ``overrides`` are subclasses of rooms.  ``rare``: its window is so narrow that a run
    of the default profile may miss it; a program for it is in the tests.
    """

    id: str
    name: str
    subject: str
    version: str
    mechanism: str
    symptom: str
    operations: tuple[str, ...]
    expected: str
    overrides: tuple[type, ...]
    confirmed: bool = True
    chain: str = ""
    wrong_fix_of: str = ""
    rare: bool = False
    signs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.id} ({self.name})"

    @property
    def told(self) -> str:
        """What was done to the kernel: a fix taken out, or a wrong one put in."""
        return f"with {self}" if self.wrong_fix_of else f"without {self}"

    @property
    def age(self) -> tuple[bool, list[int], str]:
        """Sorts historical fixes by kernel version, and wrong ones behind them."""
        return bool(self.wrong_fix_of), [int(part) for part in re.findall(r"\d+", self.version)], self.id


class EntryError(ValueError):
    """A file of the catalogue has a mistake, which its author is to be told."""


@cache
def catalogue() -> tuple[Revert, ...]:
    """Every revert there is, oldest fix first, then the wrong fixes.  Raises EntryError."""
    found: list[Revert] = []
    for name in sorted(module.name for module in iter_modules(__path__)):
        try:
            found += import_module(f"{__name__}.{name}").RACES
        except (AttributeError, ImportError, NameError, SyntaxError, TypeError) as error:
            raise EntryError(f"models/reverts/{name}.py: {error}") from error
    return tuple(sorted(found, key=lambda race: race.age))


def check(reverts: Sequence[Revert]) -> None:
    """Raises EntryError where a revert says or does nothing that could be meant."""
    for revert in reverts:
        unknown = [name for name in revert.operations if name not in BY_NAME]
        if unknown:
            raise EntryError(f"{revert}: there is no operation {', '.join(unknown)}")
        for override in revert.overrides:
            if not _replaces(override):
                raise EntryError(f"{revert}: {override.__name__} replaces no method of its room")
            nowhere = sorted(_points(override) - ALL_POINTS)
            if nowhere:
                raise EntryError(
                    f"{revert}: {override.__name__} stops at {', '.join(nowhere)}, which no operation has: "
                    "nobody would be preempted there; models/operations/ has the names"
                )


def _replaces(override: type) -> bool:
    """Whether a subclass has something that its room has too."""
    own = {name for name in vars(override) if name == "__init__" or not name.startswith("__")}
    return any(name in vars(room) for room in override.__mro__[1:-1] for name in own)


def _points(override: type) -> set[str]:
    """The preemption points in a class's methods: the literals of ``yield "name"``."""
    methods = [method for method in vars(override).values() if isfunction(method)]
    return {
        str(before.argval)
        for method in methods
        for before, then in pairwise(get_instructions(method))
        if (before.opname, then.opname) == ("LOAD_CONST", "YIELD_VALUE")
    }


def told(reverts: Sequence[Revert]) -> str:
    """What was done to the kernel, all together."""
    return ", ".join(revert.told for revert in reverts) or "with all fixes in"


def find_reverts(wanted: Sequence[str]) -> tuple[Revert, ...]:
    """The reverts of these ids (or beginnings of a commit, of at least 7 digits) or names, each once.

    A commit that fixed two races stands for the one whose id has no suffix, if there is one, else for all.
    Raises ValueError naming what is unknown and what is like it, and EntryError.
    """
    found: list[Revert] = []
    for word in wanted:
        matches = [revert for revert in catalogue() if word in (revert.id, revert.name)] or _of_commit(word)
        if not matches:
            raise ValueError(f"unknown revert {word!r}; {likely(word)}")
        if len({revert.name for revert in matches}) < len(matches):
            raise EntryError(f"{' and '.join(revert.id for revert in matches)} have the same name, {word}")
        found += matches
    reverts = tuple(revert for revert in catalogue() if revert in found)
    check(reverts)
    return reverts


def likely(word: str) -> str:
    """Which one was meant, perhaps, and where all are."""
    told = {name: str(race) for race in catalogue() for name in (race.name, race.id)}
    close = dict.fromkeys(told[name] for name in get_close_matches(word, told))
    there = "python -m fuzz races lists them all"
    return f"do you mean {' or '.join(close)}? {there}" if close else there


def _of_commit(beginning: str) -> list[Revert]:
    """The reverts of the commits that begin so."""
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_ID},}}", beginning):
        return []
    matches = [revert for revert in catalogue() if revert.id.startswith(beginning)]
    return [revert for revert in matches if "/" not in revert.id] or matches
