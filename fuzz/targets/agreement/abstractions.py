"""Differences that are known and stated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fuzz.targets.agreement.difference import Difference

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair


@dataclass(frozen=True, slots=True)
class Abstraction:
    """A known difference: what differs, why, and what it could hide; ``applies`` knows it when it sees it.

    ``ends``: what follows cannot be compared.
    """

    name: str
    differs: str
    why: str
    hides: str
    applies: Callable[[Difference, Pair], bool]
    ends: bool = False


ABSTRACTIONS: tuple[Abstraction, ...] = ()
