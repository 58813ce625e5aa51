"""What a trace says: a program, what it ran on, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import models
from fuzz.case import Case
from models.world import Violation

LONGEST_TEXT = 1000
"""Characters that are kept of what a property says."""


class TraceError(ValueError):
    """Not a trace, or one that names what there is not.  The message is one line."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A property that does not hold: what was expected, and what was observed instead."""

    property: str
    expected: str
    observed: str

    @classmethod
    def of(cls, violation: Violation) -> Sign:
        """The sign that a violation is."""
        return cls(violation.property, plain(violation.mismatch.expected), plain(violation.mismatch.observed))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program failed: ``symptom`` is what a user would notice, ``first`` what broke first."""

    symptom: Sign
    first: Sign

    @property
    def expected(self) -> str:
        """What it expects."""
        return self.symptom.expected

    @property
    def observed(self) -> str:
        """What was observed instead."""
        return self.symptom.observed

    @property
    def property(self) -> str:
        """The property that a user would notice."""
        return self.symptom.property


@dataclass(frozen=True, slots=True)
class Trace:
    """A program that fails.

    ``reverts`` are the ids of the fixes taken out, ``then`` how each step of the case left its task,
    ``model`` the version of the model that it ran on.
    """

    case: Case
    reverts: tuple[str, ...]
    then: tuple[str, ...]
    outcome: Outcome
    model: int = models.VERSION


def plain(text: str) -> str:
    """Text as a trace can hold it: one line of printable ASCII, not longer than :data:`LONGEST_TEXT`."""
    line = " ".join(text.split()).encode("ascii", "backslashreplace").decode("ascii")
    return line[:LONGEST_TEXT] or "nothing"
