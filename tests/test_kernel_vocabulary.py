"""What a live kernel can be asked, what is refused, and how its answers are read.  Needs no root."""

from __future__ import annotations

import os

import pytest

from fuzz.options import profiles_of
from fuzz.targets import KERNEL
from fuzz.targets.kernel import requirements
from fuzz.targets.kernel.machine import kernel_machines
from fuzz.targets.kernel.rules import Kind
from fuzz.targets.kernel.tasks import functions_of, waits_in
from fuzz.targets.kernel.vocabulary import (
    FAULT_KINDS,
    REFUSED,
    REFUSED_FAULTS,
    STOPS,
    refusal,
    stop_for,
    table,
)
from fuzz.targets.oracles import COMPLAINTS, AfterCrash, Values, contents, live
from models.faults import FAULTS
from models.geometry import Geometry
from models.operations import OPERATIONS, Commit, EndTransaction, Inject, Step
from models.reference import Reference
from models.reference.contents import Piece

STACK = """\
[<0>] btrfs_wait_ordered_extents+0x3c1/0x460
[<0>] btrfs_wait_ordered_roots+0x165/0x250
[<0>] __x64_sys_ioctl+0x9b/0x100
"""


def test_every_operation_is_either_a_call_or_refused_with_a_reason() -> None:
    """If one were neither, a search would fail in the middle of a case."""
    from fuzz.targets.kernel.calls import CALLS  # noqa: PLC0415 - of the test's own subject only
    from models.operations import CompleteBio, Crash, Remount  # noqa: PLC0415

    of_the_world = {CompleteBio, Crash, Inject, Remount}
    assert CALLS.keys() | of_the_world | REFUSED.keys() == set(OPERATIONS)
    assert not CALLS.keys() & REFUSED.keys()
    assert FAULT_KINDS.keys() | REFUSED_FAULTS.keys() == FAULTS.keys()


def test_what_is_refused_is_in_the_printed_table() -> None:
    """Nothing is left out in silence."""
    printed = "\n".join(table())
    assert all(f"{operation.name}: {why}" in printed for operation, why in REFUSED.items())
    assert all(fault in printed for fault in REFUSED_FAULTS)
    assert all(point in printed for point in STOPS)
    assert refusal(EndTransaction())
    assert refusal(Inject("phase-2"))
    assert not refusal(Inject("data-bio"))


def test_a_task_stops_only_where_an_io_is() -> None:
    """And the points are points of the model."""
    points = {point for operation in OPERATIONS for point in operation.points}
    assert STOPS.keys() <= points
    assert stop_for(Step("CPU 1", Commit(), "write_ctree_super")) is Kind.SUPERBLOCK_WRITE
    assert stop_for(Step("CPU 1", Commit(), "btrfs_insert_item")) is None
    assert stop_for(Step("CPU 1", Commit())) is None


def test_the_machines_draw_nothing_that_is_refused() -> None:
    """If they did, the draws would be wasted; and the one with everything has everything that is left."""
    drawn = [set(machine.operations) for machine in kernel_machines()]
    assert not any(operations & REFUSED.keys() for operations in drawn)
    assert drawn[-1] == set(OPERATIONS) - REFUSED.keys()
    assert len({frozenset(operations) for operations in drawn}) == len(drawn)


def test_every_machine_has_its_turn() -> None:
    """If there were fewer shards than machines, the faults or everything would be left out."""
    profiles = profiles_of(KERNEL)
    assert [profile.shards % len(kernel_machines()) for profile in profiles.values()] == [0, 0, 0, 0]
    assert profiles["default"].shards * profiles["default"].examples >= 1000


def test_what_is_missing_is_said_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it."""
    monkeypatch.setattr(requirements, "_may_administrate", lambda: False)
    assert "sudo" in requirements.missing()
    monkeypatch.setattr(requirements, "_may_administrate", lambda: True)
    monkeypatch.setattr(os, "access", lambda name, _: name != "/dev/fuse")
    assert "modprobe fuse" in requirements.missing()
    assert "\n" not in requirements.missing()


# Judges


def test_where_a_task_waits_is_read_from_its_stack() -> None:
    """The innermost function that says why."""
    functions = functions_of(STACK)
    assert waits_in(functions) == "btrfs_wait_ordered_extents"
    assert waits_in(["schedule", "folio_wait_bit", "btrfs_file_write_iter"]) == "folio_wait_bit"
    assert waits_in([]) == ""


def test_a_lost_write_is_seen_and_a_concurrent_one_is_allowed() -> None:
    """Contents against the reference model, live and after a loss of power."""
    reference = Reference(Geometry())
    write = reference.start_write(0, 0, 1, 1)
    fresh: dict[int, Values] = {0: [-1000, -1001, -1002, -1003]}
    assert not list(contents(fresh, live(reference), {}))
    reference.end_write(0, write, [Piece(0, 1, in_place=True)])
    (mismatch,) = contents(fresh, live(reference), {})
    assert mismatch.observed == "it reads its first content"
    assert not list(AfterCrash.of(reference, {}).judge(fresh))
    reference.durable(reference.now())
    assert [name for name, _ in AfterCrash.of(reference, {}).judge(fresh)]
    assert [name for name, _ in AfterCrash.of(reference, {}).judge({})] == ["a_durable_file_is_there"]
    assert not list(contents(fresh, live(reference), {(0, 0): {-1000}}))


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("WARNING: CPU: 1 PID: 9 at fs/btrfs/extent-tree.c:3000 btrfs_run_delayed_refs+0x1", True),
        ("INFO: task fsstress:9 blocked for more than 120 seconds.", True),
        ("BTRFS critical (device loop0): corrupt leaf: root=2 block=5", True),
        ("BTRFS warning (device loop0): csum failed root 5 ino 257 off 0", True),
        ("BTRFS: error (device loop0) in btrfs_commit_transaction:2546: errno=-5 IO failure", False),
        ("I/O error, dev loop0, sector 26728 op 0x1:(WRITE) flags 0x8800", False),
    ],
)
def test_the_kernels_log_is_read_for_complaints(line: str, *, wrong: bool) -> None:
    """An injected error of the device is none; a warning of the kernel's own is."""
    assert bool(COMPLAINTS.search(line)) is wrong
