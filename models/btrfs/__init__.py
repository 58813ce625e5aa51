"""The kernel model: btrfs block groups as Linux 4.9 has them, with some later fixes, each named where it is.

Reading order: ``trees`` and ``device`` (what is on disk), ``block_group``, ``block_groups`` and
``space_info`` (what is in memory), ``transaction``, ``trans_waits``, ``commit``, ``commit_roots`` and
``abort``, ``volumes`` (creating and removing block groups), ``extents`` and ``pinned_extents``,
``delayed_refs`` and ``writeout`` (how a block group gets dirty and its item written), ``subvolume`` and
``file_items``, ``direct_io``, ``nocow`` and ``ordered_data`` (writes), ``reloc_inode``, ``reloc_tree``,
``reloc_merge`` and ``relocation``, ``tree_log`` and ``log_replay``; ``fs_info`` puts the rooms together.

Functions bear the kernel's names.  ``yield "name"`` is a preemption point; what has no ``yield`` between
is atomic because the kernel holds a spinlock there or touches private state only.

Cleanup is written twice, under ``except Errno: ...; raise`` and again for success, and never as ``finally``:
a power cut closes the generators (:meth:`models.simulation.Task.kill`), and a ``finally`` would then run
kernel code in a machine that is off.  After a KernelBug, too, everything has to stay as it was.
"""
