"""5037b342825d: joining a transaction that waits for the task that joins.

A task that finds the running transaction in a state that keeps it out lets go of the lock, and then sleeps
until the running transaction is unblocked.  In between the transaction may have finished, and the next one
begun its commit.  That one would have let the task in: it is in TRANS_STATE_COMMIT_START, where joins are
welcome.  But the sleep did not ask for the type of the handle.  If the task completes an ordered extent that
this transaction's log has, the commit waits for it, and it waits for the commit.

The fix lets only those sleep that the state keeps out.
"""

from __future__ import annotations

from models.btrfs.trans_waits import TransWaits
from models.btrfs.transaction import HandleType, TransState
from models.reverts import Revert
from models.simulation import Steps


class EverybodySleeps(TransWaits):
    """Waiting as it was before v6.19."""

    def wait_current_trans(self, kind: HandleType) -> Steps[None]:  # noqa: ARG002
        """Any blocked state will do."""
        trans = self.fs.transactions.running
        if trans is not None and TransState.RUNNING < trans.state < TransState.UNBLOCKED:
            yield from self.sleep_until_unblocked(trans)


FIX = Revert(
    id="5037b342825d",
    name="join-vs-commit",
    subject="btrfs: fix deadlock in wait_current_trans() due to ignored transaction type",
    version="v6.19",
    mechanism=__doc__,
    symptom="the file system hangs: a commit and a completion wait for each other",
    operations=("start-nocow-dio", "commit", "complete-bio", "fsync"),
    expected="every_task_can_finish",
    overrides=(EverybodySleeps,),
)

RACES = (FIX,)
