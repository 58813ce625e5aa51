"""A trace to test with."""

from __future__ import annotations

import json
from typing import Any

from programs import RELOCATION, reverts, shortest

from fuzz.traces import Trace, dumps, record


def example() -> Trace:
    """The trace of a race that everybody knows."""
    return record(shortest(RELOCATION), reverts(RELOCATION))


def document() -> Any:  # noqa: ANN401 - JSON, to be damaged
    """Its JSON."""
    return json.loads(dumps(example()))
