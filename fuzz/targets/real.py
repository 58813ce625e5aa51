"""A case on a real kernel, wherever that runs: what its state is, and how a step is taken.

What a step does there, when it is over and how it is judged is in :mod:`fuzz.targets.kernel.world` and
:mod:`fuzz.targets.qemu.world`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Generic, NoReturn, Protocol, TypeVar

from fuzz.targets import Target
from fuzz.targets.seen import Counts
from models.geometry import Geometry
from models.operations import Operation, Step
from models.properties import Mismatch
from models.reference import Reference
from models.world import LIVENESS, REFUSAL, Violation


class RealJob(Protocol):
    """An operation that a task is inside.  ``memo`` is what its end has to know of its beginning."""

    task: str
    operation: Operation
    memo: object

    @property
    def result(self) -> object:
        """What came back."""

    @property
    def error(self) -> object:
        """What it failed with; false if it did not fail."""


J = TypeVar("J", bound=RealJob)


class RealWorld(Target, Generic[J]):
    """A fresh file system of ``geometry``.

    ``program`` has the steps that were chosen, ``then`` how each of them left its task, and ``drained`` the
    steps of the end.  ``jobs`` are the operations that have not come back, by task.  The ``reference`` model
    is told when each operation begins and ends.
    """

    seen: Counts

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.reference = Reference(geometry)
        self.program: list[Step] = []
        self.drained: list[Step] = []
        self.then: list[str] = []
        self.jobs: dict[str, J] = {}
        self.draining = False
        self._numbers = len(geometry.files)

    # What can be done now

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation."""
        return task not in self.jobs

    def idle_worker(self) -> str:
        """The kernel's workers need no telling apart: one name is enough."""
        return "kworker 1"

    @property
    def quiet(self) -> bool:
        """Whether no task is inside an operation."""
        return not self.jobs

    def file_sizes(self) -> Mapping[int, int]:
        """How many blocks each file has."""
        return {number: len(file.blocks) for number, file in self.reference.files.items()}

    def has_file(self, number: int) -> bool:
        """Whether there is such a file."""
        return number in self.reference.files

    def is_inside(self, number: int, block: int, blocks: int) -> bool:
        """Whether a file has these blocks."""
        return self.has_file(number) and block + blocks <= len(self.reference.files[number].blocks)

    def is_used(self, number: int) -> bool:
        """Whether an operation on a file is running."""
        return any(getattr(job.operation, "file", None) == number for job in self.jobs.values())

    def new_number(self) -> int:
        """A number that no file has had."""
        self._numbers += 1
        return self._numbers - 1

    # Taking a step

    def apply(self, step: Step) -> bool:
        """Take a step, wait until it is over, and judge it; False if it makes no sense here.

        Raises Violation.
        """
        if not self.makes_sense(step):
            return False
        (self.drained if self.draining else self.program).append(step)
        self.carry_out(step)
        return True

    def carry_out(self, step: Step) -> None:
        """Do what makes sense, note how it left its task, and judge.  Raises Violation."""
        self.begin(step)
        self.settle()
        stands = self.how_it_stands(step)
        if not self.draining:
            self.then.append(stands)
        self.judge()

    @abstractmethod
    def begin(self, step: Step) -> None:
        """Start the step's operation, or have its task go on."""

    @abstractmethod
    def settle(self) -> None:
        """Wait until the step is over, and end the operations that have come back.  Raises Violation."""

    @abstractmethod
    def how_it_stands(self, step: Step) -> str:
        """How a step left its task."""

    @abstractmethod
    def judge(self) -> None:
        """Look at all that can be looked at now.  Raises Violation."""

    # What does not hold

    def complain(self, name: str, expected: str, observed: str) -> NoReturn:
        """A property does not hold.  Raises Violation."""
        raise Violation(name, Mismatch(expected, observed))

    def hangs(self, job: J, stack: str) -> NoReturn:
        """An operation does not come back although nothing holds it up.  Raises Violation."""
        self.complain(LIVENESS, "no task waits for ever", f"{job.task} is in {job.operation}: {stack}")

    def is_refused(self, job: J) -> NoReturn:
        """An operation failed with an error that it may not fail with.  Raises Violation."""
        observed = f"{job.operation} fails: {job.error}"
        self.complain(REFUSAL, "the kernel refuses for lack of space only", observed)
