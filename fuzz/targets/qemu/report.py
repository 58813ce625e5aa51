"""What a whole run in guests did."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.tables import counted, wrapped_lines
from fuzz.tally import Tally
from fuzz.targets.qemu.seen import Seen
from fuzz.targets.qemu.vocabulary import table


def count_lines(total: Tally, seconds: float) -> Iterator[str]:
    """What a run did, and what the guest cannot be told."""
    yield f"in QEMU: {total.examples / seconds:.1f} cases per second"
    yield from counted("operations", total.operations)
    yield from Seen.lines(total)
    for rule in table():
        yield from wrapped_lines("cannot be expressed", rule)
