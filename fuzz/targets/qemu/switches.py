"""What is done to a running kernel: a fix is switched off, and the window of a race is watched.

The kernel is the distribution's.  Its code is changed in the memory of one guest, and no longer than that
lives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from fuzz.targets.qemu.gdb import WORD
from fuzz.targets.qemu.stage import Stage
from fuzz.targets.qemu.symbols import SymbolError

CALL, CALL_LENGTH = b"\xe8", 5
"""``call`` with a distance of 32 bits, counted from its end."""
COMPARE_EAX = b"\x83\xf8"
"""``cmp eax`` with a number of 8 bits, which follows."""
NEVER_RETURNED = 0x7F
"""No kernel function that returns an error code returns this."""


@dataclass(slots=True)
class Count:
    """How often something happened."""

    times: int = 0


class Switch(Protocol):
    """A way to switch a fix off."""

    def apply(self, stage: Stage) -> Count:
        """Switch it off; what is returned counts how often that took effect.

        Raises SymbolError where this kernel's code is not as expected."""


class Window(Protocol):
    """Something that happens only in the window of a race."""

    def watch(self, stage: Stage) -> Count:
        """Watch for it; what is returned counts it.

        Raises SymbolError where this kernel's code is not as expected."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A function returns at once, whatever it should have done.  For functions that return nothing."""

    function: str

    def apply(self, stage: Stage) -> Count:
        """Return from it at its first instruction, each time."""
        count = Count()

        def leave(vcpu: int) -> None:
            top = stage.gdb.registers(vcpu)["rsp"]
            back = int.from_bytes(stage.gdb.read(vcpu, top, WORD), "little")
            stage.gdb.set_register(vcpu, "rsp", top + WORD)
            stage.gdb.set_register(vcpu, "rip", back)
            count.times += 1

        stage.at(stage.symbols.span(self.function).start, leave)
        return count


@dataclass(frozen=True, slots=True)
class Call:
    """The one place where ``caller`` calls ``callee`` and compares what it returns with ``value``."""

    caller: str
    callee: str
    value: int

    def find(self, stage: Stage) -> int:
        """The address of the comparison.  Raises SymbolError unless there is exactly one."""
        stage.stop()
        start, length = stage.symbols.span(self.caller)
        code = stage.gdb.read(0, start, length)
        target = stage.symbols.span(self.callee).start
        compare = COMPARE_EAX + self.value.to_bytes(1, "little", signed=True)
        found = [start + place + CALL_LENGTH for place in calls(code, start, target, compare)]
        if len(found) != 1:
            raise SymbolError(
                f"{self.caller} compares what {self.callee} returns with {self.value} in {len(found)} "
                "places, must be 1: this kernel was compiled in another way"
            )
        return found[0]


@dataclass(frozen=True, slots=True)
class NotTolerated:
    """The caller does not tolerate this return value any more: it is like any other error."""

    call: Call

    def apply(self, stage: Stage) -> Count:
        """Compare with a value that is never returned."""
        number = self.call.find(stage) + len(COMPARE_EAX)
        stage.gdb.write(0, number, bytes([NEVER_RETURNED]))
        return Count(1)


@dataclass(frozen=True, slots=True)
class Returned:
    """The caller gets this return value."""

    call: Call

    def watch(self, stage: Stage) -> Count:
        """Look at the value each time that the function returns."""
        count = Count()

        def look(vcpu: int) -> None:
            got = stage.gdb.registers(vcpu)["rax"] & 0xFFFFFFFF
            count.times += got == self.call.value % (1 << 32)

        stage.at(self.call.find(stage), look)
        return count


@dataclass(frozen=True, slots=True)
class Entered:
    """A function is called while a task is held."""

    function: str

    def watch(self, stage: Stage) -> Count:
        """Count the calls while a task is held."""
        count = Count()

        def look(vcpu: int) -> None:
            del vcpu
            count.times += stage.anybody_held

        stage.at(stage.symbols.span(self.function).start, look)
        return count


def calls(code: bytes, start: int, target: int, behind: bytes) -> list[int]:
    """Where code at ``start`` calls ``target``, and ``behind`` follows the call."""
    found = []
    for match in re.finditer(re.escape(CALL), code):
        place, end = match.start(), match.start() + CALL_LENGTH
        distance = int.from_bytes(code[place + 1 : end], "little", signed=True)
        if start + end + distance == target and code[end:].startswith(behind):
            found.append(place)
    return found
