"""A gdb stub with a machine behind it that only walks from address to address; and an agent in it.

It shares no code with the client: packets are taken apart by the protocol's text.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fuzz.targets.qemu.gdb import Gdb

REGISTERS = 17
RSP, RIP = 7, 16


@dataclass(slots=True)
class Vcpu:
    """Where it is, where it goes from there, and its registers."""

    path: list[int] = field(default_factory=list)
    registers: list[int] = field(default_factory=lambda: [0] * REGISTERS)

    def forward(self) -> bool:
        """One instruction; whether there was one left."""
        if self.path:
            self.registers[RIP] = self.path.pop(0)
            return True
        return False


class Stub(threading.Thread):
    """Serves one connection.  ``asked`` are the packets that came, ``acknowledged`` how many acks."""

    def __init__(self, connection: socket.socket, *paths: list[int]) -> None:
        super().__init__(daemon=True)
        self.connection = connection
        self.vcpus = [Vcpu(path) for path in paths]
        self.memory: dict[int, int] = {}
        self.breakpoints: set[int] = set()
        self.asked: list[str] = []
        self.acknowledged = 0
        self.selected = 0
        self.running = False
        self.spoil: Callable[[bytes], bytes] = lambda packet: packet
        self.features = "vCont;c;C;s;S"

    def run(self) -> None:
        """Until the client goes."""
        buffer = b""
        while data := self.connection.recv(4096):
            buffer += data
            while buffer:
                if buffer[:1] == b"+":
                    self.acknowledged += 1
                    buffer = buffer[1:]
                elif buffer[:1] == b"\x03":
                    buffer = buffer[1:]
                    if self.running:
                        self.running = False
                        self.say("T02thread:p01.01;")
                elif buffer[:1] == b"$" and len(buffer) >= buffer.find(b"#") + 3 > 3:
                    end = buffer.index(b"#")
                    body = buffer[1:end]
                    assert int(buffer[end + 1 : end + 3], 16) == sum(body) % 256
                    buffer = buffer[end + 3 :]
                    self.connection.sendall(b"+")
                    self.asked.append(body.decode())
                    self.answer(body.decode())
                else:
                    break

    def say(self, text: str) -> None:
        """Send a packet."""
        body = text.encode("latin-1")
        self.connection.sendall(self.spoil(b"$%b#%02x" % (body, sum(body) % 256)))

    def answer(self, request: str) -> None:
        """What a stub says to this."""
        kind, rest = request[0], request[1:]
        if request == "vCont?":
            self.say(self.features)
        elif request.startswith("vCont"):
            self.go(request.split(";")[1:])
        elif kind == "H":
            self.selected = int(rest.rpartition(".")[2], 16) - 1
            self.say("OK")
        elif kind == "g":
            self.say(b"".join(value.to_bytes(8, "little") for value in self.now.registers).hex())
        elif kind == "P":
            number, _, value = rest.partition("=")
            self.now.registers[int(number, 16)] = int.from_bytes(bytes.fromhex(value), "little")
            self.say("OK")
        elif kind in "mM":
            self.access(rest)
        elif kind in "Zz":
            sort, address, _ = rest.split(",")
            assert sort == "1"
            change = self.breakpoints.add if kind == "Z" else self.breakpoints.discard
            change(int(address, 16))
            self.say("OK")
        else:
            self.say("")

    @property
    def now(self) -> Vcpu:
        """The vCPU that was chosen last."""
        return self.vcpus[self.selected]

    def access(self, told: str) -> None:
        """Read or write memory."""
        place, _, data = told.partition(":")
        address, length = (int(word, 16) for word in place.split(","))
        where = range(address, address + length)
        if data:
            self.memory.update(zip(where, bytes.fromhex(data), strict=True))
            self.say("OK")
        elif all(byte in self.memory for byte in where):
            self.say(bytes(self.memory[byte] for byte in where).hex())
        else:
            self.say("E14")

    def go(self, actions: list[str]) -> None:
        """Let vCPUs go on up to the first breakpoint; one that stands at one does not get away from it."""
        for action in actions:
            word, _, thread = action.partition(":")
            number = int(thread.rpartition(".")[2], 16)
            vcpu = self.vcpus[number - 1]
            moves = word == "s" and vcpu.forward()
            while word == "c" and vcpu.registers[RIP] not in self.breakpoints and vcpu.forward():
                pass
            if moves or word == "s" or vcpu.registers[RIP] in self.breakpoints:
                self.say(f"T05thread:p01.{number:02x};")
                return
        self.running = True


@contextmanager
def stubbed(*paths: list[int]) -> Iterator[tuple[Gdb, Stub]]:
    """A client, and the stub that it is connected to, with a vCPU for each path."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stub = Stub(theirs, *paths)
        stub.start()
        yield Gdb(ours), stub
        ours.shutdown(socket.SHUT_WR)
        stub.join()


def agent(connection: socket.socket, answer: Callable[[str], tuple[int, str]]) -> threading.Thread:
    """Answers each numbered line, as the guest's shell does."""

    def serve() -> None:
        with connection.makefile("rwb") as lines:
            for line in lines:
                number, length, command = line.decode().rstrip("\n").split(" ", 2)
                assert int(length) == len(command)
                code, output = answer(command)
                lines.write(f"{output}\x01{number} {code}\n".encode())
                lines.flush()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread
