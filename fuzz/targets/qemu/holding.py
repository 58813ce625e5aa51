"""Holding a vCPU at the end of a way through the kernel's functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fuzz.targets.qemu.gdb import WORD
from fuzz.targets.qemu.hold import Hold
from fuzz.targets.qemu.stage import Stage

STACK = 1 << 14
"""Bytes of a kernel stack, and what it is aligned to: THREAD_SIZE of x86-64."""


class Holds:
    """What each vCPU is to be held at.  ``came`` has the name of the hold that it has come to."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.came: dict[int, str] = {}
        self._armed: dict[int, list[tuple[int, Callable[[int], None]]]] = {}

    def arm(self, vcpu: int, holds: Mapping[str, Hold], behind: Iterable[str]) -> None:
        """Hold it at one of these, as soon as it has come the whole way there.

        A vCPU that is held may be on the way already: what it is in, by its stack, it has come to, and so it
        has to the functions that it is ``behind``.  Raises SymbolError where the kernel has no such function.
        """
        self.disarm(vcpu)
        self.came.pop(vcpu, None)
        inside = self._inside(vcpu) | {self._start(function) for function in behind}
        for name, hold in holds.items():
            way = [{self._start(function) for function in part.split("|")} for part in hold.way]
            while len(way) > 1 and way[0] & inside:
                way.pop(0)
            for address in sorted(set.union(*way)):
                self._serve(vcpu, address, self._gate(vcpu, name, address, way, behind=hold.behind))

    def disarm(self, vcpu: int) -> None:
        """Hold it nowhere any more."""
        for address, served in self._armed.pop(vcpu, []):
            self.stage.not_at(address, served)

    def _start(self, function: str) -> int:
        return self.stage.symbols.span(function).start

    def _inside(self, vcpu: int) -> set[int]:
        """The starts of the functions that a held vCPU is in; none if it is not held."""
        if not self.stage.held(vcpu):
            return set()
        self.stage.stop()
        registers = self.stage.gdb.registers(vcpu)
        top, place = registers["rsp"], registers["rip"]
        stack = self.stage.gdb.read(vcpu, top, STACK - top % STACK)
        words = (int.from_bytes(stack[at : at + WORD], "little") for at in range(0, len(stack), WORD))
        return {start for word in (place, *words) if (start := self.stage.symbols.start_of(word)) is not None}

    def _gate(
        self, vcpu: int, name: str, address: int, way: list[set[int]], *, behind: bool
    ) -> Callable[[int], None]:
        def come(who: int) -> None:
            if who == vcpu and way and address in way[0]:
                way.pop(0)
                if not way:
                    self._arrive(vcpu, name, behind=behind)

        return come

    def _serve(self, vcpu: int, address: int, served: Callable[[int], None]) -> None:
        self.stage.at(address, served)
        self._armed.setdefault(vcpu, []).append((address, served))

    def _hold(self, vcpu: int, name: str) -> None:
        if vcpu not in self.came:
            self.came[vcpu] = name
            self.stage.hold(vcpu)

    def _arrive(self, vcpu: int, name: str, *, behind: bool) -> None:
        """The vCPU is at the first instruction of the last function: the return address is on the stack."""
        if not behind:
            self._hold(vcpu, name)
            return
        gdb = self.stage.gdb
        top = gdb.registers(vcpu)["rsp"]
        back = int.from_bytes(gdb.read(vcpu, top, WORD), "little")

        def come(who: int) -> None:
            # The same function may have been called again inside of it, and return there, too.
            if who == vcpu and gdb.registers(vcpu)["rsp"] == top + WORD:
                self._hold(vcpu, name)

        self._serve(vcpu, back, come)
