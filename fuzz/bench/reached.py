"""Which lines of the kernel model a run comes to, and that the unchanged tree is green.

A change of a line that no case comes to cannot be noticed, so its run (two minutes of search) is saved.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from coverage import CoverageData

from fuzz.bench.command import Finished, run_fuzz
from fuzz.bench.operators import Mutant
from fuzz.options import PROFILES

SYSMON = (3, 12)
"""Since then Python counts lines at nearly no cost."""
CONFIG = "[run]\nsource_pkgs = models.btrfs\n"

Lines = dict[str, list[int]]
"""Line numbers by file, relative to the tree."""


def run_part(
    tree: Path, searches: Sequence[int], options: Sequence[str], patience: float
) -> tuple[Finished, Lines]:
    """Some searches of the default profile, with the lines that they came to."""
    part = tree.parent / f"lines-{searches[0]}"
    config = part.with_suffix(".rc")
    config.write_text(CONFIG + ("core = sysmon\n" if sys.version_info >= SYSMON else ""), encoding="utf-8")
    under = ("-m", "coverage", "run", f"--rcfile={config}", f"--data-file={part}")
    items = [f"fuzz/test_block_groups.py::test_shard[{search}]" for search in searches]
    done = run_fuzz(tree, options, patience=patience, under=under, items=items)
    lines: Lines = {}
    if done.code == 0:
        data = CoverageData(str(part))
        data.read()
        for file in sorted(data.measured_files()):
            lines[Path(file).resolve().relative_to(tree.resolve()).as_posix()] = sorted(
                data.lines(file) or ()
            )
    return done, lines


def parts(jobs: int, shards: int = PROFILES["default"].shards) -> list[list[int]]:
    """The searches of a run, dealt to so many processes."""
    dealt = [list(range(job, shards, jobs)) for job in range(jobs)]
    return [searches for searches in dealt if searches]


def union(several: Sequence[Lines]) -> Lines:
    """All lines of all parts."""
    together: dict[str, set[int]] = defaultdict(set)
    for lines in several:
        for file, numbers in lines.items():
            together[file].update(numbers)
    return {file: sorted(numbers) for file, numbers in sorted(together.items())}


def is_reached(mutant: Mutant, lines: Lines) -> bool:
    """Whether any case came to what the mutant changes."""
    return bool(set(mutant.reached) & set(lines.get(mutant.file, ())))
