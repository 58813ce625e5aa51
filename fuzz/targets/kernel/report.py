"""A failure on the live kernel for people, and what a whole run did."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields

from fuzz.minimise.size import preemptions
from fuzz.report import Reproducer
from fuzz.story import describe
from fuzz.tables import counted, wrapped_lines
from fuzz.tally import Tally
from fuzz.targets.kernel.machine import KernelFailure
from fuzz.targets.kernel.seen import Seen
from fuzz.targets.kernel.vocabulary import table
from fuzz.traces import Outcome, Sign, Trace, dumps

TITLES = {
    "held": "IO held",
    "fault": "faults that struck",
    "image": "images",
    "error": "errors, each of them allowed",
    "wait": "waits, by the kernel's stack",
    "refused": "refused",
}
"""For what a case counts."""


def render(failure: KernelFailure, how: str) -> Reproducer:
    """The report on a failing case."""
    violation, case = failure.violation, failure.case
    steps = [f"    {step}  -- {then}" for step, then in zip(case.steps, failure.then, strict=True)]
    program = "\n".join([f"program ({len(case.steps)} steps) on {describe(case.geometry)}:", *steps])
    head = (
        f"{violation.property}\n    expected: {violation.mismatch.expected}\n"
        f"    observed: {violation.mismatch.observed}"
    )
    text = f"{head}\n\n{program}\n\non the live kernel {platform.release()}; {how}"
    sign = Sign.of(violation)
    trace = Trace(case, (), failure.then, Outcome(sign, sign))
    return Reproducer(
        len(case.steps),
        text,
        violation.property,
        preemptions(case.steps),
        program,
        dumps(trace),
        (violation.property,),
    )


def count_lines(total: Tally, seconds: float) -> Iterator[str]:
    """What a run did, and what a live kernel cannot be told."""
    yield f"kernel {platform.release()}: {total.examples / seconds:.1f} cases per second"
    yield from counted("operations", total.operations)
    for group in fields(Seen):
        prefix = f"{group.name}: "
        entries = {name.removeprefix(prefix): n for name, n in total.seen.items() if name.startswith(prefix)}
        yield from counted(TITLES[group.name], Counter(entries))
    for rule in table():
        yield from wrapped_lines("cannot be expressed", rule)
