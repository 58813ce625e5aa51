"""Sleeping locks: whom they keep out, and what they say about it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.locks import Mutex, RangeLock, RwSem
from models.simulation import Simulation, State, Steps


def critical(take: Callable[[], Steps[None]], give: Callable[[], None]) -> Steps[None]:
    """Take a lock, pause at ``inside`` with it, and give it up."""
    yield from take()
    yield "inside"
    give()


def enter(sim: Simulation, name: str, take: Callable[[], Steps[None]], give: Callable[[], None]) -> bool:
    """Let a task take a lock; whether it got it."""
    sim.start(sim.task(name), critical(take, give))
    sim.run(sim.task(name), until="inside")
    return sim.task(name).state is State.PREEMPTED


def test_a_mutex_lets_one_task_in_and_the_next_after_it() -> None:
    """If lock did not block, every section under a mutex would race."""
    sim = Simulation()
    mutex = Mutex(sim, "chunk_mutex")
    assert enter(sim, "a", mutex.lock, mutex.unlock)
    assert not enter(sim, "b", mutex.lock, mutex.unlock)
    assert sim.waiting() == ["b waits for chunk_mutex, held by a"]

    sim.run(sim.task("a"))
    sim.run(sim.task("b"), until="inside")

    assert mutex.owner is sim.task("b")


def test_a_mutex_taken_twice_by_one_task_is_a_deadlock() -> None:
    """If the owner could take it again, a self deadlock of the kernel would go unseen."""
    sim = Simulation()
    mutex = Mutex(sim, "reloc_mutex")

    def twice() -> Steps[None]:
        yield from mutex.lock()
        yield from mutex.lock()

    sim.start(sim.task("a"), twice())
    sim.run(sim.task("a"))

    assert sim.runnable() == []
    assert sim.waiting() == ["a waits for reloc_mutex, held by a"]


def test_only_the_owner_unlocks_a_mutex() -> None:
    """If anybody could, an error path that unlocks too much would go unseen."""
    sim = Simulation()
    mutex = Mutex(sim, "chunk_mutex")
    assert enter(sim, "a", mutex.lock, mutex.unlock)

    def steal() -> Steps[None]:
        yield "steal"
        mutex.unlock()

    sim.start(sim.task("b"), steal())
    with pytest.raises(AssertionError, match="chunk_mutex is not held by the task"):
        sim.run(sim.task("b"))


def test_two_mutexes_taken_in_opposite_order_deadlock() -> None:
    """If waiting lost an edge, an ABBA deadlock could not be told from a slow task."""
    sim = Simulation()
    a, b = Mutex(sim, "A"), Mutex(sim, "B")

    def both(first: Mutex, second: Mutex) -> Steps[None]:
        yield from first.lock()
        yield "one"
        yield from second.lock()

    sim.start(sim.task("ab"), both(a, b))
    sim.start(sim.task("ba"), both(b, a))
    for name in ("ab", "ba"):
        sim.run(sim.task(name), until="one")
    for name in ("ab", "ba"):
        sim.run(sim.task(name))

    assert sim.runnable() == []
    assert sim.waiting() == ["ab waits for B, held by ba", "ba waits for A, held by ab"]


def test_readers_share_and_a_writer_waits_for_all_of_them() -> None:
    """If one leaving reader let a writer in, a walk of block groups would see the list change."""
    sim = Simulation()
    sem = RwSem(sim, "groups_sem")
    assert enter(sim, "r1", sem.down_read, sem.up_read)
    assert enter(sim, "r2", sem.down_read, sem.up_read)
    assert not enter(sim, "w", sem.down_write, sem.up_write)
    assert sim.waiting() == ["w waits for groups_sem, held by r1, r2"]

    sim.run(sim.task("r1"))
    assert not sim.task("w").runnable
    sim.run(sim.task("r2"))
    assert sim.task("w").runnable


def test_a_writer_keeps_readers_and_writers_out() -> None:
    """If a writer were ignored, removal could unlink a block group under an allocator."""
    sim = Simulation()
    sem = RwSem(sim, "groups_sem")
    assert enter(sim, "w", sem.down_write, sem.up_write)
    assert not enter(sim, "r", sem.down_read, sem.up_read)
    assert not enter(sim, "w2", sem.down_write, sem.up_write)

    sim.run(sim.task("w"))

    assert [task.name for task in sim.runnable()] == ["r", "w2"]


def test_a_waiting_writer_does_not_keep_new_readers_out() -> None:
    """If it did, a task that reads twice would deadlock with a writer in between."""
    sim = Simulation()
    sem = RwSem(sim, "groups_sem")
    assert enter(sim, "r1", sem.down_read, sem.up_read)
    assert not enter(sim, "w", sem.down_write, sem.up_write)
    assert enter(sim, "r2", sem.down_read, sem.up_read)


def test_only_the_writer_ends_writing() -> None:
    """If anybody could, a wait with the semaphore held could be skipped."""
    sim = Simulation()
    sem = RwSem(sim, "groups_sem")
    assert enter(sim, "w", sem.down_write, sem.up_write)

    def steal() -> Steps[None]:
        yield "steal"
        sem.up_write()

    sim.start(sim.task("r"), steal())
    with pytest.raises(AssertionError, match="groups_sem is not held by the task"):
        sim.run(sim.task("r"))


def range_of(tree: RangeLock, start: int, end: int) -> tuple[Callable[[], Steps[None]], Callable[[], None]]:
    """How to take and to give up a range."""
    return lambda: tree.lock(start, end), lambda: tree.unlock(start, end)


def test_ranges_that_touch_do_not_exclude_each_other() -> None:
    """If ends were inclusive, two writes side by side would wait for each other."""
    sim = Simulation()
    tree = RangeLock(sim, "file 0")
    assert enter(sim, "a", *range_of(tree, 0, 4))
    assert enter(sim, "b", *range_of(tree, 4, 8))


def test_ranges_that_overlap_exclude_each_other() -> None:
    """If one common block were not enough, two writes could map the same block."""
    sim = Simulation()
    tree = RangeLock(sim, "file 0")
    assert enter(sim, "a", *range_of(tree, 0, 4))
    assert not enter(sim, "b", *range_of(tree, 3, 8))
    assert sim.waiting() == ["b waits for lock_extent(file 0, 3-7), held by a"]

    sim.run(sim.task("a"))
    sim.run(sim.task("b"), until="inside")
    assert tree.held == [(3, 8, sim.task("b"))]


def test_try_lock_takes_a_free_range_and_never_waits() -> None:
    """If it waited or took a held range, the pointer switch of relocation would deadlock or race."""
    sim = Simulation()
    tree = RangeLock(sim, "file 0")
    assert enter(sim, "a", *range_of(tree, 0, 4))
    got = []

    def attempt() -> Steps[None]:
        got.append(tree.try_lock(2, 6))
        got.append(tree.try_lock(4, 6))
        got.append(tree.try_lock(5, 6))
        yield "tried"

    sim.start(sim.task("b"), attempt())
    sim.run(sim.task("b"))

    assert got == [False, True, False]


def test_a_range_is_given_up_as_it_was_taken_by_who_took_it() -> None:
    """If a part or another's range could be unlocked, a missing unlock would go unseen."""
    sim = Simulation()
    tree = RangeLock(sim, "file 0")
    assert enter(sim, "a", *range_of(tree, 0, 4))

    def steal(start: int, end: int) -> Steps[None]:
        yield "steal"
        tree.unlock(start, end)

    for name, end in (("part", 2), ("whole", 4)):
        sim.start(sim.task(name), steal(0, end))
        with pytest.raises(ValueError, match="not in list"):
            sim.run(sim.task(name))
