"""The text of a failure on the live kernel, and of what a whole run did."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from fuzz.report import Reproducer
from fuzz.tally import Tally
from fuzz.targets import report
from fuzz.targets.kernel.seen import Seen
from fuzz.targets.kernel.vocabulary import table
from fuzz.targets.machines import RealFailure


def render(failure: RealFailure, how: str) -> Reproducer:
    """The report on a failing case."""
    return report.render(failure, f"the live kernel {platform.release()}", how)


def count_lines(total: Tally, seconds: float) -> Iterator[str]:
    """What a run did, and what a live kernel cannot be told."""
    return report.count_lines(f"kernel {platform.release()}", total, seconds, Seen, table())
