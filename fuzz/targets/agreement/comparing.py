"""What both sides can be seen to do, compared after each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fuzz.targets.agreement.difference import Difference
from fuzz.targets.agreement.side import DONE, Ended, Files, Inside
from fuzz.targets.kernel.oracles import AfterCrash, shown
from models.operations import Commit, Crash, Operation, Remount, Step

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair


class Comparison:
    """The differences between both sides of a pair.

    What was seen before is kept where one moment does not tell: operations that came back on one side only,
    and what a loss of power may leave.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.model_ended: dict[str, Ended] = {}
        self.kernel_ended: dict[str, Ended] = {}
        self.apart: set[str] = set()
        self.left_over: tuple[int, ...] = ()
        self._model_may: AfterCrash | None = None
        self._kernel_may: AfterCrash | None = None

    def before(self, operation: Operation) -> None:
        """The operation is about to begin."""
        if isinstance(operation, Crash):
            self._model_may, self._kernel_may = self.pair.model.after_crash(), self.pair.kernel.after_crash()

    def differences(self, step: Step) -> Iterator[Difference]:
        """All of them, after a step."""
        if isinstance(step.operation, Crash | Remount):
            self.model_ended.clear()
            self.kernel_ended.clear()
            self.apart.clear()
        yield from self._outcomes()
        yield from self._waits()
        yield from self._in_flight()
        if self.pair.model.quiet and self.pair.kernel.quiet:
            yield from self._at_rest(step)

    def _outcomes(self) -> Iterator[Difference]:
        """Operations that have come back on both sides, and the files that they made."""
        counts, pair = self.pair.counts, self.pair
        self.model_ended |= {ended.task: ended for ended in pair.model.ended()}
        self.kernel_ended |= {ended.task: ended for ended in pair.kernel.ended()}
        for task in sorted(self.model_ended.keys() & self.kernel_ended.keys()):
            model, kernel = self.model_ended.pop(task), self.kernel_ended.pop(task)
            self.apart.discard(task)
            counts.looks["outcome"] += 1
            counts.outcomes[f"{model.operation.name} | {model.outcome} | {kernel.outcome}"] += 1
            if model.made >= 0 and kernel.made >= 0:
                pair.names.files[model.made] = kernel.made
            if model.outcome != kernel.outcome:
                subject = f"{task}: {model.operation}"
                yield Difference("outcome", subject, model.outcome, kernel.outcome, model.operation)

    def _waits(self) -> Iterator[Difference]:
        """Who is inside an operation, and where."""
        model, kernel = self.pair.model.inside(), self.pair.kernel.inside()
        for task in sorted(model.keys() | kernel.keys()):
            here, there = model.get(task), kernel.get(task)
            one = here or there
            assert one is not None
            self.pair.counts.looks["wait"] += 1
            if here is not None and there is not None:
                name = f"{one.operation.name} | {kind_of(here.waits_for)} | {there.waits_for}"
                self.pair.counts.waits[name] += 1
            elif task not in self.apart:
                self.apart.add(task)
                subject = f"{task}: {one.operation}"
                yield Difference("wait", subject, _stands(here), _stands(there), one.operation)

    def _in_flight(self) -> Iterator[Difference]:
        """Which writes are in flight."""
        model = frozenset().union(*self.pair.model.values_in_flight())
        kernel = frozenset().union(*self.pair.kernel.values_in_flight())
        self.pair.counts.looks["writes in flight"] += 1
        if model != kernel:
            yield Difference("writes in flight", "writes in flight", _listed(model), _listed(kernel))

    def _at_rest(self, step: Step) -> Iterator[Difference]:
        """What can be looked at in quiet."""
        model, kernel, names = self.pair.model, self.pair.kernel, self.pair.names
        here, there = model.files(), kernel.files()
        if isinstance(step.operation, Crash):
            yield from self._after_crash(here, there)
        yield from self._contents("contents", _renamed(here, names.files), there)
        snapshots, others = model.snapshots(), kernel.snapshots()
        if len(snapshots) != len(others):
            yield Difference("snapshots", "snapshots", f"{len(snapshots)}", f"{len(others)}")
        for taken, other in zip(snapshots, others, strict=False):
            yield from self._contents("snapshots", _renamed(taken, names.files), other)
        if model.readonly != kernel.readonly:
            yield Difference("read-only", "read-only", f"{model.readonly}", f"{kernel.readonly}")
        yield from self._groups(step)

    def _contents(self, aspect: str, model: Files, kernel: Files) -> Iterator[Difference]:
        """The same files with the same values."""
        self.pair.counts.looks[aspect] += 1
        for number in sorted(model.keys() | kernel.keys()):
            here, there = model.get(number), kernel.get(number)
            if here != there:
                yield Difference(aspect, f"file {number}", _values(here), _values(there))

    def _after_crash(self, model: Files, kernel: Files) -> Iterator[Difference]:
        """Each side came back as the other may have."""
        assert self._model_may is not None
        assert self._kernel_may is not None
        files = self.pair.names.files
        back = {other: number for number, other in files.items()}
        self.pair.counts.looks["what a crash may leave"] += 1
        for name, mismatch in self._model_may.judge(_renamed(kernel, back)):
            yield Difference("what a crash may leave", name, mismatch.expected, mismatch.observed)
        for name, mismatch in self._kernel_may.judge(_renamed(model, files)):
            yield Difference("what a crash may leave", name, mismatch.observed, mismatch.expected)

    def _groups(self, step: Step) -> Iterator[Difference]:
        """Block groups that came and went, and just after a commit how much of them is used."""
        pair, counts = self.pair, self.pair.counts
        model, kernel = pair.model.data_groups(), pair.kernel.data_groups()
        if isinstance(step.operation, Crash | Remount):
            pair.names.groups.clear()
        counts.looks["block groups"] += 1
        new, other = pair.names.mate(model, kernel)
        used = pair.model.used()
        if new or other:
            yield Difference("block groups", "made", f"{len(new)} more", f"{len(other)} more")
        for group in model:
            if group in pair.names.groups and pair.names.groups[group] not in kernel:
                yield Difference("block groups", f"group {group}", f"there, used {used[group]}", "gone")
        for group, mate in sorted(pair.names.groups.items()):
            if group not in model and mate in kernel:
                yield Difference("block groups", f"group {group}", "gone", "there")
        if isinstance(step.operation, Commit | Crash | Remount) and not pair.model.dirty():
            yield from self._used()

    def _used(self) -> Iterator[Difference]:
        """Used blocks."""
        pair = self.pair
        pair.counts.looks["used blocks"] += 1
        model, kernel = pair.model.used(), pair.kernel.used()
        here, there = sum(model.values()), sum(kernel.values())
        if here != there:
            yield Difference("used blocks", "used DATA blocks", f"{here}", f"{there}")
        mated = [(model.get(g, 0), kernel.get(k, 0)) for g, k in sorted(pair.names.groups.items())]
        if any(a != b for a, b in mated):
            yield Difference(
                "used blocks of each group", "used", f"{[a for a, _ in mated]}", f"{[b for _, b in mated]}"
            )


def kind_of(wait: str) -> str:
    """What a wait is for, without which one it is."""
    return wait


def _stands(inside: Inside | None) -> str:
    if inside is None:
        return DONE
    holders = f", held by {', '.join(inside.held_by)}" if inside.held_by else ""
    return f"waits for {inside.waits_for}{holders}"


def _listed(values: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(values))) or "none"


def _values(values: list[int | None] | None) -> str:
    return "not there" if values is None else " ".join(map(shown, values))


def _renamed(files: Files, names: dict[int, int]) -> Files:
    """With the other side's numbers; a file that has none there keeps its own, as a negative number."""
    return {names.get(number, -1 - number): values for number, values in files.items()}
