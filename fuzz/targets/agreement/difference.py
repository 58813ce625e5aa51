"""Something that the two sides do not have in common."""

from __future__ import annotations

from dataclasses import dataclass

from models.operations import Operation


@dataclass(frozen=True, slots=True)
class Difference:
    """``aspect`` says what was compared, ``subject`` of whom; then what either side shows."""

    aspect: str
    subject: str
    model: str
    kernel: str
    operation: Operation | None = None
