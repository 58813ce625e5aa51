"""A client of the gdb remote protocol, as far as QEMU's stub is asked.

Source: "Debugging with GDB", appendix Remote Protocol; QEMU 7.2, gdbstub.c.  A vCPU is a thread there:
vCPU *n* is ``p1.<n + 1>``.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Iterable
from typing import NamedTuple

from fuzz.targets.qemu.errors import QemuError

REGISTERS = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"),
)
"""The first of x86-64, in the order of their numbers; 8 bytes each."""
WORD = 8
"""Bytes of a register, and of an address on the stack."""
REPLY_SECONDS = 30.0
"""To wait for an answer, at most: an emulated machine on a busy host is slow."""
LONGEST = 1 << 16
"""Bytes that are read at once."""
LONGEST_READ = 1 << 11
"""Bytes of memory that QEMU's stub tells at once: half of its longest packet, as they are in hexadecimal."""
STOP = re.compile(r"T(?P<signal>[0-9a-f]{2})(?:thread:p[0-9a-f]+\.(?P<thread>[0-9a-f]+);)?")


class GdbError(QemuError):
    """The stub does not answer, or refuses; the message is one line."""


class Stop(NamedTuple):
    """All vCPUs stand still: because of which signal, and of which vCPU."""

    signal: int
    vcpu: int


class Gdb:
    """One connection.  The machine stands still whenever a method but :meth:`poll` is called."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def fileno(self) -> int:
        """For ``select``: readable when there may be something to :meth:`poll`."""
        return self._connection.fileno()

    def greet(self) -> None:
        """Agree on what is spoken.  Raises GdbError for a stub that cannot continue single vCPUs."""
        self.ask("qSupported:multiprocess+;xmlRegisters=i386")
        # QEMU accepts single registers only after it was asked what they are called.
        self.ask("qXfer:features:read:target.xml:0,ffb")
        if "c" not in self.ask("vCont?").split(";"):
            raise GdbError("the stub cannot continue single vCPUs")

    def insert(self, address: int) -> None:
        """Stop each vCPU that comes to this address: a hardware breakpoint, so no code is changed."""
        self._do(f"Z1,{address:x},1")

    def remove(self, address: int) -> None:
        """Remove the breakpoint at this address."""
        self._do(f"z1,{address:x},1")

    def registers(self, vcpu: int) -> dict[str, int]:
        """The registers of a vCPU, by name.  Raises GdbError where the stub tells too few."""
        self._do(f"Hgp1.{vcpu + 1:x}")
        data = _bytes(self.ask("g"))
        if len(data) < WORD * len(REGISTERS):
            raise GdbError(f"the stub tells {len(data)} bytes of registers, too few for x86-64")
        return {
            name: int.from_bytes(data[WORD * number : WORD * (number + 1)], "little")
            for number, name in enumerate(REGISTERS)
        }

    def set_register(self, vcpu: int, name: str, value: int) -> None:
        """Change a register of a vCPU."""
        self._do(f"Hgp1.{vcpu + 1:x}")
        self._do(f"P{REGISTERS.index(name):x}={value.to_bytes(WORD, 'little').hex()}")

    def read(self, vcpu: int, address: int, length: int) -> bytes:
        """Memory as this vCPU sees it.  Raises GdbError where nothing is mapped."""
        self._do(f"Hgp1.{vcpu + 1:x}")
        data = b"".join(
            _bytes(self.ask(f"m{place:x},{min(LONGEST_READ, address + length - place):x}"))
            for place in range(address, address + length, LONGEST_READ)
        )
        if len(data) != length:
            raise GdbError(f"{len(data)} of {length} bytes can be read at {address:#x}")
        return data

    def write(self, vcpu: int, address: int, data: bytes) -> None:
        """Change memory, code too."""
        self._do(f"Hgp1.{vcpu + 1:x}")
        self._do(f"M{address:x},{len(data):x}:{data.hex()}")

    def resume(self, vcpus: Iterable[int]) -> None:
        """Let these vCPUs go on, and no other.  There is no answer until one stops: see :meth:`poll`."""
        self._send("vCont" + "".join(f";c:p1.{vcpu + 1:x}" for vcpu in vcpus))

    def step(self, vcpu: int) -> Stop:
        """One instruction of one vCPU."""
        self._send(f"vCont;s:p1.{vcpu + 1:x}")
        return _stop(self._receive(REPLY_SECONDS))

    def interrupt(self) -> Stop:
        """Stop all vCPUs.  One may just have come to a breakpoint: then that is the stop."""
        self._write(b"\x03")
        return _stop(self._receive(REPLY_SECONDS))

    def poll(self) -> Stop | None:
        """The stop that was reported since :meth:`resume`, if there is one.  Does not wait."""
        packet = self._packet()
        if packet is None and select.select([self._connection], [], [], 0)[0]:
            self._fill()
            packet = self._packet()
        return None if packet is None else _stop(packet)

    def ask(self, request: str) -> str:
        """Send a packet, and the answer.  Raises GdbError where none comes."""
        self._send(request)
        return self._receive(REPLY_SECONDS)

    def _do(self, request: str) -> None:
        answer = self.ask(request)
        if answer != "OK":
            raise GdbError(f"the stub answers {answer or 'nothing'!r} to {request.partition(':')[0]!r}")

    def _send(self, payload: str) -> None:
        self._write(framed(payload))

    def _write(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except ConnectionError:
            raise GdbError("the stub has gone") from None

    def _receive(self, seconds: float) -> str:
        end = time.monotonic() + seconds
        while (packet := self._packet()) is None:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._connection], [], [], left)[0]:
                raise GdbError(f"the stub has not answered for {seconds:.0f} seconds")
            self._fill()
        return packet

    def _fill(self) -> None:
        try:
            data = self._connection.recv(LONGEST)
        except ConnectionError:
            data = b""
        if not data:
            raise GdbError("the stub has gone")
        self._buffer += data

    def _packet(self) -> str | None:
        """The next whole packet of the buffer, which is acknowledged.  Raises GdbError for a broken one."""
        start = self._buffer.find(b"$")
        end = self._buffer.find(b"#", start)
        if start < 0 or end < 0 or len(self._buffer) < end + 3:
            return None
        body, checksum = self._buffer[start + 1 : end], self._buffer[end + 1 : end + 3]
        self._buffer = self._buffer[end + 3 :]
        if checksum != _checksum(body):
            raise GdbError(f"a packet came with checksum {checksum!r}, should be {_checksum(body)!r}")
        self._write(b"+")
        return unescaped(body)


def framed(payload: str) -> bytes:
    """The packet of a payload."""
    body = payload.encode("ascii")
    return b"$" + body + b"#" + _checksum(body)


def unescaped(body: bytes) -> str:
    """What a packet says: an escaped byte follows ``}``, with bit 5 inverted."""
    return re.sub(rb"\}(.)", lambda match: bytes([match[1][0] ^ 0x20]), body, flags=re.DOTALL).decode(
        "latin-1"
    )


def _checksum(body: bytes) -> bytes:
    return b"%02x" % (sum(body) % 256)


def _bytes(answer: str) -> bytes:
    """Raises GdbError for an answer that is an error."""
    try:
        return bytes.fromhex(answer)
    except ValueError:
        raise GdbError(f"the stub answers {answer!r}") from None


def _stop(packet: str) -> Stop:
    """Raises GdbError for a packet that reports something else."""
    found = STOP.match(packet)
    if found is None:
        raise GdbError(f"the stub reports {packet!r} in the place of a stop")
    return Stop(int(found["signal"], 16), int(found["thread"] or "1", 16) - 1)
