"""The machines of the model, on a pair: the same operations, drawn in the same way, by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

from fuzz.machine import TargetMachine
from fuzz.tally import Tally
from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.kernel_side import KernelSide
from fuzz.targets.agreement.model_side import ModelSide
from fuzz.targets.agreement.pair import Pair
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.vocabulary import expressible
from fuzz.targets.machines import fitted
from models.geometry import MAX_DATA_BLOCKS, File, Geometry
from models.operations import Inject
from strategies.geometries import ANY_FILE, FILES
from strategies.operations import Drawn, Resumed, pools

SPARE_CHUNKS = 20
"""More than the limits let anybody use."""


class PairMachine(TargetMachine[Pair]):
    """A machine on a pair."""

    def __init__(self, machinery: Machinery, counts: Counts) -> None:
        super().__init__(Tally())
        self.machinery, self.counts = machinery, counts

    def new_world(self, geometry: Geometry) -> Pair:
        """Two fresh file systems."""
        return Pair(ModelSide(geometry), KernelSide(self.machinery, geometry), self.counts)

    def count(self) -> None:
        """One sequence more, and whether it was compared to its end."""
        self.counts.sequences += 1
        self.counts.ended_early += self.world.over


@cache
def pair_machines() -> tuple[type[PairMachine], ...]:
    """The machines of the model that have something left to do, in their order."""
    return fitted(PairMachine, "Pair", lambda kind: expressible(kind) and kind is not Inject)


def geometry_with(files: tuple[File, ...]) -> Geometry:
    """One block group with these files, as large as the model has them: nearest to the kernel's own."""
    return Geometry(1, MAX_DATA_BLOCKS, SPARE_CHUNKS, files)


def random_geometry(source: random.Random) -> Geometry:
    """With up to three files."""
    return geometry_with(tuple(source.choice(ANY_FILE) for _ in range(source.randint(1, FILES))))


def random_sequence(
    seed: int, number: int, steps: int
) -> tuple[type[PairMachine], Geometry, list[Drawn | Resumed]]:
    """All that is chosen in sequence ``number`` of a seed; the machines take turns."""
    source = random.Random(f"{seed} {number}")  # noqa: S311 - equal seeds, equal choices
    kind = pair_machines()[number % len(pair_machines())]
    several: Sequence[Sequence[Drawn | Resumed]] = pools(*kind.operations, seldom=kind.seldom)
    geometry = random_geometry(source)
    return kind, geometry, [source.choice(source.choice(several)) for _ in range(steps)]
