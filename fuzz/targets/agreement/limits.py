"""What is not tried, although both sides could: where they would only show that their sizes differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.targets.kernel.vocabulary import refusal
from models.operations import (
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
"""DATA block groups; the kernel's device has room for two or three more."""
ROOM = "a model's block group is full after 31 blocks, the kernel's is never"
DEVICE = f"more than {MOST_GROUPS} DATA block groups: the device is full sooner on one side than on the other"
FAULT = "what fails after a fault, and when, is judged on either side by itself"
BALANCE = "two relocations at a time: a balance excludes others, and is refused; the model's waits"


def limit(pair: Pair, operation: Operation) -> str:
    """Why the operation is not tried, empty if it is."""
    match operation:
        case Inject():
            return FAULT
        case CreateBg() if len(pair.model.group_addresses()) >= MOST_GROUPS:
            return DEVICE
        case Relocate():
            inside = [*pair.model.inside().values(), *pair.kernel.inside().values()]
            return BALANCE if any(isinstance(one.operation, Relocate) for one in inside) else ""
        case Allocate(blocks) | BufferedWrite(blocks=blocks) | StartNocowDio(blocks=blocks):
            return "" if pair.model.has_room_for(blocks) else ROOM
    return refusal(operation)
