"""Whether the second replayer finds what the first has recorded."""

from __future__ import annotations

import json

from fuzz.case import first_and_symptom
from fuzz.traces.interpreter import interpret
from fuzz.traces.trace import Outcome, Sign, Trace, plain
from fuzz.traces.writing import dumps


def disagreement(trace: Trace) -> str:
    """What the second replayer finds instead, in one line; empty if it agrees in every step and in the
    outcome."""
    found = interpret(json.loads(dumps(trace)), trace.reverts)
    steps = zip(trace.case.steps, trace.then, map(plain, found.then), strict=True)
    for number, (step, then, now) in enumerate(steps, start=1):
        if then != now:
            return f"step {number} ({step}): {now}, and not {then}"
    broken = {name: Sign(name, plain(expected), plain(seen)) for name, expected, seen in found.broken}
    if not broken:
        return "nothing breaks"
    first, symptom = first_and_symptom(broken)
    outcome = Outcome(symptom, first)
    if outcome == trace.outcome:
        return ""
    return f"{outcome.property}: {outcome.observed}; first sign {outcome.first.property}"
