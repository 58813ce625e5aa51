"""What blocks hold, in words."""

from __future__ import annotations

from models.btrfs.device import DISCARDED
from models.geometry import STALE


def value_text(value: int) -> str:
    """What a block holds, as text."""
    if value == 0:
        return "zero"
    if value == STALE:
        return "what was on the device before"
    if value == DISCARDED:
        return "nothing, it was discarded"
    return f"write {value}" if value > 0 else "its first content"
