"""The model as a side: after each step every task goes on by itself, as in a kernel without preemption."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping, Sequence

from fuzz.targets.agreement.side import DONE, Ended, Files, Inside
from fuzz.targets.oracles import AfterCrash
from models.btrfs.subvolume import FS_TREE, Inode
from models.btrfs.transaction import TransState
from models.btrfs.trees import BlockGroupType
from models.operations import Commit, CompleteBio, EndTransaction, Operation, Step
from models.simulation import State, Task
from models.syscalls import Failed
from models.syscalls.buffered import dirty_files
from models.world import World

WOKEN_KTHREAD = "transaction kthread, woken"
"""The task that commits for one that has queued so much that it waits for a commit.  No program has it."""
ENDLESS = 10_000
"""Steps after which a model that does not come to rest is taken to run for ever."""


class ModelSide(World):
    """A world whose schedule is not chosen.

    A handle that a task keeps open ends with the operation that began it: no system call leaves one behind.
    """

    def __init__(self, *arguments: object, **options: object) -> None:
        self._ended: list[Ended] = []
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def take(self, step: Step) -> None:
        """Start the operation; then every task goes on that can.  Raises Violation."""
        self.apply(Step(step.task, step.operation))
        self._come_to_rest()

    def complete(self, values: frozenset[int]) -> None:
        """Every bio of these values, one after the other.  Raises Violation."""
        bios = zip(self.in_flight(), self.values_in_flight(), strict=True)
        for bio in [bio for bio, written in bios if not values.isdisjoint(written)]:
            self.apply(Step(self.idle_worker(), bio))
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        for _ in range(ENDLESS):
            step = self._next()
            if step is None:
                return
            self.apply(step)
        raise AssertionError("the model does not come to rest")

    def _next(self) -> Step | None:
        for task in self.sim.runnable():
            return Step(task.name)
        for name, task in sorted(self.sim.tasks.items()):
            if task.state is State.IDLE and task.journal_info is not None:
                return Step(name, EndTransaction())
        running = self.fs.transactions.running
        asked = running is not None and running.state is TransState.BLOCKED
        return Step(WOKEN_KTHREAD, Commit()) if asked and self.idle(WOKEN_KTHREAD) else None

    def _end(self, task: Task) -> None:
        operation, result = self.operation_of(task.name), task.result
        super()._end(task)
        if task.name != WOKEN_KTHREAD and not isinstance(operation, EndTransaction | CompleteBio):
            outcome = errno.errorcode[result.code] if isinstance(result, Failed) else DONE
            made = result.ino if isinstance(result, Inode) else -1
            self._ended.append(Ended(task.name, operation, outcome, made))

    def ended(self) -> Sequence[Ended]:
        """What came back, by task."""
        ended, self._ended = self._ended, []
        return sorted(ended, key=lambda one: one.task)

    def inside(self) -> Mapping[str, Inside]:
        """Tasks of user space that wait; workers have no task on the other side."""
        return {
            name: Inside(operation, task.blocked_on.name, tuple(task.blocked_on.held_by()))
            for name, operation, task in self._blocked()
            if task.blocked_on is not None
        }

    def _blocked(self) -> list[tuple[str, Operation, Task]]:
        tasks = [(name, task) for name, task in sorted(self.sim.tasks.items()) if task.state is State.BLOCKED]
        busy = [(name, self.operation_of(name), task) for name, task in tasks]
        return [one for one in busy if one[0] != WOKEN_KTHREAD and not isinstance(one[1], CompleteBio)]

    def values_in_flight(self) -> Sequence[frozenset[int]]:
        """The values of each bio."""
        return [frozenset(bio.values) for bio in self.fs.device.in_flight]

    def dirty(self) -> Sequence[int]:
        """The files with dirty pages."""
        return dirty_files(self.fs)

    def files(self) -> Files:
        """As a read would return them."""
        inodes = self.fs.roots[FS_TREE].inodes
        return {
            number: [self.fs.read_block(inodes[number], block) for block in range(size)]
            for number, size in self.file_sizes().items()
        }

    def snapshots(self) -> Sequence[Files]:
        """As a read would return them."""
        read = self.fs.snapshots.read_block
        return [
            {
                ino: [read(root, ino, block) for block in range(sum(i.num for i in leaf.items.values()))]
                for ino, leaf in sorted(root.leaves.items())
            }
            for root in self.fs.snapshots.all()
        ]

    def group_addresses(self) -> Mapping[int, int]:
        """The block groups that balance can see."""
        return {group.start: group.number for group in self.fs.balanceable()}

    def used(self) -> Mapping[int, int]:
        """What the block groups count."""
        return {group.start: group.used for group in self.fs.balanceable()}

    def extents_at(self, at: int) -> int:
        """By the extent items."""
        behind = min((other for other in self.fs.trees.chunk.root if other > at), default=sys.maxsize)
        items = self.fs.trees.extent.root.items()
        return sum(item.length for start, item in items if at <= start < behind)

    def in_use(self) -> frozenset[int]:
        """The DATA block groups from which something has been allocated, by address."""
        return frozenset(group.start for group in self.fs.balanceable() if group.used or group.reserved)

    @property
    def promised(self) -> int:
        """DATA blocks that are used or promised."""
        return self.fs.space.infos[BlockGroupType.DATA].promised

    def has_room_for(self, blocks: int) -> bool:
        """Whether so many blocks can be had without a new block group."""
        info = self.fs.space.infos[BlockGroupType.DATA]
        return info.promised + blocks <= info.total

    @property
    def readonly(self) -> bool:
        """Whether a transaction was aborted."""
        return self.fs.error != 0

    def after_crash(self) -> AfterCrash:
        """By its reference."""
        return AfterCrash.of(self.reference, {})

    def settle_again(self) -> None:
        """The model needs no time."""
