"""Scrub: reading everything that is on a device, one read-only block group after the other.

Commits and relocation pause scrub (``scrub_pause_req``) and wait until every scrub is paused.  A scrub that
itself waits for a commit counts as paused meanwhile, or the two would wait for each other.

Source: fs/btrfs/scrub.c btrfs_scrub_dev, scrub_enumerate_chunks, scrub_chunk, scrub_blocked_if_needed,
btrfs_scrub_pause, btrfs_scrub_continue (v4.9).

Deviations: the range that a caller gives is one block group's; no checksums, so there is nothing to compare,
and what a scrub finds damaged (2473d24f2b77) cannot be seen; no device replace.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from models.btrfs.errors import Errno
from models.simulation import Steps

if TYPE_CHECKING:
    from models.btrfs.block_group import BlockGroup
    from models.btrfs.fs_info import FsInfo


class Scrub:
    """Scrubbing, and pausing it.

    ``scrub_device`` names the task that scrubs the device, or is about to; ``scrubs_running``,
    ``scrubs_paused`` and ``pause_requests`` name tasks, where the kernel counts them.
    """

    def __init__(self, fs: FsInfo) -> None:
        self.fs = fs
        self.scrub_device = ""
        self.scrubs_running: list[str] = []
        self.scrubs_paused: list[str] = []
        self.pause_requests: list[str] = []

    def btrfs_scrub_dev(self, start: int, end: int) -> Steps[None]:
        """Scrub device blocks ``[start, end)``.

        Raises Errno: EINPROGRESS while another does; EINVAL if a chunk that was to be read is not there.
        """
        if self.scrub_device:
            raise Errno(errno.EINPROGRESS)
        name = self.scrub_device = self.fs.sim.current.name
        yield from self._not_wanted_paused()
        self.scrubs_running.append(name)
        error = None
        try:
            yield from self._scrub_enumerate_chunks(start, end)
        except Errno as caught:
            error = caught
        self.scrubs_running.remove(name)
        self.scrub_device = ""
        if error is not None:
            raise error

    def _scrub_enumerate_chunks(self, position: int, end: int) -> Steps[None]:
        """Device extents, by the commit root of the device tree; skip those without a block group."""
        while True:
            items = self.fs.trees.dev.commit_root
            physical = min((p for p in items if position <= p < end), default=None)
            if physical is None:
                return
            extent = items[physical]
            position = physical + extent.length
            yield "scrub_enumerate_chunks"
            group = self.fs.block_groups.lookup(extent.chunk_start)
            if group is None:
                continue
            yield "btrfs_lookup_block_group"
            try:
                yield from self._scrub_block_group(group)
            except Errno:
                group.put("lookup")
                raise
            group.put("lookup")

    def _scrub_block_group(self, group: BlockGroup) -> Steps[None]:
        """Read a block group, read-only if that can be had, and hand it back."""
        ro_set = yield from self.set_block_group_ro(group)
        error = None
        try:
            yield from self.scrub_chunk(group)
        except Errno as caught:
            error = caught
        yield "scrub_submit"
        yield from self._blocked_if_needed()
        yield from self.release_block_group(group, ro_set=ro_set)
        if error is not None:
            raise error

    def set_block_group_ro(self, group: BlockGroup) -> Steps[bool]:
        """Make the block group read-only; scrub does without where that fails for lack of space.

        This may wait for a commit, and the commit waits until scrubs are paused.
        """
        ro_set = True
        self.scrub_pause_on()
        yield "scrub_pause_on"
        try:
            yield from self.fs.block_groups.btrfs_inc_block_group_ro(group)
        except Errno as error:
            if error.code != errno.ENOSPC:
                yield from self.scrub_pause_off()
                raise
            ro_set = False
        yield "scrub_pause_off"
        yield from self.scrub_pause_off()
        return ro_set

    def scrub_chunk(self, group: BlockGroup) -> Steps[None]:
        """Read the chunk of the block group; it may be gone with it."""
        yield "scrub_chunk"
        if group.start not in self.fs.volumes.mapping_tree:
            self.chunk_is_gone(group)
            return
        yield from self._blocked_if_needed()
        yield "scrub_stripe"

    def chunk_is_gone(self, group: BlockGroup) -> None:
        """Raises Errno(EINVAL), unless the cleaner or relocation removed the block group meanwhile."""
        if not group.removed:
            raise Errno(errno.EINVAL)

    def release_block_group(self, group: BlockGroup, *, ro_set: bool) -> Steps[None]:
        """Writable again; the cleaner may have passed it over meanwhile, and would not come back."""
        if ro_set:
            self.fs.block_groups.btrfs_dec_block_group_ro(group)
        yield "btrfs_dec_block_group_ro"
        if not (group.removed or group.ro or group.reserved or group.used):
            yield from self.fs.block_groups.btrfs_mark_bg_unused(group)

    def scrub_pause_on(self) -> None:
        """A task that wants all scrubs to pause need not wait for this one."""
        self.scrubs_paused.append(self.fs.sim.current.name)

    def scrub_pause_off(self) -> Steps[None]:
        """Go on, once nobody wants scrubs to pause."""
        yield from self._not_wanted_paused()
        self.scrubs_paused.remove(self.fs.sim.current.name)

    def _not_wanted_paused(self) -> Steps[None]:
        """__scrub_blocked_if_needed: sleep while somebody wants scrubs to pause."""
        yield from self.fs.sim.wait_event(
            "scrub_pause_req", lambda: not self.pause_requests, lambda: self.pause_requests
        )

    def _blocked_if_needed(self) -> Steps[None]:
        """scrub_blocked_if_needed: between two reads."""
        self.scrub_pause_on()
        yield from self.scrub_pause_off()

    def btrfs_scrub_pause(self) -> Steps[None]:
        """Wait until every scrub is paused; they stay so until btrfs_scrub_continue."""
        self.pause_requests.append(self.fs.sim.current.name)
        yield from self.fs.sim.wait_event(
            "scrubs_paused == scrubs_running",
            lambda: len(self.scrubs_paused) == len(self.scrubs_running),
            lambda: [name for name in self.scrubs_running if name not in self.scrubs_paused],
        )

    def btrfs_scrub_continue(self) -> None:
        """Scrubs may go on, unless somebody else wants them to pause."""
        self.pause_requests.remove(self.fs.sim.current.name)
