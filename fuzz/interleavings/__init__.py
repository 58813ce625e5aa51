"""Which interleavings a campaign reached: pairs of operations that met, and waits of one for another.

An interleaving is a pair **(A @ p, B)**: some task stood at preemption point p of operation A, and a task
doing B got on meanwhile (it passed a preemption point, or came to its end).  A **wait** is (B, W, A): a
task doing B had to wait for W, which A held.

Why these.  Programs have too many schedules to count, and almost every one is new; a measure is of use only
if a campaign can come near its end.  Most races take two tasks and one preemption (S. Lu, S. Park, E. Seo,
Y. Zhou, *Learning from mistakes*, ASPLOS 2008), which is one pair.  The pairs are those of concurrent
functions (D. Deng, W. Zhang, S. Lu, *Efficient concurrency-bug detection across inputs*, OOPSLA 2013), told
apart by where the first one stands, as that is what a program here can choose.  The waits are
synchronization coverage (A. Bron, E. Farchi, Y. Magid, Y. Nir, S. Ur, *Applications of synchronization
coverage*, PPoPP 2005): a lock for which nobody ever waited has not been tested.

That B got on is part of it: a task that begins B and has to wait at once for what A holds tells that the
lock works, and nothing of B.  Counted are the cases in which a pair came about, not how often: what is
left to see is estimated from that (:mod:`fuzz.interleavings.species`).
"""

from __future__ import annotations

from fuzz.interleavings.coverage import Coverage, Never, together
from fuzz.interleavings.species import Estimate, estimate
from fuzz.interleavings.watched import Interleavings, WatchedWorld

__all__ = ["Coverage", "Estimate", "Interleavings", "Never", "WatchedWorld", "estimate", "together"]
