"""What the gate holds, which task it belongs to, and how it is let go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fuzz.targets.kernel.control import GateControl, Held, State
from fuzz.targets.kernel.payload import BLOCK
from fuzz.targets.kernel.seen import Seen
from models.operations import CompleteBio


class HeldIo:
    """The requests that a gate holds, as they were at the last :meth:`look`.

    A data write is known by its value: no two of a case have the same.  ``past_cache`` are the values of
    writes that do not go through the page cache.
    """

    def __init__(self, gate: GateControl, seen: Seen) -> None:
        self.gate, self.seen = gate, seen
        self.requests: list[Held] = []
        self.past_cache: set[int] = set()
        self._submitters: dict[int, str] = {}
        self._file_of: dict[int, int] = {}

    def look(self) -> State:
        """Ask the gate what it holds now, and what it did."""
        state = self.gate.state()
        known = {held.number for held in self.requests}
        self.seen.held.update(held.kind for held in state.held if held.number not in known)
        self.requests = state.held
        return state

    # Data writes

    def new_value(self, file: int) -> int:
        """A value that has not been written before, for a file."""
        value = len(self._file_of) + 1
        self._file_of[value] = file
        return value

    def file_of(self, value: int) -> int:
        """The number of the file that a value is for; -1 if it is not known."""
        return self._file_of.get(value, -1)

    def submit(self, task: str, values: Sequence[int]) -> None:
        """From now on data writes of these values are held, as bios of ``task``."""
        self._submitters |= dict.fromkeys(values, task)
        self.gate.hold(values)

    def bios(self) -> list[Held]:
        """The data writes."""
        return [held for held in self.requests if not held.stops]

    def held_pages(self) -> int:
        """Pages of the page cache in data writes that are held."""
        return sum(held.size for held in self.bios() if not self.past_cache.issuperset(held.tags)) // BLOCK

    def in_flight(self) -> list[CompleteBio]:
        """Held data writes, by the task that submitted them."""
        counts: Counter[str] = Counter()
        bios = []
        for held in self.bios():
            task = self._submitter(held)
            bios.append(CompleteBio(task, counts[task]))
            counts[task] += 1
        return bios

    def complete(self, bio: CompleteBio) -> None:
        """Let a held data write through.  Raises IndexError where there is no such."""
        bios = [held for held in self.bios() if self._submitter(held) == bio.submitter]
        self.gate.release(bios[bio.index].number)

    def writes_to(self, file: int) -> bool:
        """Whether a write to that file is held."""
        return any(self.file_of(tag) == file for held in self.requests for tag in held.tags)

    def _submitter(self, held: Held) -> str:
        return next(self._submitters[tag] for tag in held.tags if tag in self._submitters)

    # Tasks that stand at a request of theirs

    def stopped(self) -> list[str]:
        """The tasks that stand at a request of theirs."""
        return sorted({held.stops for held in self.requests} - {""})

    def go_on(self, task: str) -> None:
        """Let through what it stands at."""
        for held in self.requests:
            if held.stops == task:
                self.gate.release(held.number)
