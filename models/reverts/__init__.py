"""Historical fixes that can be taken out of the kernel model, by their upstream commit.

Each revert is a file of its own: which commit it undoes, what broke without it, and subclasses of rooms
that replace exactly what the fix introduced.  Adding one: write the file, name its module below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module

_MODULES = ("creation_vs_writeout", "relocation_vs_nocow")


@dataclass(frozen=True, slots=True)
class Revert:
    """One fix taken out.

    ``id`` is the upstream commit, ``subject`` its title, ``version`` the kernel that got it; ``symptom``
    is what a user of an older kernel saw; ``operations`` are those of the shortest program;
    ``expected`` names the property that breaks; ``overrides`` are subclasses of rooms.
    """

    id: str
    name: str
    subject: str
    version: str
    symptom: str
    operations: tuple[str, ...]
    expected: str
    overrides: tuple[type, ...]


@cache
def catalogue() -> tuple[Revert, ...]:
    """Every revert there is, oldest fix first."""
    return tuple(import_module(f"models.reverts.{module}").REVERT for module in _MODULES)


def find_reverts(wanted: Sequence[str]) -> tuple[Revert, ...]:
    """The reverts of these ids (or beginnings of at least 7 digits) or names, each once.

    Raises ValueError naming what is unknown and what there is.
    """
    found = []
    for word in wanted:
        matches = [
            revert
            for revert in catalogue()
            if word in (revert.id, revert.name) or (len(word) >= 7 and revert.id.startswith(word))  # noqa: PLR2004
        ]
        if not matches:
            known = ", ".join(f"{revert.id} ({revert.name})" for revert in catalogue())
            raise ValueError(f"unknown revert {word!r}; there are: {known}")
        found += matches
    return tuple(revert for revert in catalogue() if revert in found)
