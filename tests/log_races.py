"""A short program for every race of the log, on the plainest file system that has it."""

from __future__ import annotations

from fuzz.case import Case
from models.geometry import File, FileKind, Geometry
from models.operations import Allocate, Commit, CompleteBio, Crash, CreateBg, Fsync, StartNocowDio, Step

PREALLOC = Geometry(groups=2, group_blocks=4, files=(File(FileKind.PREALLOC, 4),))
WRITE = Step("CPU 1", StartNocowDio(0, 0, 1))
HALF_WRITTEN = Step("CPU 1", StartNocowDio(0, 0, 1), "btrfs_create_dio_extent")
WRITTEN = Step("kworker 1", CompleteBio("CPU 1", 0), "btrfs_endio_direct_write")
CRASH = Step("mount", Crash())
LOGGED_THEN_COMMITTED = (
    WRITE,
    WRITTEN,
    Step("CPU 1"),
    Step("CPU 1", Fsync(0)),
    Step("CPU 1", Allocate(1)),
    Step("CPU 1", Commit()),
)
PROGRAMS: dict[str, tuple[Step, ...]] = {
    "de0ee0edb21f": (HALF_WRITTEN, Step("CPU 2", Fsync(0)), CRASH),
    "wrong/dio-sem-in-fsync-only": (HALF_WRITTEN, Step("CPU 2", Fsync(0)), CRASH),
    "wrong/ordered-extent-first-only": (
        Step("CPU 1", Fsync(0), "btrfs_log_changed_extents"),
        Step("CPU 2", StartNocowDio(0, 0, 1), "btrfs_submit_direct"),
        Step("CPU 1"),
        CRASH,
    ),
    "50d9aa99bd35": (*LOGGED_THEN_COMMITTED, CRASH),
    "wrong/pending-until-io-done": (*LOGGED_THEN_COMMITTED, CRASH),
    "wrong/pending-ordered-in-critical-section": LOGGED_THEN_COMMITTED,
    "wrong/pending-ordered-before-writers": (
        WRITE,
        WRITTEN,
        Step("CPU 1"),
        Step("CPU 1", Fsync(0), "btrfs_sync_file"),
        Step("CPU 2", Commit()),
        Step("CPU 1"),
        Step("CPU 2"),
    ),
    "wrong/log-sync-without-io": (WRITE, Step("CPU 2", Fsync(0)), CRASH),
    "5fd76bf31ccf": (
        Step("CPU 1", CreateBg()),
        Step("CPU 1", Commit(), "write_ctree_super"),
        Step("CPU 2", Fsync(0), "TRANS_STATE_UNBLOCKED"),
        Step("CPU 3", Commit()),
        Step("CPU 2"),
        Step("CPU 3"),
    ),
    "5037b342825d": (
        WRITE,
        Step("CPU 2", Allocate(1)),
        Step("CPU 2", Commit(), "TRANS_STATE_COMMIT_DOING"),
        Step("kworker 1", CompleteBio("CPU 1", 0), "wait_current_trans"),
        Step("CPU 2"),
        Step("CPU 2", Fsync(0)),
        Step("CPU 2", Commit()),
    ),
}
SHORTEST = {race: Case(PREALLOC, steps) for race, steps in PROGRAMS.items()}
"""A program for each race."""
