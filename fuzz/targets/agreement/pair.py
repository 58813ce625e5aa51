"""Model and kernel in lock-step: each step is taken on both, and then both are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from fuzz.targets.agreement.abstractions import ABSTRACTIONS, Abstraction
from fuzz.targets.agreement.comparing import Comparison
from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.difference import Difference
from fuzz.targets.agreement.limits import limit
from fuzz.targets.agreement.model_side import ModelSide
from fuzz.targets.agreement.names import Names
from fuzz.targets.agreement.settling import Settling
from fuzz.targets.agreement.side import Side
from models.draining import KTHREAD
from models.operations import (
    BufferedWrite,
    Commit,
    CompleteBio,
    Crash,
    Remount,
    StartNocowDio,
    Step,
    Writeback,
)
from models.properties import Mismatch
from models.world import Violation

DISAGREEMENT = "model_and_kernel_agree_on_"
"""How the name of what does not hold begins; what differs follows."""


class Pair:
    """A sequence on both; everything in ``program`` is in the model's numbers.

    ``over`` is true when a known difference has left the two in different states: then nothing is compared
    any more.  ``waited`` are the tasks that were inside an operation before the last step, ``writers`` the
    tasks that wrote each value, from 1 on; ``standing`` are the known differences there are, each with its
    abstraction, and ``stood`` those before the last step.
    """

    def __init__(self, model: ModelSide, kernel: Side, counts: Counts) -> None:
        self.model, self.kernel, self.counts = model, kernel, counts
        self.geometry = model.geometry
        self.names = Names({number: number for number in model.file_sizes()})
        self.names.mate(model.group_addresses(), kernel.group_addresses())
        self.comparison = Comparison(self)
        self.program: list[Step] = []
        self.drained: list[Step] = []
        self.draining = self.over = False
        self.standing: dict[str, str] = {}
        self.stood: dict[str, str] = {}
        self._settling = Settling(self)
        self.waited: frozenset[str] = frozenset()
        self.writers: list[str] = []
        self.writes: list[StartNocowDio | BufferedWrite] = []

    @property
    def steps(self) -> list[Step]:
        """All that were taken."""
        return [*self.program, *self.drained]

    # What can be done now

    def idle(self, task: str) -> bool:
        """Whether the task could start an operation on both."""
        return self.model.idle(task) and self.kernel.idle(task)

    def has_handle(self, task: str) -> bool:
        """A handle ends with the operation that began it."""
        del task
        return False

    def idle_worker(self) -> str:
        """A name for the task that completes bios."""
        return "kworker 1"

    def runnable(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """None: no task is preempted."""
        return []

    def in_flight(self) -> Sequence[CompleteBio]:
        """The model's bios whose values are in flight on the other side, too."""
        both = frozenset().union(*self.kernel.values_in_flight())
        bios = zip(self.model.in_flight(), self.model.values_in_flight(), strict=True)
        return [bio for bio, values in bios if values <= both]

    def data_groups(self) -> Sequence[int]:
        """The model's numbers of the DATA block groups that both have."""
        if self.names.apart:
            return []
        there, mates = self.kernel.group_addresses(), self.names.groups
        here = sorted(self.model.group_addresses().items())
        return [number for at, number in here if mates.get(at) in there]

    def file_sizes(self) -> Mapping[int, int]:
        """The sizes of the files that both have."""
        other = self.kernel.file_sizes()
        sizes = self.model.file_sizes().items()
        return {number: size for number, size in sizes if self.names.files.get(number) in other}

    def makes_sense(self, step: Step) -> bool:
        """Whether both can take the step, and it is no limit of the comparison."""
        if self.over or step.operation is None:
            return False
        if isinstance(step.operation, CompleteBio):
            return step.operation in self.in_flight()
        if limit(self, step.operation):
            return False
        try:
            other = self._translated(step)
        except KeyError:
            return False
        return self.idle(step.task) and self.model.makes_sense(step) and self.kernel.makes_sense(other)

    # Doing it

    def apply(self, step: Step) -> bool:
        """Take a step on both and compare them; False if it makes no sense.  Raises Violation."""
        if not self.makes_sense(step):
            return False
        operation = step.operation
        assert operation is not None
        step = Step(step.task, operation)
        (self.drained if self.draining else self.program).append(step)
        self.counts.steps += 1
        self.counts.operations[operation.name] += 1
        self.waited = frozenset(self.model.inside()) | frozenset(self.kernel.inside())
        if isinstance(operation, StartNocowDio | BufferedWrite):
            self.writers.append(step.task)
            self.writes.append(operation)
        if isinstance(operation, CompleteBio):
            values = self._together(operation)
            self.model.complete(values)
            self.kernel.complete(values)
        else:
            other = self._translated(step)
            self.comparison.before(operation)
            self.model.take(step)
            self.kernel.take(other)
        self._settling.wait()
        self._judge(step)
        return True

    def _translated(self, step: Step) -> Step:
        """The step in the numbers of the other side.  Raises KeyError."""
        return self.names.translated(step, self.model.group_addresses(), self.kernel.group_addresses())

    def _together(self, bio: CompleteBio) -> frozenset[int]:
        """The values to complete: those of the bio, and of all that shares a bio with them on either side."""
        model = self.model.values_in_flight()
        values = model[list(self.model.in_flight()).index(bio)]
        bios = [*model, *self.kernel.values_in_flight()]
        while any(values & other and not other <= values for other in bios):
            values = values.union(*(other for other in bios if values & other))
        return values

    def _judge(self, step: Step) -> None:
        """Compare; what is known is counted.  Raises Violation for what is not."""
        self.stood, self.standing = self.standing, {}
        for difference in self.comparison.differences(step):
            subject = difference.key
            name = self.stood.get(subject, "")
            if not name:
                known = self.known(difference)
                if known is None:
                    self.complain(difference)
                name = known.name
                self.counts.abstractions[name] += 1
                self.counts.known[difference.aspect] += 1
                self.over |= known.ends
            self.standing[subject] = name
            if self.over:
                return

    def known(self, difference: Difference) -> Abstraction | None:
        """The first known difference that it is, if it is any."""
        return next((one for one in ABSTRACTIONS if one.applies(difference, self)), None)

    def complain(self, difference: Difference) -> NoReturn:
        """Raise Violation for a difference that no rule knows."""
        mismatch = Mismatch(
            f"{difference.subject}: {difference.model}", f"{difference.kernel} on the other side"
        )
        raise Violation(f"{DISAGREEMENT}{difference.aspect.name.lower()}", mismatch)

    # The end

    def next_to_drain(self) -> Step | None:
        """Bios complete, then dirty pages are written."""
        for bio in self.in_flight():
            return Step(self.idle_worker(), bio)
        if self.model.values_in_flight() or self.kernel.values_in_flight():
            return None
        for number in self.model.dirty():
            step = Step(KTHREAD, Writeback(number))
            if self.makes_sense(step):
                return step
        return None

    def finish(self) -> None:
        """Let everything end, commit, and compare: also after an umount, and a loss of power.

        Raises Violation.
        """
        self.draining = True
        while (step := self.next_to_drain()) is not None or self._complete_all():
            if step is not None:
                self.apply(step)
        for step in (Step(KTHREAD, Commit()), Step(Remount.task, Remount()), Step(Crash.task, Crash())):
            self.apply(step)

    def _complete_all(self) -> bool:
        """Complete what is in flight on one side only, because of a known difference; False if nothing is.

        Raises Violation.
        """
        sides = [side for side in (self.model, self.kernel) if side.values_in_flight()]
        for side in sides:
            side.complete(frozenset().union(*side.values_in_flight()))
        return bool(sides)

    def close(self) -> None:
        """Close both sides."""
        self.model.close()
        self.kernel.close()
