"""50d9aa99bd35: extents that fsync logged against the commit that drops the log.

Fsync does not wait until a write is complete, only for its IO: the log has the item that completion will
put into the file's tree.  The log adds to the last superblock, and a commit's superblock has none.  Where
the commit came between the log sync and the completion, the write was in neither: a crash lost what fsync
had promised to keep.

The fix lets the commit wait for the ordered extents that the transaction's log has; since v4.4 they are
counted (``pending_ordered``, 161c3549b45a).  The wait is behind that for the external writers, as fsync is
one and may log until then, and before joiners are kept out, as completions join.
"""

from __future__ import annotations

from models.btrfs.commit import Commit
from models.btrfs.ordered_data import OrderedExtent
from models.btrfs.transaction import Handle, Transaction
from models.btrfs.tree_log import TreeLog
from models.btrfs.trees import Image
from models.reverts import Revert
from models.simulation import Steps

DURABLE = "a_block_holds_its_last_durable_write_or_a_newer_one"
ID = "50d9aa99bd35"
OPERATIONS = ("start-nocow-dio", "complete-bio", "fsync", "commit", "crash")


class NothingIsPending(TreeLog):
    """The log as it was before v3.19."""

    def add_pending_ordered(self, trans: Transaction, ordered: OrderedExtent) -> None:
        """Whoever completes it will put it where it belongs, some time."""


class PendingUntilIoDone(TreeLog):
    """The log, with a fix that takes written for complete."""

    def add_pending_ordered(self, trans: Transaction, ordered: OrderedExtent) -> None:
        """What has reached the device is safe, one might think."""
        if not ordered.io_done:
            super().add_pending_ordered(trans, ordered)


class WaitInTheCriticalSection(Commit):
    """Commit, with a wait that comes too late."""

    def btrfs_wait_pending_ordered(self, trans: Transaction) -> Steps[None]:  # noqa: ARG002
        """Not here."""
        yield from ()

    def _critical_section(self, handle: Handle) -> Steps[Image]:
        yield from super().btrfs_wait_pending_ordered(handle.transaction)
        return (yield from super()._critical_section(handle))


class WaitBeforeTheWriters(Commit):
    """Commit, with a wait that comes too early."""

    def btrfs_wait_pending_ordered(self, trans: Transaction) -> Steps[None]:  # noqa: ARG002
        """Not here."""
        yield from ()

    def _enter_critical_section(self, handle: Handle) -> Steps[None]:
        yield from super().btrfs_wait_pending_ordered(handle.transaction)
        yield from super()._enter_critical_section(handle)


class NoWaitForIo(TreeLog):
    """The log, with the wait for the IO left to the commit."""

    def wait_for_io(self, ordered: OrderedExtent) -> Steps[None]:  # noqa: ARG002
        """The commit waits for it anyway, one might think."""
        yield from ()


FIX = Revert(
    id=ID,
    name="logged-extents-vs-commit",
    subject="Btrfs: make sure logged extents complete in the current transaction",
    version="v3.19",
    mechanism=__doc__,
    symptom="a write that fsync had made durable is gone after a crash",
    operations=OPERATIONS,
    expected=DURABLE,
    overrides=(NothingIsPending,),
    confirmed=False,
    chain="161c3549b45a (v4.4) counts what 50d9aa99bd35 had on a list",
)

IO_ONLY = Revert(
    id="wrong/pending-until-io-done",
    name="pending-until-io-done",
    subject="The commit waits for the IO of logged ordered extents, not for their completion",
    version="v3.19",
    mechanism="Durable data that no tree points to is as lost as data that was never written: only "
    "completion puts the item into the tree that the commit writes.",
    symptom="a write that fsync had made durable is gone after a crash",
    operations=OPERATIONS,
    expected=DURABLE,
    overrides=(PendingUntilIoDone,),
    wrong_fix_of=ID,
)

TOO_LATE = Revert(
    id="wrong/pending-ordered-in-critical-section",
    name="pending-ordered-in-critical-section",
    subject="The commit waits for logged ordered extents when nobody else is left",
    version="v3.19",
    mechanism="Completion needs a handle of this transaction, and in TRANS_STATE_COMMIT_DOING nobody gets "
    "one: the commit waits for a completion that waits for the commit.",
    symptom="the file system hangs",
    operations=OPERATIONS[:-1],
    expected="every_task_can_finish",
    overrides=(WaitInTheCriticalSection,),
    wrong_fix_of=ID,
)

TOO_EARLY = Revert(
    id="wrong/pending-ordered-before-writers",
    name="pending-ordered-before-writers",
    subject="The commit waits for logged ordered extents before it waits for external writers",
    version="v3.19",
    mechanism="Fsync is an external writer.  One that has not logged yet when the commit looks for logged "
    "ordered extents will log behind its back.  The write is lost as without the fix if a crash comes first; "
    "else its completion is counted off from the next transaction, which then waits for ever.",
    symptom="the file system hangs, or a write that fsync had made durable is gone after a crash",
    operations=OPERATIONS[:-1],
    expected="every_task_can_finish",
    signs=(DURABLE,),
    overrides=(WaitBeforeTheWriters,),
    wrong_fix_of=ID,
)

NO_IO = Revert(
    id="wrong/log-sync-without-io",
    name="log-sync-without-io",
    subject="Log sync leaves it to the commit to wait for logged ordered extents",
    version="v3.19",
    mechanism="The commit waits for them, but a crash may come first: then the log's items point to blocks "
    "that were never written.",
    symptom="after a crash a file reads as what was on the device before",
    operations=("start-nocow-dio", "fsync", "crash"),
    expected=DURABLE,
    overrides=(NoWaitForIo,),
    wrong_fix_of=ID,
)

RACES = (FIX, IO_ONLY, TOO_LATE, TOO_EARLY, NO_IO)
