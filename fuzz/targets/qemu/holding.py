"""Holding a vCPU at a place that its task comes to on a way."""

from __future__ import annotations

from collections.abc import Callable

from fuzz.targets.qemu.gdb import WORD
from fuzz.targets.qemu.points import Hold
from fuzz.targets.qemu.stage import Stage


class Holds:
    """What each vCPU is to be held at."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._armed: dict[int, list[tuple[int, Callable[[int], None]]]] = {}

    def arm(self, vcpu: int, hold: Hold) -> None:
        """Hold it there, as soon as it has come the whole way from now on.

        Raises SymbolError where the kernel has not these functions.
        """
        self.disarm(vcpu)
        spans = self.stage.symbols.span
        way = [{spans(function).start for function in part.split("|")} for part in hold.way]

        def gate(address: int) -> Callable[[int], None]:
            def come(who: int) -> None:
                if who == vcpu and way and address in way[0]:
                    way.pop(0)
                    if not way:
                        self._arrive(vcpu, behind=hold.behind)

            return come

        for address in sorted(set.union(*way)):
            self._serve(vcpu, address, gate(address))

    def disarm(self, vcpu: int) -> None:
        """Let it pass everywhere."""
        for address, served in self._armed.pop(vcpu, []):
            self.stage.not_at(address, served)

    def _serve(self, vcpu: int, address: int, served: Callable[[int], None]) -> None:
        self.stage.at(address, served)
        self._armed.setdefault(vcpu, []).append((address, served))

    def _arrive(self, vcpu: int, *, behind: bool) -> None:
        """It stands at the first instruction of the last function: the stack has where that returns to."""
        if not behind:
            self.stage.hold(vcpu)
            return
        gdb = self.stage.gdb
        top = gdb.registers(vcpu)["rsp"]
        back = int.from_bytes(gdb.read(vcpu, top, WORD), "little")

        def come(who: int) -> None:
            # The same function may have been called again inside of it, and return there, too.
            if who == vcpu and gdb.registers(vcpu)["rsp"] == top + WORD:
                self.stage.hold(vcpu)

        self._serve(vcpu, back, come)
