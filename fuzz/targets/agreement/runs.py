"""Sequences on both sides, in a child process, so that its namespace and its tasks end with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from fuzz.case import Case
from fuzz.random_cases import play
from fuzz.targets import shortening
from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.kernel_side import KernelSide
from fuzz.targets.agreement.machine import geometry_with, random_sequence
from fuzz.targets.agreement.model_side import ModelSide
from fuzz.targets.agreement.pair import Pair
from fuzz.targets.kernel.child import ask_child
from fuzz.targets.kernel.control import GATE
from fuzz.targets.kernel.machinery import Machinery
from fuzz.traces import Outcome, Sign, Trace, dumps, loads
from models.world import Violation

ORDER = "agree"
"""What the child is asked for."""
SHORTENING = 60
"""Runs that making a sequence shorter may take."""


@dataclass(frozen=True, slots=True)
class Order:
    """Sequences ``first`` and on of a seed, that many; or the program of a trace, if there is one.

    ``gate`` is the program of the gate's process.
    """

    seed: int
    first: int
    count: int
    steps: int
    trace: str = ""
    gate: tuple[str, ...] = GATE


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What sequence ``number`` came to, and the shortest that was found to come to the same, as a trace.

    ``again`` says whether it came to it when it was run once more.
    """

    number: int
    property: str
    expected: str
    observed: str
    trace: str
    again: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What was counted, and what differs."""

    counts: Counts
    disagreements: tuple[Disagreement, ...]


def agree(order: Order) -> Answer:
    """Have a child do it.  Raises ChildError."""
    runs = order.count + SHORTENING  # as one disagreement may take
    data = json.loads(ask_child(ORDER, asdict(order), runs))
    found = tuple(Disagreement(**one) for one in data["disagreements"])
    return Answer(Counts.from_data(data["counts"]), found)


def agree_here(data: dict[str, Any]) -> str:
    """In the child: do it; the answer as JSON."""
    order = Order(**{**data, "gate": tuple(data["gate"])})
    machinery, counts = Machinery(order.gate), Counts()
    try:
        if order.trace:
            found = list(_again(machinery, counts, loads(order.trace).case))
        else:
            found = list(_random(machinery, counts, order))
    finally:
        machinery.close()
    disagreements = [asdict(one) for one in found]
    return json.dumps({"counts": counts.as_data(), "disagreements": disagreements})


def _again(machinery: Machinery, counts: Counts, case: Case) -> Iterator[Disagreement]:
    """One program, of whose file system the files count, without steps that make no sense here."""
    counts.sequences += 1
    violation, taken = run(machinery, Case(geometry_with(case.geometry.files), case.steps), counts)
    if violation is not None:
        yield _told(0, violation, taken, again=True)


def _random(machinery: Machinery, counts: Counts, order: Order) -> Iterator[Disagreement]:
    """Sequences by their numbers."""
    for number in range(order.first, order.first + order.count):
        kind, geometry, choices = random_sequence(order.seed, number, order.steps)
        machine = kind(machinery, counts)
        machine.mkfs(geometry)
        try:
            failure = play(machine, choices)
        except Exception as error:
            error.add_note(f"sequence {number} of seed {order.seed}")
            raise
        if failure is not None:
            case, violation = failure.case, failure.violation
            shortest = shorter(machinery, case, violation)
            yield _told(number, *(shortest or (violation, case)), again=shortest is not None)


def run(machinery: Machinery, case: Case, counts: Counts) -> tuple[Violation | None, Case]:
    """Run a program on both sides, to its end: what does not hold, and the steps that were taken."""
    pair = Pair(ModelSide(case.geometry), KernelSide(machinery, case.geometry), counts)
    try:
        for step in case.steps:
            pair.apply(step)
        pair.finish()
    except Violation as violation:
        return violation, Case(case.geometry, tuple(pair.program))
    finally:
        with suppress(OSError):
            pair.close()
    return None, case


def shorter(machinery: Machinery, case: Case, violation: Violation) -> tuple[Violation, Case] | None:
    """The program with every step left out that need not be there; None where it does not fail again."""
    return shortening.shorter(lambda one: run(machinery, one, Counts()), case, violation, SHORTENING)


def _told(number: int, violation: Violation, case: Case, *, again: bool) -> Disagreement:
    sign = Sign.of(violation)
    then: Sequence[str] = ("done",) * len(case.steps)
    trace = dumps(Trace(case, (), tuple(then), Outcome(sign, sign)))
    return Disagreement(number, sign.property, sign.expected, sign.observed, trace, again)
