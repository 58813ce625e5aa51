"""The threads that run system calls: one for each task, so that one that waits in the kernel blocks no other.

Where it waits the kernel itself says, in ``/proc/self/task/TID/stack``.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from models.operations import Operation

WAITERS = ("btrfs_", "wait_current_trans", "wait_for_commit", "scrub_", "folio_wait", "iomap_dio_rw")
"""How the functions begin that say why a task waits; those above them in the stack say how."""


@dataclass(slots=True, eq=False)
class Job:
    """One operation on its way: ``call`` runs in the task's thread, then ``result`` or ``error`` is set."""

    task: str
    operation: Operation
    call: Callable[[], object]
    memo: object = None
    result: object = None
    error: OSError | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Run the job in the task's thread."""
        try:
            self.result = self.call()
        except OSError as error:
            self.error = error
        finally:
            self.done.set()


class Worker:
    """A thread that does one job after the other."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while True:
            self._jobs.get().run()

    def start(self, job: Job) -> None:
        """Begin a job; its ``done`` is set when it has ended."""
        self._jobs.put(job)

    def runs(self) -> bool:
        """Whether the thread runs, or would if it had a CPU: its stack is the one that it slept in last."""
        with contextlib.suppress(OSError):
            text = Path(f"/proc/self/task/{self._thread.native_id}/stat").read_text(encoding="ascii")
            return text.rpartition(")")[2].split()[0] == "R"
        return False

    def stack(self) -> list[str]:
        """The functions in which the thread is in the kernel, the innermost first; empty if it is in none."""
        with contextlib.suppress(OSError):
            text = Path(f"/proc/self/task/{self._thread.native_id}/stack").read_text(encoding="ascii")
            return functions_of(text)
        return []


def functions_of(stack: str) -> list[str]:
    """The names in the text of a stack: ``[<0>] name+0x1/0x2``."""
    return [line.split()[1].partition("+")[0] for line in stack.splitlines() if len(line.split()) > 1]


def waits_in(functions: list[str]) -> str:
    """The function that says best why a task waits; empty if none does."""
    known = (name for name in functions if name.startswith(WAITERS))
    return next(known, functions[0] if functions else "")
