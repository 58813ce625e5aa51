"""The interface of an operation that is a command in the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from fuzz.targets.actions import Action
from models.operations import Operation

if TYPE_CHECKING:
    from fuzz.targets.qemu.case import QemuCase

Op = TypeVar("Op", bound=Operation)
NO_SPACE, BUSY = "No space left on device", "in progress"


class Begun(NamedTuple):
    """The guest's command, without pipes, and what :meth:`Command.end` has to know."""

    line: str
    memo: object = None


class Command(Action["QemuCase", Op]):
    """What an operation is in the guest.

    ``refusals`` are parts of what tools print for errors that it may get although nothing is wrong.
    """

    refusals: ClassVar[tuple[str, ...]] = (NO_SPACE,)

    def begin(self, world: QemuCase, operation: Op) -> Begun:
        """Tell the reference that it begins; what to run."""
        raise NotImplementedError
