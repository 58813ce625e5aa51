"""The machines of the model, on a pair."""

from __future__ import annotations

import random
from functools import cache

from fuzz.machine import Tally, TargetMachine
from fuzz.machines import MACHINES
from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.kernel_side import KernelSide
from fuzz.targets.agreement.model_side import ModelSide
from fuzz.targets.agreement.pair import Pair
from fuzz.targets.kernel.machine import FEWEST
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.vocabulary import expressible
from models.geometry import MAX_DATA_BLOCKS, Geometry
from models.operations import Inject
from strategies.geometries import ANY_FILE, FILES

SPARE_CHUNKS = 20


class PairMachine(TargetMachine[Pair]):
    """A machine on a pair."""

    def __init__(self, machinery: Machinery, counts: Counts) -> None:
        super().__init__(Tally())
        self.machinery, self.counts = machinery, counts

    def new_world(self, geometry: Geometry) -> Pair:
        """Two fresh file systems."""
        return Pair(ModelSide(geometry), KernelSide(self.machinery, geometry), self.counts)

    def count(self) -> None:
        """The sequence."""
        self.counts.sequences += 1


@cache
def pair_machines() -> tuple[type[PairMachine], ...]:
    """Those that have something left to do."""
    machines, seen = [], set()
    for machine in MACHINES:
        operations = tuple(kind for kind in machine.operations if expressible(kind) and kind is not Inject)
        if len(operations) >= FEWEST and frozenset(operations) not in seen:
            seen.add(frozenset(operations))
            machines.append(type(f"Pair{machine.__name__}", (PairMachine,), {"operations": operations}))
    return tuple(machines)


def random_geometry(source: random.Random) -> Geometry:
    """One block group, and up to three files."""
    files = tuple(source.choice(ANY_FILE) for _ in range(source.randint(1, FILES)))
    return Geometry(1, MAX_DATA_BLOCKS, SPARE_CHUNKS, files)
