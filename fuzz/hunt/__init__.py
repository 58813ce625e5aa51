"""Hunting: the machines' cases in a plain loop, on every core, for as long as one likes.

A search by Hypothesis spends as much time on choosing as on running the case.  A hunt makes the same
choices, as likely as there, from a seed for each case (:mod:`fuzz.random_cases`), on the same machines with
the same properties.  Hypothesis is asked only when something fails, to save it (:mod:`fuzz.hunt.choices`).

A hunt may aim: each of its cases tries one interleaving on purpose (:mod:`fuzz.searches.aimed`).

Case ``number`` of a seed is the same in whatever process it runs, and cases are counted in their order,
whichever ends first: a hunt of so many cases says the same on one core as on many, in one run or in several.
"""

from __future__ import annotations

from fuzz.hunt.campaign import Campaign, machine_names
from fuzz.hunt.loop import Hunt, Limits
from fuzz.hunt.state import State, StateError, load, sources

__all__ = ["Campaign", "Hunt", "Limits", "State", "StateError", "load", "machine_names", "sources"]
