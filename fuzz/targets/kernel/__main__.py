"""The child process: an order on standard input, the answer on standard output."""

from __future__ import annotations

import json
import os
import sys

from fuzz.targets.kernel import libc
from fuzz.targets.kernel.replaying import play_here
from fuzz.targets.kernel.runs import Order, execute


def main() -> None:
    """Do what is asked, and end.  The arguments: what, and the parent's process id."""
    what, parent = sys.argv[1:]
    libc.die_with_parent(int(parent))
    order = json.loads(sys.stdin.read())
    if what == "case":
        answer = play_here(order["trace"], order["gate"])
    else:
        listed = {name: tuple(order[name]) for name in ("places", "gate")}
        answer = execute(Order(**{**order, **listed})).to_json()
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()
    os._exit(0)  # tasks that hang in the kernel must not keep the process


if __name__ == "__main__":
    main()
