"""The gate: a process that serves a block device as one file over FUSE, and lets through what it is told to.

One thread, one loop: a request is answered at once, or held until an order says what becomes of it.  A write
takes effect when it is completed.  Orders come over a SEQPACKET socket, of which
:mod:`fuzz.targets.kernel.control` has the other end.  The process ends with its parent, the keeper and the
socket, and when it has held a request for too long; then the kernel fails whatever waits, so that no task
hangs for good.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fuzz.targets.kernel import fuse, libc, namespace
from fuzz.targets.kernel.fuse import Io, Opcode
from fuzz.targets.kernel.image import copy_image
from fuzz.targets.kernel.payload import tags_of
from fuzz.targets.kernel.rules import Kind, Rules, kind_of
from fuzz.targets.kernel.store import Store
from models.btrfs.device import survives

PATIENCE = 30.0
"""Seconds for which a request may be held: far longer than a case takes, short for a task in D state."""
LONGEST_ORDER = 64 * 1024


@dataclass(slots=True)
class Pending:
    """A request that was not answered yet.

    ``covered`` is what a flush makes durable; ``stops`` is the task that was to stop for it, if one was.
    """

    number: int
    unique: int
    kind: Kind
    io: Io
    since: float
    covered: int = 0
    stops: str = ""


class Gate:
    """The device, what is held of it, and what was done."""

    def __init__(self, device: int, store: Store, fsid: bytes) -> None:
        self.device, self.store, self.fsid = device, store, fsid
        self.rules = Rules()
        self.held: dict[int, Pending] = {}
        self.broken = False
        self.written: list[tuple[int, int]] = []
        self.struck: list[str] = []
        self.served: dict[str, int] = {}
        self._numbers = 0

    def request(self, message: bytes) -> None:
        """Take one request of the kernel's."""
        request = fuse.decode(message)
        if request.opcode not in {Opcode.READ, Opcode.WRITE, Opcode.FSYNC, Opcode.FALLOCATE}:
            answered = fuse.answer(request, self.store.size)
            if answered is not None:
                self._send(answered)
            return
        io = Io(0, 0) if request.opcode == Opcode.FSYNC else fuse.io_of(request)
        data = self.store.read(io.offset, io.size) if request.opcode == Opcode.READ else io.data
        kind = kind_of(request, io, data, self.fsid)
        self._numbers += 1
        pending = Pending(self._numbers, request.unique, kind, io, time.monotonic(), self.store.completed())
        pending.stops = "" if self.broken else self.rules.stop(kind)
        if pending.stops or (not self.broken and self.rules.holds(io.data)):
            self.held[pending.number] = pending
        else:
            self.complete(pending)

    def complete(self, pending: Pending, error: int = 0) -> None:
        """Do what a request asks for, and answer it; or fail it."""
        if self.broken:
            error = error or errno.EIO
        elif not error and self.rules.fails(pending.kind):
            error = errno.EIO
            self.struck.append(pending.kind)
        self.written += [(tag, error) for tag in tags_of(pending.io.data)]
        self.served[pending.kind] = self.served.get(pending.kind, 0) + 1
        body = b"" if error else self.effect(pending)
        self._send(fuse.reply(pending.unique, body, error))

    def effect(self, pending: Pending) -> bytes:
        """What a request does that is completed without an error; the body of the answer."""
        io = pending.io
        match pending.kind:
            case Kind.FLUSH:
                self.store.flush(pending.covered)
            case Kind.DISCARD:
                self.store.discard(io.offset, io.size)
            case Kind.DATA_READ | Kind.OTHER_READ:
                return self.store.read(io.offset, io.size)
            case _:
                self.store.write(io.offset, io.data)
                return fuse.WRITE_OUT.pack(io.size, 0)
        return b""

    def _send(self, message: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):  # the process that asked was killed meanwhile
            os.write(self.device, message)

    # Orders

    def obey(self, order: dict[str, object]) -> tuple[dict[str, object], list[int]]:
        """Do what is ordered; what to answer, with which file descriptors."""
        match order:
            case {"do": "release", "number": int(number), "error": int(error)}:
                pending = self.held.pop(number)
                self.rules.tags.difference_update(tags_of(pending.io.data))
                self.complete(pending, error)
            case {"do": "cut"}:
                self.broken = True
                while self.held:
                    self.complete(self.held.pop(next(iter(self.held))))
            case {"do": "image", "kept": int(kept)}:
                left = self.store.after_crash(partial(survives, kept))
                return {}, [copy_image(self.store.base, left)]
            case {"do": "restart", "crashed": bool(crashed), "kept": int(kept)}:
                self.store.restart(self.store.after_crash(partial(survives, kept)) if crashed else {})
                self.rules, self.broken, self.written, self.struck = Rules(), False, [], []
            case {"do": "state"}:
                return self.state(), []
            case _:
                self._rule(order)
        return {}, []

    def _rule(self, order: dict[str, object]) -> None:
        """What to hold and to fail from now on."""
        match order:
            case {"do": "hold", "tags": list(tags)}:
                self.rules.tags.update(tags)
            case {"do": "stop", "task": str(task), "kind": str(kind)}:
                self.rules.stops[task] = Kind(kind)
            case {"do": "go on", "task": str(task)}:
                self.rules.stops.pop(task, None)
            case {"do": "fail", "kind": str(kind)}:
                self.rules.faults.append(Kind(kind))
            case {"do": "calm"}:
                self.rules, self.struck = Rules(), []
            case _:
                raise ValueError(f"the gate does not know this order: {order}")

    def state(self) -> dict[str, object]:
        """What is held, and what happened since the last such order."""
        written, self.written = self.written, []
        return {
            "held": [
                [p.number, p.kind, p.io.offset, p.io.size, list(tags_of(p.io.data)), p.stops]
                for p in self.held.values()
            ],
            "requests": self._numbers,
            "written": written,
            "struck": self.struck,
            "served": self.served,
            "volatile": len(self.store.volatile),
        }

    def overdue(self) -> str:
        """The requests that were held for too long, as text; empty if there are none."""
        late = [held for held in self.held.values() if time.monotonic() - held.since > PATIENCE]
        return ", ".join(
            f"{held.kind} at {held.io.offset:#x} of writes {sorted(set(tags_of(held.io.data)))}"
            for held in late
        )


