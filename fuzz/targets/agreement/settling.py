"""When the two sides of a step may be compared: neither is on its way any more to where the other is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fuzz.targets.agreement.counts import Counts

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair

LOOKS = 10
"""How often to look at a difference before it counts as one."""
PATIENCE = 5.0
"""Seconds for which to look at a difference that no rule knows before it is a disagreement."""
MOST_LOOKS = 70
"""How often to look at it in this time, at most."""


class Settling:
    """What is known of a pair's tasks and writes from one step to the next."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self._apart: frozenset[object] = frozenset()

    def wait(self) -> None:
        """Where the sides have just come apart, look again for a while, and for longer where no rule knows
        why: the kernel commits by itself, and on a busy machine that takes its time.  Raises Violation."""
        before, self._apart = self._apart, self._come_apart()
        for _ in range(LOOKS):
            if self._apart <= before:
                break
            self.pair.kernel.settle_again()
            self._apart = self._come_apart()
        until, looks = time.monotonic() + PATIENCE, 0
        while self._surprises() and looks < MOST_LOOKS and time.monotonic() < until:
            self.pair.kernel.settle_again()
            looks += 1
        self.pair.counts.slow += bool(looks) and not self._surprises()
        self._apart = self._come_apart()

    def _come_apart(self) -> frozenset[object]:
        """Tasks that are inside on one side only, and values that are in flight on one side only."""
        model, kernel = (
            frozenset(side.inside()).union(*side.values_in_flight())
            for side in (self.pair.model, self.pair.kernel)
        )
        return model ^ kernel

    def _surprises(self) -> bool:
        """Whether tasks or their writes have come to different places, and no rule knows why."""
        return any(
            one.key not in self.pair.standing and self.pair.known(one) is None
            for one in self.pair.comparison.stands(Counts())
        )
