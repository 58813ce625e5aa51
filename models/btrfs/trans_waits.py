"""Sleeping until a transaction has reached a state: to join the next one, or to know that it is durable.

Source: fs/btrfs/transaction.c wait_current_trans, wait_for_commit (v4.9); wait_current_trans looks at the
handle's type as it does since 5037b342825d (v6.19), because 4.9 could deadlock there; a wait for a commit
is a wait for the earlier ones too, as since 5fd76bf31ccf (v5.17).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from models.btrfs.history import Waited
from models.btrfs.transaction import BLOCKED_TYPES, HandleType, Transaction, TransState
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.fs_info import FsInfo


class TransWaits:
    """Waiting for transactions."""

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs

    def wait_current_trans(self, kind: HandleType) -> Steps[None]:
        """Sleep while the running transaction keeps ``kind`` out."""
        trans = self.fs.transactions.running
        if trans is not None and kind in BLOCKED_TYPES[trans.state]:
            yield from self.sleep_until_unblocked(trans)

    def sleep_until_unblocked(self, trans: Transaction) -> Steps[None]:
        """Sleep until ``trans`` is past its critical section, or aborted."""
        yield from self.fs.sim.wait_event(
            f"transaction {trans.transid} unblocked",
            lambda: trans.state >= TransState.UNBLOCKED or trans.aborted != 0,
            self.writers(trans),
        )

    def wait_for_commit(self, trans: Transaction, state: TransState = TransState.COMPLETED) -> Steps[None]:
        """Sleep until ``trans`` is in ``state``; it is not COMPLETED before all earlier ones are."""
        yield from self._wait_for_state(trans, state)
        if state is TransState.COMPLETED:
            yield from self.wait_for_earlier_transactions(trans)
            earlier = [t.transid for t in self.fs.transactions.trans_list if t.transid < trans.transid]
            self.fs.history.waited.append(Waited(trans.transid, earlier))

    def wait_for_earlier_transactions(self, trans: Transaction) -> Steps[None]:
        """An fsync's commit can be COMPLETED while its predecessor still unpins."""
        while self.fs.transactions.trans_list and self.fs.transactions.trans_list[0].transid <= trans.transid:
            yield from self._wait_for_state(self.fs.transactions.trans_list[0], TransState.COMPLETED)

    def _wait_for_state(self, trans: Transaction, state: TransState) -> Steps[None]:
        yield from self.fs.sim.wait_event(
            f"transaction {trans.transid} {state.name.lower()}",
            lambda: trans.state >= state,
            self.writers(trans),
        )

    def writers(self, trans: Transaction) -> Callable[[], list[str]]:
        """The tasks that hold handles of ``trans``, for the report of a wait."""

        def holders() -> list[str]:
            tasks = [handle.task for handle in trans.handles]
            return tasks or (["the transaction kthread, to commit"] if trans.state else [])

        return holders
