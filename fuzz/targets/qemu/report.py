"""What a whole run in guests did."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.tally import Tally
from fuzz.targets import report
from fuzz.targets.qemu.seen import Seen
from fuzz.targets.qemu.vocabulary import table


def count_lines(total: Tally, seconds: float) -> Iterator[str]:
    """What a run did, and what the guest cannot be told."""
    return report.count_lines("in QEMU", total, seconds, Seen, table())
