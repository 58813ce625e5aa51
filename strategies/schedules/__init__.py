"""Strategies for schedules: which task goes on, at every step.

A portfolio, as none is the best for every bug.
"""

from __future__ import annotations

from strategies.schedules.bounded_preemption import BoundedPreemption
from strategies.schedules.conflicts import Conflicts
from strategies.schedules.delay_bounding import DelayBounding
from strategies.schedules.drawn import drawn_by, informed
from strategies.schedules.pct import Pct
from strategies.schedules.pos import Pos
from strategies.schedules.random_walk import RandomWalk
from strategies.schedules.reads_from import ReadsFrom
from strategies.schedules.strategy import Choose, Found, Strategy, search

STRATEGIES: tuple[type[Strategy], ...] = (
    RandomWalk,
    BoundedPreemption,
    DelayBounding,
    Pct,
    Pos,
    Conflicts,
    ReadsFrom,
)
"""The simplest first."""

__all__ = [
    "STRATEGIES",
    "BoundedPreemption",
    "Choose",
    "Conflicts",
    "DelayBounding",
    "Found",
    "Pct",
    "Pos",
    "RandomWalk",
    "ReadsFrom",
    "Strategy",
    "drawn_by",
    "informed",
    "search",
]
