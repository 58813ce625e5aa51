"""What a machine drives: the interface of a target.

The model (:class:`models.world.World`) is one target.  Another one offers the same: it takes the steps of a
program in the project's words, tells the reference model which operations begin and end, and raises
:class:`models.world.Violation` where something does not hold.

=============  =================================================================================
operations     :meth:`Target.apply`, where :meth:`Target.makes_sense` says that a step can be taken
completions    :meth:`Target.in_flight`: bios that a complete-bio may end, by who submitted them
observation    :meth:`Target.file_sizes`, :meth:`Target.data_groups`, :meth:`Target.runnable`
crash image    the operation ``crash``, and :meth:`Target.finish`, which judges those of a case's end
close          :meth:`Target.close`: nothing is left behind, whatever happened
=============  =================================================================================

An operation or a preemption that a target cannot express is refused by a rule that it states, and counted.
What is searched are the model, :mod:`fuzz.targets.kernel` (the kernel that runs here) and
:mod:`fuzz.targets.qemu` (Debian's, in an emulated machine).  What the two that are real have in common stands
beside them: in :mod:`fuzz.targets.real` how a case takes its steps, in :mod:`fuzz.targets.actions` what the
reference model is told of each operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from models.geometry import Geometry
from models.operations import CompleteBio, Step

MODEL, KERNEL, QEMU = "model", "kernel", "qemu"
TARGETS = (MODEL, KERNEL, QEMU)
"""What ``pytest fuzz/ --target`` takes."""


class TargetUnavailable(Exception):  # noqa: N818 - a state of affairs
    """This machine lacks something that the target needs; the message is one line, with what to do."""


class Target(Protocol):
    """One case on a fresh file system of ``geometry``; ``program`` has the steps that were taken."""

    geometry: Geometry
    program: list[Step]

    def makes_sense(self, step: Step) -> bool:
        """Whether the step can be taken now."""

    def apply(self, step: Step) -> bool:
        """Take a step and judge what it left; False if it makes no sense here.  Raises Violation."""

    def next_to_drain(self) -> Step | None:
        """The next step when no step is chosen; None if everything has come to its end."""

    def finish(self) -> None:
        """Let everything end, and judge it: also what a crash would have left.  Raises Violation."""

    def close(self) -> None:
        """Give back what the case had of the machine."""

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation."""

    def has_handle(self, task: str) -> bool:
        """Whether the task holds a transaction handle."""

    def idle_worker(self) -> str:
        """The name of an idle worker, for completing a bio."""

    def runnable(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Tasks that were stopped and could go on, and the points at which they could stop again."""

    def in_flight(self) -> Sequence[CompleteBio]:
        """How each bio in flight would be completed."""

    def data_groups(self) -> Sequence[int]:
        """Numbers of the DATA block groups."""

    def file_sizes(self) -> Mapping[int, int]:
        """How many blocks each file has."""
