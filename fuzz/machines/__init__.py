"""The machines, one per subject: which operations meet in a campaign.

One machine with every operation would seldom put those together that race.  Each subject has three to five
operations, as few as are worth anything together (somebody has to commit, a bio has to complete), and its
focus: the preemption points that matter most to it, where tasks stop three times as often as at all others
together.

Fewer operations matter more than anything else that was tried: with four instead of seven, races of scrub
and of fsync were found ten to a hundred times as often in as many steps.  But something has to make what
the others use up, or cases run dry: without allocate, a race of the cleaner was found ten times less often.
(Drawing the few anew in every case, longer and shorter cases, another share of preemptions, and cases grown
from those that reached something new were measured as well, and found no more.)

The shards of a profile take turns.  A machine whose subject has the narrowest windows, one case in several
hundred, has six turns in a round; it is quick, too, as nothing in it does IO.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fuzz.machine import BlockGroupMachine
from fuzz.machines.creation import Adding, Allocating, Committing, Creation, Handles, Reuse
from fuzz.machines.durability import Durability, Failing, Faults, Joining, Logging, LoggingPages, Syncing
from fuzz.machines.everything import Everything
from fuzz.machines.removal import Cleaning, Removal, Unpinning
from fuzz.machines.upkeep import Freezing, Moving, Pausing, Scrubbing, Trimming
from fuzz.machines.writing import Flushing, Overwriting, Snapshots, SnapshotsOfPages
from fuzz.tally import Tally
from models.reverts import Revert

MACHINES: tuple[type[BlockGroupMachine], ...] = (
    Creation,
    Reuse,
    Handles,
    Adding,
    Allocating,
    Committing,
    Overwriting,
    Flushing,
    Snapshots,
    SnapshotsOfPages,
    Cleaning,
    Unpinning,
    Removal,
    Trimming,
    Freezing,
    Scrubbing,
    Moving,
    Pausing,
    Logging,
    LoggingPages,
    Joining,
    Syncing,
    Faults,
    Failing,
    Durability,
    Everything,
)
"""Each once, in the order in which shards take them."""
TURNS = tuple(
    machine
    for turn in range(max(machine.turns for machine in MACHINES))
    for machine in MACHINES
    if turn < machine.turns
)
"""A round of shards: first each machine once, then those that have more turns."""


__all__ = ["MACHINES", "TURNS", "Creation", "Everything", "machine_factory"]


def machine_factory(machine: type[BlockGroupMachine], reverts: Sequence[Revert], tally: Tally) -> Any:  # noqa: ANN401 - Hypothesis's own type
    """What run_state_machine_as_test takes."""

    def new_machine() -> BlockGroupMachine:
        return machine(reverts, tally)

    return new_machine
