"""What is not tried, although both could do it: it would only show that sizes or versions differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.targets.kernel.vocabulary import NO_STOP, REFUSED, refusal
from models.geometry import MAX_DATA_BLOCKS
from models.operations import (
    OPERATIONS,
    Allocate,
    BufferedWrite,
    CreateBg,
    Inject,
    Operation,
    Relocate,
    StartNocowDio,
)

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair

MOST_GROUPS = 5
"""DATA block groups; the kernel's device has room for two more."""
MOST_TO_MOVE = 24
"""DATA blocks that are used or promised when a relocation begins."""
ROOM = (
    f"a write for which the model would need another block group (its are full after {MAX_DATA_BLOCKS} "
    f"blocks), and a relocation while more than {MOST_TO_MOVE} are used or promised"
)
ORPHAN = (
    "a relocation while the model uses a block group that the kernel has removed: it would find other files"
)
DEVICE = f"more than {MOST_GROUPS} DATA block groups: the device is full sooner on one side than on the other"
FAULT = "faults: what fails after one, and when, is judged on either side by itself"
BALANCE = "two relocations at a time: the kernel refuses the second, the model's waits for the first"
SHARED = "a relocation while there is a snapshot: the model leaves that out (models/btrfs/snapshot.py)"


def limit(pair: Pair, operation: Operation) -> str:
    """Why the operation is not tried, empty if it is."""
    match operation:
        case Inject():
            return FAULT
        case CreateBg() if len(pair.model.group_addresses()) >= MOST_GROUPS:
            return DEVICE
        case Relocate():
            return _of_relocation(pair)
        case Allocate(blocks) | BufferedWrite(blocks=blocks) | StartNocowDio(blocks=blocks):
            return "" if pair.model.has_room_for(blocks) else ROOM
    return refusal(operation)


def _of_relocation(pair: Pair) -> str:
    """Why a relocation is not tried, empty if it is."""
    if pair.model.promised > MOST_TO_MOVE:
        return ROOM
    if pair.names.orphans & pair.model.in_use():
        return ORPHAN
    inside = [*pair.model.inside().values(), *pair.kernel.inside().values()]
    return BALANCE if any(isinstance(one.operation, Relocate) for one in inside) else ""


def table() -> list[str]:
    """Everything that is not tried, with the reason: a line each."""
    refused = [f"{kind.name}: {REFUSED[kind]}" for kind in OPERATIONS if kind in REFUSED]
    return [*refused, f"preemption: {NO_STOP}", ROOM, ORPHAN, DEVICE, FAULT, BALANCE, SHARED]