def serve(gate: Gate, control: socket.socket, keeper: int) -> str:
    """Answer until the other side or the keeper (a pidfd) is gone, or a request was held for too long.

    Returns which of them it was.
    """
    poll = select.epoll()
    poll.register(gate.device, select.EPOLLIN)
    poll.register(control, select.EPOLLIN)
    poll.register(keeper, select.EPOLLIN)
    while not (overdue := gate.overdue()):
        for ready, _ in poll.poll(1.0):
            if ready == keeper:
                return "the keeper has gone"
            if ready == control.fileno():
                message = control.recv(LONGEST_ORDER)
                if not message:
                    return "the search has gone"
                answer, descriptors = gate.obey(json.loads(message))
                socket.send_fds(control, [json.dumps(answer).encode()], descriptors)
                for descriptor in descriptors:
                    os.close(descriptor)
            else:
                try:
                    message = os.read(gate.device, fuse.READ_SIZE)
                except OSError as error:
                    if error.errno == errno.ENODEV:
                        return "its file system is unmounted"
                    if error.errno in {errno.ENOENT, errno.EINTR, errno.EAGAIN}:
                        continue
                    raise
                gate.request(message)
    return f"a request was held for {PATIENCE:.0f} s: {overdue}"


def main(make: Callable[[int, Store, bytes], Gate] = Gate) -> None:
    """The process: ``make`` builds the gate, also one with a defect planted for a test.

    Its arguments: file descriptors of the control socket and of the image that every case begins with,
    the directory to mount on, the id of the file system, the process ids of the parent and of its keeper.
    """
    socket_fd, base_fd, place, fsid, parent, keeper = sys.argv[1:]
    libc.die_with_parent(int(parent))
    keeper_fd = os.pidfd_open(int(keeper))
    control = socket.socket(fileno=int(socket_fd))
    store = Store(int(base_fd))
    device = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    libc.mount("bgfuzz", place, "fuse", libc.MS_NOSUID | libc.MS_NODEV, options)
    namespace.leave()
    control.send(b"{}")
    why = serve(make(device, store, bytes.fromhex(fsid)), control, keeper_fd)
    sys.stderr.write(f"the gate ends: {why}\n")


if __name__ == "__main__":
    main()
