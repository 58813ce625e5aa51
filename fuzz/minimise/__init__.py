"""From a failing case to the least program of its bug: dropping, lowering, and then looking everywhere.

Hypothesis may have shrunk the case before, by its choices; this works on the steps themselves.  First it
goes downhill: it drops steps, removes and moves preemptions, lowers arguments and the geometry, renames and
reorders, has files and block groups there from the start, as long as the same property breaks, until no such
change makes the program less (:mod:`fuzz.minimise.candidates`), nor several that mend what each of them
breaks (:mod:`fuzz.minimise.leaps`), nor one together with a step left out.  Going downhill still ends where
it happened to start.  So then programs of the same operations that cost no more are tried, all of them or
as many as there is patience for, and of those that fail the least is taken
(:mod:`fuzz.minimise.everywhere`); where one is found it is downhill again.  Deterministic.

What less means is said in :mod:`fuzz.minimise.size`.
"""

from __future__ import annotations

from fuzz.minimise.search import Minimiser, case_of, minimise
from fuzz.minimise.size import cost, size

__all__ = ["Minimiser", "case_of", "cost", "minimise", "size"]
