"""cb2d3daddbfb and 165ea85f1483: a commit fails, and the next transaction does not notice.

A commit lets the next transaction start before its trees and its superblock are on disk.  If writing them
fails, it is aborted and taken from the list of transactions.

* The commit of the next one asks the transaction before it whether it was aborted, and finds none any more.
  It goes on, and writes a superblock whose trees refer to what was never written.  Since cb2d3daddbfb it
  looks at the file system's state then.
* An fsync in the next one has its log written, and waits for ``tree_log_mutex``: its superblock is the
  commit's, with the log's root.  The commit that failed gives the mutex back without a superblock, and the
  fsync writes one.  Since 165ea85f1483 it looks for an error once it holds the mutex.
"""

from __future__ import annotations

from models.btrfs.commit import Commit
from models.btrfs.tree_log import TreeLog
from models.reverts import Revert


class WritesAnyway(TreeLog):
    """Log sync as it was before v5.13."""

    def has_fs_error(self) -> bool:
        """Whoever had the mutex has written its superblock, one might think."""
        return False


class AsksTheListOnly(Commit):
    """Commit as it was before v5.3."""

    def was_aborted(self) -> bool:
        """Who is not listed was committed, one might think."""
        return False


COMMIT = Revert(
    id="cb2d3daddbfb",
    name="commit-vs-failed-commit",
    subject="Btrfs: fix race leading to fs corruption after transaction abort",
    version="v5.3",
    mechanism=__doc__,
    symptom="after an EIO in commit and a mount: parent transid verify failed",
    operations=("inject", "create-bg", "commit"),
    expected="a_superblock_follows_that_of_the_transaction_before",
    overrides=(AsksTheListOnly,),
)

LOG = Revert(
    id="165ea85f1483",
    name="fsync-vs-failed-commit",
    subject="btrfs: do not write supers if we have an fs error",
    version="v5.13",
    mechanism=__doc__,
    symptom="after an EIO in commit and a mount: transid mismatch, the file system cannot be mounted",
    operations=("inject", "create-bg", "commit", "fsync"),
    expected="no_assertion_of_the_kernel_fails",
    overrides=(WritesAnyway,),
)

RACES = (COMMIT, LOG)
