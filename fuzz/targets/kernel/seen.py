"""What a case did, as counts for the summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fuzz.targets.seen import Counts


@dataclass(slots=True)
class Seen(Counts):
    """IO that was held, faults that struck, images that were judged, errors of operations, functions in which
    tasks waited, and what was refused."""

    titles = {  # noqa: RUF012 - of the class
        "held": "IO held",
        "fault": "faults that struck",
        "image": "images",
        "error": "errors, each of them allowed",
        "wait": "waits, by the kernel's stack",
        "refused": "refused",
    }
    held: Counter[str] = field(default_factory=Counter)
    fault: Counter[str] = field(default_factory=Counter)
    image: Counter[str] = field(default_factory=Counter)
    error: Counter[str] = field(default_factory=Counter)
    wait: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
