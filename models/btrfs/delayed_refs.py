"""Delayed references: changes to extent items that were queued, not yet applied.

Source: fs/btrfs/delayed-ref.c; fs/btrfs/extent-tree.c __btrfs_run_delayed_refs, run_one_delayed_ref
(v4.9).

Deviation: the queue is run by commit and by a worker of its own (the operation run-delayed-refs), not at
the end of a handle; nothing throttles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno, warn_on
from models.btrfs.trees import ExtentItem, RefKey
from models.locks import Mutex
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo
    from models.btrfs.transaction import Handle, Transaction


@dataclass(slots=True, eq=False)
class DelayedRefHead:
    """All queued changes of the references to one extent of ``num`` blocks at ``bytenr``.

    ``must_insert_reserved``: the extent was allocated and its extent item does not exist yet.
    """

    bytenr: int
    num: int
    mutex: Mutex
    must_insert_reserved: bool = False
    adds: list[RefKey] = field(default_factory=list)
    drops: list[RefKey] = field(default_factory=list)


class DelayedRefs:
    """Queueing and running reference changes.  The queue itself belongs to the transaction."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def _head(self, trans: Transaction, bytenr: int, num: int) -> DelayedRefHead:
        head = trans.delayed_refs.get(bytenr)
        if head is None:
            head = DelayedRefHead(bytenr, num, Mutex(self.fs.sim, f"delayed ref head {bytenr}"))
            trans.delayed_refs[bytenr] = head
        return head

    def add(
        self, handle: Handle, bytenr: int, num: int, key: RefKey, *, insert_reserved: bool = False
    ) -> None:
        """Queue one more reference (btrfs_add_delayed_data_ref, BTRFS_ADD_DELAYED_REF)."""
        head = self._head(handle.transaction, bytenr, num)
        if insert_reserved:
            # The place of a removed block group was used again: another extent (update_existing_head_ref).
            head.must_insert_reserved, head.num = True, num
        if key in head.drops:
            head.drops.remove(key)
        else:
            head.adds.append(key)

    def drop(self, handle: Handle, bytenr: int, num: int, key: RefKey) -> None:
        """Queue one reference less (BTRFS_DROP_DELAYED_REF)."""
        head = self._head(handle.transaction, bytenr, num)
        if key in head.adds:
            head.adds.remove(key)
        else:
            head.drops.append(key)

    def btrfs_run_delayed_refs(self, handle: Handle) -> Steps[None]:
        """Apply everything that is queued, and whatever is queued meanwhile.

        Raises Errno when a change cannot be applied; the transaction is aborted then.
        """
        trans = handle.transaction
        while trans.delayed_refs:
            heads = trans.delayed_refs.values()
            head = next((head for head in heads if head.mutex.owner is None), next(iter(heads)))
            yield from head.mutex.lock()
            while head.adds or head.drops:
                try:
                    yield from self._run_one(handle, head)
                except Errno:
                    head.mutex.unlock()
                    raise
                yield "run_one_delayed_ref"
            if trans.delayed_refs.get(head.bytenr) is head:
                del trans.delayed_refs[head.bytenr]
                if head.must_insert_reserved:
                    self.fs.pinned_extents.btrfs_pin_reserved(trans, head.bytenr, head.num)
            head.mutex.unlock()

    def _run_one(self, handle: Handle, head: DelayedRefHead) -> Steps[None]:
        """Apply one queued change, additions first (select_delayed_ref)."""
        items = self.fs.trees.extent.root
        handle.dirty = True
        if head.adds:
            key = head.adds.pop(0)
            if head.must_insert_reserved:
                head.must_insert_reserved = False
                warn_on(head.bytenr in items, f"extent {head.bytenr}: inserted twice")
                items[head.bytenr] = ExtentItem(head.num, handle.transid, ((key, 1),))
                yield "alloc_reserved_file_extent"
                yield from self.fs.extents.update_block_group(handle, head.bytenr, head.num, alloc=True)
            else:
                self._change(head.bytenr, key, 1)
        elif not self._change(head.bytenr, head.drops.pop(0), -1):
            del items[head.bytenr]
            yield "__btrfs_free_extent"
            yield from self.fs.extents.update_block_group(handle, head.bytenr, head.num, alloc=False)

    def _change(self, bytenr: int, key: RefKey, by: int) -> int:
        """Change one count of an extent item; the references it has then."""
        items = self.fs.trees.extent.root
        warn_on(bytenr not in items, f"extent {bytenr}: no extent item for a reference change")
        refs = dict(items[bytenr].refs)
        refs[key] = refs.get(key, 0) + by
        warn_on(refs[key] < 0, f"extent {bytenr}: more references dropped than there are")
        left = tuple((k, n) for k, n in refs.items() if n)
        items[bytenr] = items[bytenr]._replace(refs=left)
        return sum(n for _, n in left)
