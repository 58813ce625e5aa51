"""The traces of all known races, in ``tests/regressions/``: one for every fix that can be taken out.

Run as a command it writes them anew::

    python tests/known_traces.py [ID ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from known_races import PROGRAMS
from test_controls import shortest

from fuzz.minimise import case_of, minimise
from fuzz.traces import Trace, record, save
from models.reverts import Revert, catalogue, find_reverts

DIRECTORY = Path(__file__).resolve().parent / "regressions"


def path_of(revert: Revert) -> Path:
    """The file with the trace of a race."""
    return DIRECTORY / f"{revert.id.replace('/', '-')}.json"


def shortest_trace(revert: Revert) -> Trace:
    """The trace of the known program, made as short as it can be; where none is known, of what random ones
    come down to."""
    known = PROGRAMS.get(revert.id)
    verdict = minimise(known, (revert,), revert.expected) if known is not None else shortest(revert)
    return record(case_of(verdict), (revert,))


def main(ids: list[str]) -> None:
    """Write the traces of these races, or of all."""
    for revert in find_reverts(ids) if ids else catalogue():
        trace = shortest_trace(revert)
        save(trace, path_of(revert))
        sys.stdout.write(f"{path_of(revert).name}: {len(trace.case.steps)} steps\n")


if __name__ == "__main__":
    main(sys.argv[1:])
