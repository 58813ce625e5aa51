"""The child process: an order on standard input, the answer on standard output."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from fuzz.targets.kernel import libc
from fuzz.targets.kernel.replaying import play_here
from fuzz.targets.kernel.runs import Order, execute


def main() -> None:
    """Do what is asked, and end.  The arguments: what, and the parent's process id."""
    what, parent = sys.argv[1:]
    libc.die_with_parent(int(parent))
    order = json.loads(sys.stdin.read())
    code = 0
    try:
        sys.stdout.write(f"{answer(what, order)}\n")
    except BaseException:  # noqa: BLE001 - whatever it was, this process ends now
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)  # tasks that wait in the kernel must not keep the process


def answer(what: str, order: dict[str, Any]) -> str:
    """What the order asks for, on one line."""
    if what == "case":
        return play_here(order["trace"], order["gate"])
    listed = {name: tuple(order[name]) for name in ("places", "gate")}
    return execute(Order(**{**order, **listed})).to_json()


if __name__ == "__main__":
    main()
