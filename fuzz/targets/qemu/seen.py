"""What a case in the guest did, as counts for the summary."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fuzz.targets.seen import Counts


@dataclass(slots=True)
class Seen(Counts):
    """Points at which a vCPU was held, those that a task did not come to, functions in which tasks waited,
    errors of operations, points at which the rest of the guest waited for the held one, and what was
    refused."""

    titles = {  # noqa: RUF012 - of the class
        "held": "held at",
        "passed": "not come to",
        "wait": "waits, by the kernel's stack",
        "error": "errors, each of them allowed",
        "released": "let go, as the guest waited for it",
        "refused": "refused",
    }
    held: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    wait: Counter[str] = field(default_factory=Counter)
    error: Counter[str] = field(default_factory=Counter)
    released: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
