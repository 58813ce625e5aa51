"""A guest on which tasks run, are held at kernel functions, and go on.

All of it is one loop: commands for the agent go out, and while an answer is awaited, vCPUs that come to a
breakpoint are served.  A held vCPU is left out whenever the others are resumed.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from fuzz.targets.qemu.gdb import Gdb, Stop
from fuzz.targets.qemu.guest import VCPUS, GuestError
from fuzz.targets.qemu.initramfs import LOST
from fuzz.targets.qemu.symbols import Symbols

ANSWER_SECONDS = 120.0
"""For a command in the guest, and for a task to come to where it is to be held, at most."""
SILENCE_SECONDS = 8.0
"""After which a guest that does not answer is taken to wait for a held vCPU, or for the end of a line."""
GONE = "the guest has gone"
END = b"\x01"
"""Follows the output of a command."""
ANSWER = re.compile(rb"(?P<output>.*?)\x01(?P<number>\d*) (?P<code>\w+)\n", re.DOTALL)
"""What the agent says of a command."""
SIGTRAP = 5


class SilentError(GuestError):
    """What was waited for did not come in time."""


class HasFileno(Protocol):
    """What ``select`` can wait for."""

    def fileno(self) -> int:
        """Of the open file."""


Served = Callable[[int], None]
"""What is done when a vCPU comes to a breakpoint; it may hold it or change its registers."""


class Answer(NamedTuple):
    """How a command in the guest ended."""

    code: int
    output: str


class Stage:
    """The machine goes on from the first :meth:`ask` on.  The agent has run so many ``lines`` before.

    ``silence`` is called where the guest does not answer: a held vCPU may have to be released.
    """

    def __init__(self, gdb: Gdb, agent: socket.socket, symbols: Symbols, lines: int = 0) -> None:
        self.gdb, self.symbols = gdb, symbols
        self._agent = agent
        self._heard = b""
        self._number = lines
        self._running = False
        self._held: set[int] = set()
        self._served: dict[int, list[Served]] = {}
        self.silence: Callable[[], None] | None = None

    # -- what is done to the machine while it stands still

    def at(self, address: int, served: Served) -> None:
        """Call ``served`` with each vCPU that comes to this address, after what is called there already."""
        self.stop()
        if address not in self._served:
            self.gdb.insert(address)
        self._served.setdefault(address, []).append(served)

    def not_at(self, address: int, served: Served) -> None:
        """Do not call ``served`` there any more."""
        self.stop()
        self._served[address].remove(served)
        if not self._served[address]:
            del self._served[address]
            self.gdb.remove(address)

    def hold(self, vcpu: int) -> None:
        """Leave a vCPU where it stands.  To be called by what serves a breakpoint."""
        self._held.add(vcpu)

    def release(self, vcpu: int) -> None:
        """Let it go on with the others."""
        self.stop()
        self._held.discard(vcpu)
        self._step_over(vcpu)

    def held(self, vcpu: int) -> bool:
        """Whether the vCPU is held."""
        return vcpu in self._held

    @property
    def anybody_held(self) -> bool:
        """Whether any vCPU is held."""
        return bool(self._held)

    def stop(self) -> None:
        """Make the machine stand still, if it runs."""
        if self._running:
            self._running = False
            self._serve(self.gdb.interrupt())

    # -- what the guest does

    def ask(self, line: str) -> Answer:
        """Run a line of shell on vCPU 0; raises GuestError where it does not end in time."""
        self._number += 1
        message = f"{self._number} {len(line)} {line}\n".encode()
        self._send(message)
        found: list[Answer] = []

        def answered() -> bool:
            while END in self._heard and (match := ANSWER.match(self._heard)) is not None:
                self._heard = self._heard[match.end() :]
                if match["code"].decode() == LOST:
                    self._send(message)
                elif int(match["number"]) == self._number:
                    found.append(Answer(int(match["code"]), match["output"].decode(errors="replace")))
            return bool(found)

        what = f"an answer to {line!r}"
        if self.silence is not None:
            try:
                self.until(answered, what, SILENCE_SECONDS)
            except SilentError:
                self.silence()
                self._send(message)  # its end may have been lost
        try:
            self.until(answered, what)
        except SilentError as error:
            raise SilentError(f"{error}; {self._stands()}") from error
        return found[0]

    def _send(self, message: bytes) -> None:
        """Raises GuestError where the guest has gone."""
        try:
            self._agent.sendall(message)
        except OSError:
            raise GuestError(GONE) from None

    def _receive(self) -> bytes:
        """Raises GuestError where the guest has gone."""
        try:
            data = self._agent.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            raise GuestError(GONE)
        return data

    def _stands(self) -> str:
        """The state of all vCPUs, as a hint why no answer comes."""
        self.stop()
        places = [f"{self.gdb.registers(vcpu)['rip']:#x}" for vcpu in range(VCPUS)]
        return f"heard: {self._heard[-80:]!r}, held: {sorted(self._held)}, vCPUs at {', '.join(places)}"

    def do(self, line: str) -> str:
        """As :meth:`ask`, for what has to succeed: the output.  Raises GuestError."""
        answer = self.ask(line)
        if answer.code:
            raise GuestError(f"{line!r} exits with {answer.code} in the guest: {_one_line(answer.output)}")
        return answer.output

    def place(self, vcpu: int) -> int:
        """The address at which a vCPU is now."""
        self.stop()
        return self.gdb.registers(vcpu)["rip"]

    def run(self, seconds: float) -> None:
        """Let the machine go on for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._go_on(left)

    def hear(self, text: str) -> None:
        """Wait until the agent has said something by itself.  Raises GuestError."""
        self.until(lambda: text.encode() in self._heard, f"a word of the agent ({text!r})")
        self._heard = b""

    def until(self, true: Callable[[], bool], what: str, seconds: float | None = None) -> None:
        """Let the machine go on until ``true`` is.  Raises SilentError naming ``what`` did not come."""
        seconds = ANSWER_SECONDS if seconds is None else seconds
        end = time.monotonic() + seconds
        while not true():
            left = end - time.monotonic()
            if left <= 0:
                raise SilentError(f"the guest has not given {what} for {seconds:.0f} seconds")
            self._go_on(left)

    def _go_on(self, seconds: float) -> None:
        if not self._running:
            self._running = True
            self.gdb.resume(vcpu for vcpu in range(VCPUS) if vcpu not in self._held)
        sources: list[HasFileno] = [self.gdb, self._agent]
        ready = select.select(sources, [], [], seconds)[0]
        if self._agent in ready:
            self._heard += self._receive()
        if self.gdb in ready and (stop := self.gdb.poll()) is not None:
            self._running = False
            self._serve(stop)

    def _serve(self, stop: Stop) -> None:
        """Serve the breakpoint that a vCPU came to."""
        if stop.signal != SIGTRAP:
            return
        address = self.gdb.registers(stop.vcpu)["rip"]
        for served in list(self._served.get(address, [])):
            served(stop.vcpu)
        if not self.held(stop.vcpu):
            self._step_over(stop.vcpu)

    def _step_over(self, vcpu: int) -> None:
        """Let a vCPU that stands at a breakpoint do the instruction there."""
        address = self.gdb.registers(vcpu)["rip"]
        if address in self._served:
            self.gdb.remove(address)
            self.gdb.step(vcpu)
            self.gdb.insert(address)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500] or "no output"
