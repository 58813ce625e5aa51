"""The other end of the gate: starts its process, and gives it orders."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.targets.kernel.rules import Kind

GATE = ("-m", "fuzz.targets.kernel.gate")
"""What Python is to run as the gate's process; the gate's own arguments follow."""
LONGEST_ANSWER = 1 << 20
ANSWER_WITHIN = 20.0
"""Seconds; the gate answers within one turn of its loop, unless the machine is out of breath."""


class GateLost(BaseException):
    """The gate has gone: whatever waited for it has been failed by the kernel.

    Not an Exception: it ends the process, and is not taken for something that a case found.
    """


@dataclass(frozen=True, slots=True)
class Held:
    """A request that the gate holds.

    ``tags`` are the values that it writes, if it is a data write; ``stops`` is the task that was told to
    stop at it.
    """

    number: int
    kind: Kind
    offset: int
    size: int
    tags: tuple[int, ...]
    stops: str = ""


@dataclass(slots=True)
class State:
    """What the gate holds, and what it did since it was asked last.

    ``requests`` counts all that ever came, ``served`` what was completed.  ``written`` are values and the
    errno with which each of their blocks was completed, ``struck`` the faults that struck since the device
    was made.
    """

    held: list[Held] = field(default_factory=list)
    requests: int = 0
    written: list[tuple[int, int]] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)
    volatile: int = 0


class GateControl:
    """A gate over the image ``base`` (a descriptor), mounted on the directory ``place``.

    ``program`` is what its process runs.  Raises GateLost where the process ends.
    """

    def __init__(self, base: int, fsid: bytes, place: Path, program: Sequence[str] = GATE) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(ANSWER_WITHIN)
        arguments = [
            str(theirs.fileno()),
            str(base),
            str(place),
            fsid.hex(),
            str(os.getpid()),
            str(os.getppid()),
        ]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, *program, *arguments], pass_fds=[theirs.fileno(), base]
        )
        theirs.close()
        self._closing = False
        threading.Thread(target=self._watch, daemon=True).start()
        self._receive()

    def _watch(self) -> None:
        """End this process with the gate: whatever the main thread waits for, in the kernel or elsewhere."""
        code = self._process.wait()
        if not self._closing:
            os.write(2, b"the gate has ended with %d, and the search with it\n" % code)
            os._exit(1)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def hold(self, tags: Iterable[int]) -> None:
        """Hold data writes of these values, until one of them is released."""
        self._ask(do="hold", tags=sorted(tags))

    def stop(self, task: str, kind: Kind) -> None:
        """Hold the next request of that kind: ``task`` is to stop there."""
        self._ask(do="stop", task=task, kind=kind)

    def go_on(self, task: str) -> None:
        """The task need not stop any more."""
        self._ask(do="go on", task=task)

    def fail(self, kind: Kind) -> None:
        """Fail the next request of that kind to be completed, with EIO."""
        self._ask(do="fail", kind=kind)

    def release(self, number: int, error: int = 0) -> None:
        """Let a held request through, or fail it with this errno."""
        self._ask(do="release", number=number, error=error)

    def calm(self) -> None:
        """Hold and fail nothing any more; faults that struck are forgotten."""
        self._ask(do="calm")

    def cut(self) -> None:
        """Cut the power: what is held fails, and everything that still comes."""
        self._ask(do="cut")

    def restart(self, *, crashed: bool, kept: int = 0) -> None:
        """The device anew: as it was made, or as the loss of power left it.

        Bit ``i`` modulo 4 of ``kept`` says whether the ``i``-th volatile write survived.
        """
        self._ask(do="restart", crashed=crashed, kept=kept)

    def image(self, kept: int) -> int:
        """A copy of what a loss of power would leave now: a descriptor of a file in memory."""
        _, (descriptor,) = self._ask(do="image", kept=kept)
        return descriptor

    def state(self) -> State:
        """What is held, and what was done since the last call."""
        answer, _ = self._ask(do="state")
        held = [
            Held(number, Kind(kind), at, size, tuple(tags), stops)
            for number, kind, at, size, tags, stops in answer["held"]
        ]
        written = [(value, error) for value, error in answer["written"]]
        return State(
            held, answer["requests"], written, answer["struck"], answer["served"], answer["volatile"]
        )

    def close(self) -> None:
        """End the process; whatever waits for it fails."""
        self._closing = True
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, **order: object) -> tuple[dict[str, Any], list[int]]:
        try:
            self._socket.send(json.dumps(order).encode())
        except OSError as error:
            raise GateLost(f"the gate takes no orders any more: {error}") from error
        return self._receive()

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._socket, LONGEST_ANSWER, 1)
        except OSError as error:
            raise GateLost(f"the gate does not answer: {error}") from error
        if not message:
            raise GateLost("the gate has ended")
        return json.loads(message), descriptors
