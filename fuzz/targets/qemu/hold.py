"""Where a vCPU is held, as data.

A model's preemption point lies before something, or behind it; so does a hold: where a function is entered,
or where it returns.  A hold may have a way: functions that the task comes through first, one behind the
other, so that the one that is meant is told from others that call the same function.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """Where a vCPU is held: at the last of ``way``, or, if ``behind``, where that returns to.

    Each part of the way is one function, or several with ``|`` between them, of which any will do.  ``why``
    is said where the function has not the name of the point.
    """

    way: tuple[str, ...]
    behind: bool = False
    why: str = ""

    def functions(self) -> list[str]:
        """All that the way may come through."""
        return [function for part in self.way for function in part.split("|")]

    def __str__(self) -> str:
        return " > ".join(self.way) + (" returned" if self.behind else "")


def at(*way: str, why: str = "") -> Hold:
    """Held where the last function is entered."""
    return Hold(way, why=why)


def behind(*way: str, why: str = "") -> Hold:
    """Held where the last function returns."""
    return Hold(way, behind=True, why=why)
