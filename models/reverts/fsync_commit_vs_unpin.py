"""5fd76bf31ccf: waiting for a transaction whose predecessor still unpins.

Fsync only needs its predecessor on disk.  Since d0c2f4fa555e (v5.12) a commit made by fsync goes on when the
transaction before it is SUPER_COMMITTED, and can be COMPLETED while that one still gives its freed space
back.  Others wait for a commit because of that space: relocation, for one, removes a block group when
nothing in it is pinned any more, and unpinning then found no block group where it had freed space.  They
waited for their own transaction, took it for the last word, and came too early.

The fix lets everybody but fsync wait for all earlier transactions too.
"""

from __future__ import annotations

from models.btrfs.trans_waits import TransWaits
from models.btrfs.transaction import Transaction
from models.reverts import Revert
from models.simulation import Steps


class EarlierTransactionsForgotten(TransWaits):
    """Waiting as it was in v5.12-v5.16."""

    def wait_for_earlier_transactions(self, trans: Transaction) -> Steps[None]:  # noqa: ARG002
        """Transactions complete in order, one might think."""
        yield from ()


FIX = Revert(
    id="5fd76bf31ccf",
    name="fsync-commit-vs-unpin",
    subject="btrfs: fix relocation crash due to premature return from btrfs_commit_transaction()",
    version="v5.17",
    mechanism=__doc__,
    symptom="relocation warns of pinned space, and unpinning hits a BUG in a removed block group",
    operations=("create-bg", "commit", "fsync"),
    expected="a_transaction_waited_for_leaves_no_earlier_one",
    overrides=(EarlierTransactionsForgotten,),
    chain="opened by d0c2f4fa555e (v5.12)",
    rare=True,
)

RACES = (FIX,)
