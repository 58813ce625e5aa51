"""One program in a guest, step by step, from a trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fuzz.case import Case
from fuzz.targets.qemu import points
from fuzz.targets.qemu.requirements import ready
from fuzz.targets.qemu.script import switches_of
from fuzz.targets.qemu.world import QemuWorld, fresh_world
from models.operations import Step
from models.reverts import Revert
from models.world import Violation


def play(case: Case, reverts: Sequence[Revert], say: Callable[[str], object]) -> Violation | None:
    """Run a program, with fixes switched off, saying how each step left its task; what does not hold.

    Raises TargetUnavailable; ValueError for a fix that cannot be switched off, or files that do not fit;
    QemuError where the guest is not as it should be.
    """
    switches = switches_of(reverts)
    world = fresh_world(ready(), case.geometry, switches)
    try:
        for step in case.steps:
            say(_take(world, step))
        world.finish()
    except Violation as violation:
        return violation
    finally:
        world.close()
    return None


def _take(world: QemuWorld, step: Step) -> str:
    """Take a step as far as the guest can; what became of it.  Raises Violation."""
    if step.operation is None and step.task in world.jobs and not world.makes_sense(step):
        return f"{step}  -- goes on without being told"
    if why := world.refusal(step):
        return f"{step}  -- refused: {why}"
    if not world.apply(step):
        return f"{step}  -- makes no sense here"
    why = points.refusal(step.until) if step.until else ""
    return f"{step}  -- {world.then[-1]}" + (f" ({why})" if why else "")
