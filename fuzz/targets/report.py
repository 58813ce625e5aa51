"""The text of a failure on a real kernel, and of what a whole run there did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from fuzz.diagram import WIDTH
from fuzz.minimise.size import preemptions
from fuzz.report import Reproducer
from fuzz.story import describe_files
from fuzz.tables import counted, wrapped_lines
from fuzz.tally import Tally
from fuzz.targets.machines import RealFailure
from fuzz.targets.seen import Counts
from fuzz.traces import Outcome, Sign, Trace, dumps
from models.reverts import Revert


def render(failure: RealFailure, where: str, how: str, reverts: Sequence[Revert] = ()) -> Reproducer:
    """The report on a failing case: on which kernel it was, and how it came again."""
    violation, case = failure.violation, failure.case
    steps = [f"    {step}  -- {then}" for step, then in zip(case.steps, failure.then, strict=True)]
    head = f"program ({len(case.steps)} steps) on a file system of the kernel's own sizes; "
    program = "\n".join([*wrap(f"{head}{describe_files(case.geometry)}:", WIDTH), *steps])
    broken = (
        f"{violation.property}\n    expected: {violation.mismatch.expected}\n"
        f"    observed: {violation.mismatch.observed}"
    )
    text = f"{broken}\n\n{program}\n\non {where}; {how}"
    sign = Sign.of(violation)
    trace = Trace(case, tuple(revert.id for revert in reverts), failure.then, Outcome(sign, sign))
    return Reproducer(
        len(case.steps),
        text,
        violation.property,
        preemptions(case.steps),
        program,
        dumps(trace),
        (violation.property,),
    )


def count_lines(
    where: str, total: Tally, seconds: float, seen: type[Counts], rules: Iterable[str]
) -> Iterator[str]:
    """What a run did, by what its cases have ``seen``, and the ``rules`` for what it cannot be told."""
    yield f"{where}: {total.examples / seconds:.1f} cases per second"
    yield from counted("operations", total.operations)
    yield from seen.lines(total)
    for rule in rules:
        yield from wrapped_lines("cannot be expressed", rule)
