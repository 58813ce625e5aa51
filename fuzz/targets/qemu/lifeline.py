"""Becomes another program, which dies with the process that started it.

``python lifeline.py PARENT CPU_SECONDS PROGRAM ARGUMENT …``: run as a script, in a process of its own, so
that nothing happens between fork and exec in a process that may have threads.  The kernel kills the
program when its parent ends, however that ends, and when it has used up its processor time: a second
guard, for a parent that is stopped and never goes on.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
"""Source: include/uapi/linux/prctl.h."""


def on_lifeline(program: Sequence[str], seconds: int) -> list[str]:
    """The command of a program that dies with this process, or after so many seconds of processor time."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(seconds), *program]


def main(parent: int, seconds: int, program: list[str]) -> None:
    """Does not return.  Raises OSError where the kernel refuses, or the program cannot be run."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the parent ended before it could be watched")
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    os.execvp(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
