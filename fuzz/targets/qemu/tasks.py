"""Tasks in the guest: commands on vCPUs of their own, and what each is seen to do from outside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from fuzz.targets.qemu.initramfs import TASKS
from fuzz.targets.qemu.stage import Answer, Stage

FRAME = re.compile(r"\[<0>\] (?P<function>\w+)(?:\.[\w.]+)?\+0x")
"""A line of ``/proc/PID/stack``."""
WAITS_FOR_THREADS = frozenset(
    {
        *("futex_wait_queue", "futex_wait", "do_futex", "__x64_sys_futex", "hrtimer_nanosleep"),
        *("do_nanosleep", "common_nsleep", "__x64_sys_clock_nanosleep", "do_syscall_64"),
        "entry_SYSCALL_64_after_hwframe",
    }
)
"""Functions of the way into the kernel, and those in which one thread of a tool waits for the other."""


class Look(NamedTuple):
    """A task at one moment: how it ended, if it did; else the functions that its threads sleep in."""

    answer: Answer | None
    stack: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A command that runs on a vCPU of its own, in the guest of a stage.

    ``log`` is the guest's file with its output; beside it, ``log.code`` has its exit code when it has ended.
    """

    stage: Stage
    vcpu: int
    pid: int
    log: str

    def ended(self) -> Answer | None:
        """How it ended, if it did."""
        # The shell makes the file before it writes to it.
        told = self.stage.ask(
            f"if [ -s {self.log}.code ]; then cat {self.log}.code; else echo; fi; cat {self.log}"
        )
        code, _, output = told.output.partition("\n")
        return Answer(int(code), output) if code else None

    def waits_in(self) -> str:
        """The kernel function in which it sleeps; empty if it runs or is gone."""
        found = FRAME.match(self.stage.ask(f"cat /proc/{self.pid}/stack 2> /dev/null").output)
        return found["function"] if found else ""

    def look(self) -> Look:
        """How it stands.  What runs has no stack; a thread that waits for another one is left out."""
        told = self.stage.ask(
            f"if read -r code < {self.log}.code; then echo $code; cat {self.log}; "
            f"else echo; cat /proc/{self.pid}/task/*/stack; fi 2> /dev/null"
        ).output
        code, _, rest = told.partition("\n")
        if code:
            return Look(Answer(int(code), rest), ())
        return Look(None, tuple(name for name in FRAME.findall(rest) if name not in WAITS_FOR_THREADS))


def start(stage: Stage, vcpu: int, line: str, name: str) -> Task:
    """Run a command on a vCPU, beside everything else; its output goes to ``/tasks/NAME``."""
    log = f"/{TASKS}/{name}"
    inner = line.replace("'", "'\\''")
    pid = stage.do(
        f"(taskset -c {vcpu} sh -c 'echo $$ > {log}.pid; exec {inner}' > {log} 2>&1; "
        f"echo $? > {log}.code) > /dev/null & "
        f"while [ ! -s {log}.pid ]; do usleep 1000; done; cat {log}.pid"
    )
    return Task(stage, vcpu, int(pid), log)
