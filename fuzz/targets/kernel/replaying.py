"""One program on the live kernel, step by step, from a trace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from fuzz.case import Case
from fuzz.targets.kernel.child import ask_child
from fuzz.targets.kernel.control import GATE
from fuzz.targets.kernel.machinery import Machinery
from fuzz.targets.kernel.vocabulary import NO_STOP, refusal, stop_for
from fuzz.targets.kernel.world import KernelWorld
from fuzz.traces import Sign, dumps, loads
from fuzz.traces.trace import Outcome, Trace
from models.operations import CompleteBio, Step
from models.world import Violation

NOTHING = Sign("nothing", "nothing", "nothing")


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a program, step by step; ``broken`` is the property that broke, or empty."""

    lines: tuple[str, ...]
    broken: str
    expected: str
    observed: str


def play(case: Case, gate: Sequence[str] = GATE) -> Played:
    """Run a program in a child, over a gate with that program.  Raises ChildError."""
    then = ("done",) * len(case.steps)
    order = {"trace": dumps(Trace(case, (), then, Outcome(NOTHING, NOTHING))), "gate": list(gate)}
    data = json.loads(ask_child("case", order, 1))
    return Played(**{**data, "lines": tuple(data["lines"])})


def play_here(trace: str, gate: Sequence[str]) -> str:
    """In the child: do it; the answer as JSON."""
    machinery = Machinery(gate)
    case = loads(trace).case
    lines: list[str] = []
    sign = Sign("", "", "")
    world = KernelWorld(machinery, case.geometry)
    try:
        lines.extend(_take(world, step) for step in case.steps)
        world.finish()
    except Violation as violation:
        sign = Sign.of(violation)
    finally:
        with suppress(Exception):
            world.close()
        machinery.close()
    return json.dumps(asdict(Played(tuple(lines), sign.property, sign.expected, sign.observed)))


def _take(world: KernelWorld, step: Step) -> str:
    """Take a step as far as a live kernel can; what became of it."""
    operation = step.operation
    if isinstance(operation, CompleteBio):  # in the model some task does it, here the gate
        step = Step(world.idle_worker(), operation)
    if operation is None and not world.makes_sense(step):
        return f"{step}  -- goes on without being told"
    if operation is not None and refusal(operation):
        return f"{step}  -- refused: {refusal(operation)}"
    if not world.apply(step):
        return f"{step}  -- makes no sense here"
    note = f" ({NO_STOP})" if step.until and stop_for(step) is None else ""
    return f"{step}  -- {world.then[-1]}{note}"
