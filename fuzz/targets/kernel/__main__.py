"""The child process: an order on standard input, the answer on standard output."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

from fuzz.targets.agreement import runs as agreement
from fuzz.targets.kernel import libc, namespace
from fuzz.targets.kernel.replaying import play_here
from fuzz.targets.kernel.runs import Order, execute


def main() -> None:
    """Do what is asked, and end.  The arguments: what, and the parent's process id."""
    what, parent = sys.argv[1:]
    libc.die_with_parent(int(parent))
    order = json.loads(sys.stdin.read())
    namespace.keep(lambda: respond(what, order))


def respond(what: str, order: dict[str, Any]) -> int:
    """Print the answer to an order; returns the exit code."""
    try:
        sys.stdout.write(f"{answer(what, order)}\n")
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - whatever it was, this process ends now
        traceback.print_exc()
        return 1
    return 0


def answer(what: str, order: dict[str, Any]) -> str:
    """What the order asks for, on one line."""
    if what == agreement.ORDER:
        return agreement.agree_here(order)
    if what == "case":
        return play_here(order["trace"], order["gate"])
    listed = {name: tuple(order[name]) for name in ("places", "gate")}
    return json.dumps([outcome.to_json() for outcome in execute(Order(**{**order, **listed}))])


if __name__ == "__main__":
    main()
