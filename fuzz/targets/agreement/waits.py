"""Which wait of the kernel's is which of the model's.

The functions are those that :func:`fuzz.targets.kernel.tasks.waits_in` names, by how their names begin: a
few change with the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fuzz.interleavings.watched import kind_of

SAME: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dio_await_completion": ("btrfs_direct_write", "iomap_dio_rw", "folio_wait"),
        "ordered extent N of file N": (
            "btrfs_wait_ordered",
            "btrfs_start_ordered_extent",
            "folio_wait",
            "btrfs_start_delalloc_snapshot",
        ),
        "IO of CPU N to file N": ("btrfs_wait_ordered", "btrfs_start_ordered_extent", "folio_wait"),
        "IO of transaction kthread to file N": ("btrfs_wait_ordered", "folio_wait"),
        # __scrub_blocked_if_needed is inlined there; the mutex in front of it would look the same
        "scrub_pause_req": ("btrfs_scrub_dev", "__scrub_blocked_if_needed"),
    }
)
"""By the kind of a model's wait.  What has no line here has to be a known difference."""


def same(model: str, kernel: str) -> bool:
    """Whether a wait of the model and a wait of the kernel are for the same thing."""
    return kernel.startswith(SAME.get(kind_of(model), ())) or model == kernel
