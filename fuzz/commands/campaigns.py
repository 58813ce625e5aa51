"""What is on file of a campaign: a hunt's state, or what ``pytest --fuzz-outcomes`` wrote."""

from __future__ import annotations

import json
from pathlib import Path

from fuzz.commands import UsageError
from fuzz.hunt import StateError, load
from fuzz.interleavings import Coverage
from fuzz.machines import MACHINES
from fuzz.shards import Outcome
from fuzz.tally import Tally

STATE = Path(".hypothesis/hunt.json")
"""Where a hunt says how far it came."""


def read(path: Path) -> Coverage:
    """What a file has.  Raises UsageError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file: python -m fuzz hunt writes one") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read") from error
    try:
        if lines and "tally" in (first := json.loads(lines[0])) and "format" not in first:
            return _of_run(lines)
        return load(path).coverage
    except StateError as error:
        raise UsageError(str(error)) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path}: neither the state of a hunt nor what --fuzz-outcomes wrote") from error


def _of_run(lines: list[str]) -> Coverage:
    total = Tally()
    for line in lines:
        total.merge(Outcome.from_json(line).tally)
    return total.coverage(MACHINES)
