"""Fresh file systems to fuzz on: few block groups, nearly full, as that is where they interact."""

from __future__ import annotations

from hypothesis import strategies as st

from models.geometry import File, FileKind, Geometry

GROUPS = 3
"""DATA block groups at most."""
FILES = 3
"""Files that are chosen, at most; others fill what room there is."""
FILE_BLOCKS = 4
"""Blocks of a file at most."""
SPARE_CHUNKS = 5
"""Unallocated chunks at most."""

SHAPES = [
    (groups, blocks, spare)
    for groups in range(1, GROUPS + 1)
    for blocks in (4, 8)
    for spare in range(1, SPARE_CHUNKS + 1)
]
"""How many DATA block groups, their blocks, how many unallocated chunks."""
ANY_FILE = [File(kind, blocks) for blocks in range(FILE_BLOCKS, 0, -1) for kind in FileKind]
"""What a file may be, the simplest first: it fills a block group."""


def fit(shape: tuple[int, int, int], files: list[File]) -> Geometry:
    """Cut the files to the room that there is."""
    groups, blocks, spare = shape
    room, fitting = groups * blocks, []
    for file in files:
        if room:
            fitting.append(File(file.kind, min(file.blocks, room)))
            room -= fitting[-1].blocks
    return Geometry(groups, blocks, spare, tuple(fitting))


def fill(shape: tuple[int, int, int], files: list[File]) -> Geometry:
    """The files, and more of the simplest kind until there is no room left."""
    groups, blocks, _ = shape
    return fit(shape, [*files, *[ANY_FILE[0]] * (groups * blocks // FILE_BLOCKS)])


LAYOUTS = (fit, fill)
"""Full file systems are as likely as others: what is allocated then has to come from new block groups."""


def geometries() -> st.SearchStrategy[Geometry]:
    """Geometries; the simplest is one full block group with one NODATACOW file.

    Half of them have one file that was chosen: what writes to files meets there.
    """
    one = st.lists(st.sampled_from(ANY_FILE), min_size=1, max_size=1)
    several = st.lists(st.sampled_from(ANY_FILE), min_size=1, max_size=FILES)
    layouts = [st.builds(layout, st.sampled_from(SHAPES), one | several) for layout in LAYOUTS]
    return st.one_of(layouts)
