"""432cd2a10f1c and 6bd335b469f9: scrub makes the target of a relocation read-only.

Relocation preallocates an extent of equal size for each that it moves, and writes the copies in place.  Scrub
may turn the block group of such an extent read-only in between: then the copy is written to new blocks, as
any write would be.

* A write is content with several small extents.  Relocation is not: a file's pointer is switched to one
  extent of the original's size, and where the copy has another the transaction is aborted.  Since
  432cd2a10f1c the new blocks of a copy are one extent.
* The promise of space for the copy was used up when its extent was preallocated.  Since 6bd335b469f9 it is
  made again; before, the second allocation took back a promise that nobody had.
"""

from __future__ import annotations

from models.btrfs.reloc_inode import RelocInodes
from models.reverts import Revert


class AnySize(RelocInodes):
    """A copy is written like any other data, as before v5.8."""

    def min_alloc_size(self, blocks: int) -> int:  # noqa: ARG002
        """One block is better than nothing."""
        return 1


class NoPromise(RelocInodes):
    """The promise is not made again, as before v5.8."""

    def charge_fallback(self, blocks: int) -> None:
        """Nothing."""


SPLIT = Revert(
    id="432cd2a10f1c",
    name="relocation-vs-scrub",
    subject="btrfs: fix data block group relocation failure due to concurrent scrub",
    version="v5.8",
    mechanism=__doc__,
    symptom="transaction abort with -EINVAL in relocation",
    operations=("relocate", "scrub"),
    expected="no_legal_schedule_aborts",
    overrides=(AnySize,),
    confirmed=False,
    rare=True,
)

UNDERFLOW = Revert(
    id="6bd335b469f9",
    name="relocation-vs-scrub-promise",
    subject="btrfs: fix bytes_may_use underflow when running balance and scrub in parallel",
    version="v5.8",
    mechanism=__doc__,
    symptom="bytes_may_use underflows: a warning, and false ENOSPC",
    operations=("relocate", "scrub"),
    expected="no_assertion_of_the_kernel_fails",
    overrides=(NoPromise,),
    confirmed=False,
)

RACES = (SPLIT, UNDERFLOW)
