"""A trial of a bench that tries every race with several seeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from models.reverts import Revert


class Trial(NamedTuple):
    """One revert, one seed."""

    revert: Revert
    seed: int

    @property
    def key(self) -> str:
        """Names the trial in the log."""
        return f"{self.revert.id} seed {self.seed}"


def trials_of(reverts: Iterable[Revert], seeds: int) -> list[Trial]:
    """Every race with seeds 0 to ``seeds`` - 1."""
    return [Trial(revert, seed) for revert in reverts for seed in range(seeds)]


def tells_of(revert: Revert, name: str) -> bool:
    """Whether the catalogue names this property: as the one that is expected to break, or as a sign."""
    return name in (revert.expected, *revert.signs)
