"""The child process of a search: an order on standard input, the outcome on standard output."""

from __future__ import annotations

import json
import os
import sys

from fuzz.targets.kernel import libc
from fuzz.targets.kernel.runs import Order, execute


def main() -> None:
    """Do what the order says, and end; the process's only argument is its parent's id."""
    libc.die_with_parent(int(sys.argv[1]))
    order = json.loads(sys.stdin.read())
    outcome = execute(Order(**{**order, "places": tuple(order["places"])}))
    sys.stdout.write(f"{outcome.to_json()}\n")
    sys.stdout.flush()
    os._exit(0)  # tasks that hang in the kernel must not keep the process


if __name__ == "__main__":
    main()
