"""165ea85f1483: fsync writes a superblock after the commit that it waited for has failed.

A commit lets the next transaction start before its trees and its superblock are on disk.  An fsync in that
next transaction has its log written, and waits for ``tree_log_mutex``: its superblock is the commit's, with
the log's root.  If the commit fails it gives the mutex back without a superblock, and the fsync writes one
that refers to what is not there.

The fix looks for an error once the mutex is held.
"""

from __future__ import annotations

from models.btrfs.tree_log import TreeLog
from models.reverts import Revert


class WritesAnyway(TreeLog):
    """Log sync as it was before v5.13."""

    def has_fs_error(self) -> bool:
        """Whoever had the mutex has written its superblock, one might think."""
        return False


FIX = Revert(
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

RACES = (FIX,)
