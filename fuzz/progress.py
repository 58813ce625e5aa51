"""How far a search has come, as its callback is told."""

from __future__ import annotations

from typing import NamedTuple


class Level(NamedTuple):
    """Where a search is that goes level by level, the cheapest programs or schedules first.

    ``number`` is the level, ``done`` how many of its executions were done, ``known`` how many are known so
    far.
    """

    number: int = 0
    done: int = 0
    known: int = 1


def ignore(progress: object) -> None:
    """The callback of a search that nobody watches."""
    del progress
