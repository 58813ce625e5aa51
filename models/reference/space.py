"""The reference model's part about space: where files lie at first, and which DATA blocks cannot be free."""

from __future__ import annotations

from collections.abc import Collection

from models.geometry import Geometry
from models.reference.contents import Extent, File
from models.reference.snapshots import Snapshots


def first_extents(geometry: Geometry) -> list[list[int]]:
    """The extent sizes of each file of a fresh file system: files lie side by side, and no extent goes beyond
    the end of a block group."""
    files, position = [], 0
    for spec in geometry.files:
        sizes, left = [], spec.blocks
        while left:
            sizes.append(min(left, geometry.group_blocks - position % geometry.group_blocks))
            left, position = left - sizes[-1], position + sizes[-1]
        files.append(sizes)
    return files


def data_used(files: Collection[File], snapshots: Snapshots) -> tuple[int, int]:
    """DATA blocks in extents that some file block needs: at least, at most.

    The two differ where concurrent writes leave open which of them came last, and after a failed
    relocation; no extent can be in more copies than it has blocks that need it.
    """
    needs = [block.extents for file in files for block in file.blocks]
    certain = {id(extents[0]): extents[0] for extents in needs if len(extents) == 1}
    for snapshot in snapshots:
        needs += [cell.extents for cell in snapshot.cells.values()]
        certain |= {id(extent): extent for extent in snapshot.needs_for_certain()}
    possible: dict[int, Extent] = {}
    needed_by: dict[int, int] = {}
    for extents in needs:
        for extent in extents:
            key = id(extent)
            possible[key] = extent
            needed_by[key] = needed_by.get(key, 0) + 1
    most = sum(e.blocks * min(e.copies, needed_by[key]) for key, e in possible.items())
    return sum(e.blocks for e in certain.values()), most
