"""The child process in which everything runs: its namespace and its tasks end with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

SECONDS_PER_CASE = 30
"""A case takes a fraction of a second; what takes so long for each hangs."""
SPARE_CASES = 10


class ChildError(RuntimeError):
    """The child did not come to its end; the message has what it said."""


def ask_child(what: str, order: object, cases: int) -> str:
    """What the child answers to an order (JSON), one line; ``cases`` limits its time.  Raises ChildError."""
    command = [sys.executable, "-m", "fuzz.targets.kernel", what, str(os.getpid())]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=(cases + SPARE_CASES) * SECONDS_PER_CASE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"the live kernel hangs: ended after {error.timeout:.0f} s") from error
    if done.returncode:
        raise ChildError(f"the child on the live kernel ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout.splitlines()[-1]
