"""The machines, one per subject: which operations meet in a campaign.

One machine with every operation would seldom put those together that race.  Each subject has the
operations of its own and those that they need to be worth anything (somebody has to commit, a bio has to
complete); the default profile's shards take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis.stateful import rule

from fuzz.machine import BlockGroupMachine, Tally
from models.operations import (
    OPERATIONS,
    Allocate,
    BufferedWrite,
    Clean,
    Commit,
    CompleteBio,
    CreateBg,
    EndTransaction,
    Free,
    Relocate,
    RunDelayedRefs,
    Snapshot,
    StartNocowDio,
    Writeback,
)
from models.reverts import Revert
from strategies.operations import Drawn, Resumed, choices


class Creation(BlockGroupMachine):
    """Block groups between their two phases: who uses them, and who writes their items."""

    @rule(choice=choices(CreateBg, Allocate, Free, RunDelayedRefs, EndTransaction, Commit))
    def step(self, choice: Drawn | Resumed) -> None:
        """One choice of this subject."""
        self.advance(choice)


class Writing(BlockGroupMachine):
    """Writes, in place or not, against relocation."""

    @rule(choice=choices(StartNocowDio, BufferedWrite, Writeback, CompleteBio, Relocate, Allocate, Commit))
    def step(self, choice: Drawn | Resumed) -> None:
        """One choice of this subject."""
        self.advance(choice)


class Snapshots(BlockGroupMachine):
    """Snapshots against writes, in place or not."""

    @rule(choice=choices(StartNocowDio, BufferedWrite, Writeback, CompleteBio, Snapshot, Commit))
    def step(self, choice: Drawn | Resumed) -> None:
        """One choice of this subject."""
        self.advance(choice)


class Removal(BlockGroupMachine):
    """Block groups that become unused, against whoever still has to do with them."""

    @rule(choice=choices(CreateBg, Allocate, Free, RunDelayedRefs, Clean, EndTransaction, Commit, Relocate))
    def step(self, choice: Drawn | Resumed) -> None:
        """One choice of this subject."""
        self.advance(choice)


class Everything(BlockGroupMachine):
    """All of it: for what no subject foresees."""

    @rule(choice=choices(*OPERATIONS))
    def step(self, choice: Drawn | Resumed) -> None:
        """One choice of this subject."""
        self.advance(choice)


MACHINES: tuple[type[BlockGroupMachine], ...] = (Creation, Writing, Snapshots, Removal, Everything)
"""In the order in which shards take them."""


def machine_factory(machine: type[BlockGroupMachine], reverts: Sequence[Revert], tally: Tally) -> Any:  # noqa: ANN401 - Hypothesis's own type
    """What run_state_machine_as_test takes."""

    def new_machine() -> BlockGroupMachine:
        return machine(reverts, tally)

    return new_machine
