"""What both sides can be seen to do, compared after each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fuzz.interleavings.watched import kind_of
from fuzz.targets.agreement import space
from fuzz.targets.agreement.counts import BETWEEN, Counts
from fuzz.targets.agreement.difference import Aspect, Difference
from fuzz.targets.agreement.side import DONE, Ended, Files, Side
from fuzz.targets.agreement.waits import same
from fuzz.targets.oracles import AfterCrash, Values, shown
from models.operations import (
    BufferedWrite,
    Commit,
    Crash,
    Operation,
    Relocate,
    Remount,
    Snapshot,
    StartNocowDio,
    Step,
)
from models.reference.snapshots import Snapshot as Taken

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair


class Comparison:
    """The differences between both sides of a pair.

    What was seen before is kept where one moment does not tell: operations that came back on one side only,
    snapshots as they were when they had just been taken, and what a loss of power may leave.  ``pieces`` are
    writes that went out in other bios on one side than on the other; ``beside_snapshot`` says whether a
    direct write ever ran beside a snapshot, ``flushed_by_snapshot`` whether one had pages to write back,
    ``moved_and_written`` whether one of the ``moved`` files, which a relocation found, was written to.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.model_ended: dict[str, Ended] = {}
        self.kernel_ended: dict[str, Ended] = {}
        self.pieces: set[int] = set()
        self.moved: set[int] = set()
        self.beside_snapshot = self.flushed_by_snapshot = self.moved_and_written = False
        self._taken: list[tuple[Files, Files]] = []
        self._model_may: AfterCrash | None = None
        self._kernel_may: AfterCrash | None = None

    def before(self, operation: Operation) -> None:
        """The operation is about to begin."""
        if isinstance(operation, Relocate):
            self.moved |= self.pair.model.file_sizes().keys()
        if isinstance(operation, StartNocowDio | BufferedWrite):
            self.moved_and_written |= operation.file in self.moved
        if isinstance(operation, Snapshot) and self.pair.model.dirty():
            self.flushed_by_snapshot = True
        if isinstance(operation, Crash):
            self._model_may, self._kernel_may = self.pair.model.after_crash(), self.pair.kernel.after_crash()

    def differences(self, step: Step) -> Iterator[Difference]:
        """All of them, after a step."""
        if isinstance(step.operation, Crash):  # what ran has not ended
            self.model_ended.clear()
            self.kernel_ended.clear()
            self.pair.model.ended()
            self.pair.kernel.ended()
        yield from self._outcomes()
        yield from self.stands(self.pair.counts)
        yield from self._snapshots(step)
        if self.pair.model.quiet and self.pair.kernel.quiet:
            yield from self._at_rest(step)

    def _outcomes(self) -> Iterator[Difference]:
        """Operations that have come back on both sides, and the files that they made."""
        counts, pair = self.pair.counts, self.pair
        self.model_ended |= {ended.task: ended for ended in pair.model.ended()}
        self.kernel_ended |= {ended.task: ended for ended in pair.kernel.ended()}
        for task in sorted(self.model_ended.keys() & self.kernel_ended.keys()):
            model, kernel = self.model_ended.pop(task), self.kernel_ended.pop(task)
            counts.looks[Aspect.OUTCOME] += 1
            counts.outcomes[BETWEEN.join((model.operation.name, model.outcome, kernel.outcome))] += 1
            if model.made >= 0 and kernel.made >= 0:
                pair.names.files[model.made] = kernel.made
            if model.outcome != kernel.outcome:
                subject = f"{task}: {model.operation}"
                yield Difference(Aspect.OUTCOME, subject, model.outcome, kernel.outcome, task)

    def stands(self, counts: Counts) -> Iterator[Difference]:
        """How far tasks and their writes have come; what is looked at is counted there."""
        yield from self._waits(counts)
        yield from self._in_flight(counts)

    def _waits(self, counts: Counts) -> Iterator[Difference]:
        """Which tasks are inside an operation, and where."""
        model, kernel = self.pair.model.inside(), self.pair.kernel.inside()
        running = {type(one.operation) for one in (*model.values(), *kernel.values())}
        self.beside_snapshot |= {Snapshot, StartNocowDio} <= running
        for task in sorted(model.keys() | kernel.keys()):
            here, there = model.get(task), kernel.get(task)
            one = here or there
            assert one is not None
            counts.looks[Aspect.WAIT] += 1
            if here is not None and there is not None:
                name = BETWEEN.join((one.operation.name, kind_of(here.waits_for), there.waits_for))
                counts.waits[name] += 1
                counts.looks[Aspect.WHERE] += 1
                if not same(here.waits_for, there.waits_for):
                    subject = f"{task}: {one.operation}"
                    yield Difference(Aspect.WHERE, subject, str(here), str(there), task)
            else:
                yield Difference(
                    Aspect.WAIT, f"{task}: {one.operation}", str(here or DONE), str(there or DONE), task
                )

    def _in_flight(self, counts: Counts) -> Iterator[Difference]:
        """Which writes are in flight."""
        model = frozenset().union(*self.pair.model.values_in_flight())
        kernel = frozenset().union(*self.pair.kernel.values_in_flight())
        counts.looks[Aspect.IN_FLIGHT] += 1
        for value in sorted(model ^ kernel):
            here, there = (("in flight" if value in some else "not in flight") for some in (model, kernel))
            task = self.pair.writers[value - 1]
            yield Difference(Aspect.IN_FLIGHT, f"write {value}", here, there, task, value)
        for value in sorted(model & kernel):
            some, others = _bios_with(value, self.pair.model), _bios_with(value, self.pair.kernel)
            counts.looks[Aspect.BIOS] += 1
            if some != others:
                yield Difference(Aspect.BIOS, f"write {value}", f"{some}", f"{others}", number=value)

    def _at_rest(self, step: Step) -> Iterator[Difference]:
        """What can be looked at in quiet."""
        model, kernel, names = self.pair.model, self.pair.kernel, self.pair.names
        here, there = model.files(), kernel.files()
        if isinstance(step.operation, Crash):
            yield from self._after_crash(here, there)
        yield from self._contents(Aspect.CONTENTS, _renamed(here, names.files), there)
        self.pair.counts.looks[Aspect.READ_ONLY] += 1
        if model.readonly != kernel.readonly:
            yield Difference(Aspect.READ_ONLY, "read-only", f"{model.readonly}", f"{kernel.readonly}")
        if not names.apart:
            yield from space.groups(self.pair)
        if isinstance(step.operation, Commit | Crash | Remount) and not model.dirty():
            yield from space.used(self.pair)

    def _snapshots(self, step: Step) -> Iterator[Difference]:
        """Snapshots hold the same, and go on to hold what they held when they had been taken."""
        model, kernel = self.pair.model.snapshots(), self.pair.kernel.snapshots()
        if isinstance(step.operation, Crash | Remount):
            self._taken = list(zip(model, kernel, strict=False))
        fewer, more = sorted((len(model), len(kernel)))
        slower = self._being_taken(by_model=len(model) < len(kernel))
        if more - fewer > slower or (more != fewer and fewer < len(self._taken)):
            yield Difference(Aspect.SNAPSHOTS, "snapshots", f"{len(model)}", f"{len(kernel)}")
        both = list(zip(model, kernel, strict=False))
        self._taken += both[len(self._taken) :]
        for number, ((here, there), before) in enumerate(zip(both, self._taken, strict=False), start=1):
            self.pair.counts.looks[Aspect.STAYS] += 1
            kept = (here == before[0], there == before[1])
            if not all(kept):
                model_now, kernel_now = ("as it was" if as_before else "changed" for as_before in kept)
                yield Difference(Aspect.STAYS, f"snapshot {number}", model_now, kernel_now, number=number)
        if self.pair.model.quiet and self.pair.kernel.quiet:
            for number, (here, there) in enumerate(both, start=1):
                named = _renamed(here, self.pair.names.files)
                yield from self._contents(Aspect.SNAPSHOTS, named, there, f"snapshot {number} ", number)

    def _being_taken(self, *, by_model: bool) -> int:
        """How many snapshots that side is taking: it may only be slower than the other."""
        side = self.pair.model if by_model else self.pair.kernel
        return sum(isinstance(one.operation, Snapshot) for one in side.inside().values())

    def snapshot_may_be_either(self, number: int) -> bool:
        """Whether the reference of each side allows what the other has in a snapshot."""
        pair, back = self.pair, {other: number for number, other in self.pair.names.files.items()}
        if not 0 < number <= min(len(pair.model.snapshots()), len(pair.kernel.snapshots())):
            return False
        model, kernel = (
            [one for one in side.reference.snapshots if one.ended][number - 1]
            for side in (pair.model, pair.kernel)
        )
        here = _renamed(pair.model.snapshots()[number - 1], pair.names.files)
        there = _renamed(pair.kernel.snapshots()[number - 1], back)
        return _allows(model, there) and _allows(kernel, here)

    def _contents(
        self, aspect: Aspect, model: Files, kernel: Files, where: str = "", number: int = -1
    ) -> Iterator[Difference]:
        """The same files with the same values."""
        self.pair.counts.looks[aspect] += 1
        for file in sorted(model.keys() | kernel.keys()):
            here, there = model.get(file), kernel.get(file)
            if here != there:
                seen = _values(here), _values(there)
                yield Difference(aspect, f"{where}file {file}", *seen, number=file if number < 0 else number)

    def _after_crash(self, model: Files, kernel: Files) -> Iterator[Difference]:
        """Each side came back as the other may have."""
        assert self._model_may is not None
        assert self._kernel_may is not None
        files = self.pair.names.files
        back = {other: number for number, other in files.items()}
        self.pair.counts.looks[Aspect.CRASH] += 1
        for name, mismatch in self._model_may.judge(_renamed(kernel, back)):
            yield Difference(Aspect.CRASH, name, f"allows: {mismatch.expected}", mismatch.observed)
        for name, mismatch in self._kernel_may.judge(_renamed(model, files)):
            yield Difference(Aspect.CRASH, name, mismatch.observed, f"allows: {mismatch.expected}")


def _bios_with(value: int, side: Side) -> int:
    return sum(value in values for values in side.values_in_flight())


def _allows(taken: Taken, files: Files) -> bool:
    """Whether a snapshot may have these contents."""
    blocks = [((file, block), value) for file, values in files.items() for block, value in enumerate(values)]
    return all(place in taken.cells and value in taken.cells[place].values for place, value in blocks)


def _values(values: Values | None) -> str:
    return "not there" if values is None else ", ".join(map(shown, values))


def _renamed(files: Files, names: dict[int, int]) -> Files:
    """With the other side's numbers; a file that has none there has a negative one."""
    return {names.get(number, -1 - number): values for number, values in files.items()}
