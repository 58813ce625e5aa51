"""What no subject foresees."""

from __future__ import annotations

from fuzz.machine import BlockGroupMachine
from models.operations import OPERATIONS


class Everything(BlockGroupMachine):
    """All operations: for what no subject foresees."""

    operations = OPERATIONS
