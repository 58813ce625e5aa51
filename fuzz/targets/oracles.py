"""The judges of a real kernel: the reference model for contents, patterns for its log.

They judge what a target has read, and yield what is wrong.  Nothing is looked at that an operation in flight
may change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from models.properties import Mismatch
from models.properties.values import value_text
from models.reference import Reference
from models.reference.snapshots import Snapshot

DURABLE = "a_block_holds_its_last_durable_write_or_a_newer_one"
FILES = "a_durable_file_is_there"
SNAPSHOTS = "a_snapshot_stays_as_it_was_taken"
CHECK = "the_image_passes_btrfs_check"
SCRUB_FINDS_NOTHING = "a_scrub_finds_no_error"
LOG = "the_kernel_log_has_no_complaint"

COMPLAINTS = re.compile(
    r"WARNING: |BUG: |Oops|general protection fault|blocked for more than|KASAN|UBSAN|refcount_t:"
    r"|possible (recursive|circular) locking|kernel BUG|list_(add|del) corruption|scheduling while atomic"
    r"|BTRFS.*(checksum verify failed|csum failed|corrupt leaf|corrupt node|parent transid verify failed)"
)
"""Lines of the kernel's log that nothing may bring about.  Errors of a device are not among them."""

Values = list[int | None]
"""What the blocks of a file hold; None is a block that holds no whole value."""
Allowed = Mapping[int, list[list[int]]]
"""For each file the values that each of its blocks may hold."""


def shown(value: int | None) -> str:
    """A value that was read, as text."""
    return "no whole value" if value is None else value_text(value)


def contents(
    found: Mapping[int, Values], allowed: Allowed, doubtful: Mapping[tuple[int, int], set[int]]
) -> Iterator[Mismatch]:
    """Every block holds a value that it may hold.

    ``doubtful`` blocks, to which a writeback failed, may also hold any of the values given for them.
    """
    for number, values in sorted(found.items()):
        for block, (value, known) in enumerate(zip(values, allowed.get(number, []), strict=False)):
            may = {*known, *doubtful.get((number, block), ())}
            if value not in may:
                expected = " or ".join(map(value_text, sorted(may)))
                yield Mismatch(f"file {number} block {block} reads {expected}", f"it reads {shown(value)}")


def live(reference: Reference) -> Allowed:
    """What a read may return now."""
    return {n: [block.allowed() for block in file.blocks] for n, file in reference.files.items()}


def aborted(reference: Reference) -> Allowed:
    """What a read may return after the file system was aborted."""
    return {n: [block.left_by_abort() for block in file.blocks] for n, file in reference.files.items()}


@dataclass(frozen=True, slots=True)
class AfterCrash:
    """What the files may be after a loss of power at some moment.

    ``whole`` are files that have to be there, with that many blocks; ``unfinished`` how many of unknown
    number may be.
    """

    allowed: Allowed
    whole: Mapping[int, int]
    unfinished: int
    doubtful: Mapping[tuple[int, int], set[int]]

    @classmethod
    def of(cls, reference: Reference, doubtful: Mapping[tuple[int, int], set[int]]) -> AfterCrash:
        """What a loss of power at this moment may leave."""
        known = {**reference.files, **reference.deleted}
        return cls(
            {n: [block.recoverable() for block in file.blocks] for n, file in known.items()},
            {n: len(file.blocks) for n, file in reference.files.items() if file.durable},
            len(reference.unfinished),
            {place: set(values) for place, values in doubtful.items()},
        )

    def judge(self, found: Mapping[int, Values]) -> Iterator[tuple[str, Mismatch]]:
        """What a mount brought back: by the name of the property that does not hold."""
        for number, blocks in sorted(self.whole.items()):
            size = len(found.get(number, []))
            if size != blocks:
                yield FILES, Mismatch(f"file {number} has {blocks} blocks", f"it has {size}")
        unknown = found.keys() - self.allowed.keys()
        if len(unknown) > self.unfinished:
            yield FILES, Mismatch("every file was created by somebody", f"file {min(unknown)} was not")
        for mismatch in contents(found, self.allowed, self.doubtful):
            yield DURABLE, mismatch


def snapshots(
    found: Mapping[str, Mapping[int, Values]],
    reference: Reference,
    doubtful: Mapping[tuple[int, int], set[int]],
) -> Iterator[Mismatch]:
    """Every snapshot has the files that were there all the time that it was taken, whole, and every block of
    it holds a value that its file had in that time.

    ``found`` has the files of each snapshot that was taken, by its name.
    """
    for taken in reference.snapshots:
        if not taken.ended:
            continue
        files = found.get(taken.name, {})
        for number, blocks in sorted(_certain(taken).items()):
            if len(files.get(number, [])) != blocks:
                observed = f"it has {len(files[number])}" if number in files else "it is not there"
                yield Mismatch(f"{taken.name} has file {number} with {blocks} blocks", observed)
        for number, values in files.items():
            for block, value in enumerate(values):
                cell = taken.cells.get((number, block))
                may = {*(cell.values if cell else ()), *doubtful.get((number, block), ())}
                if value not in may:
                    expected = " or ".join(map(value_text, sorted(may))) or "nothing"
                    what = f"{taken.name} has file {number} block {block} as {expected}"
                    yield Mismatch(what, f"it reads {shown(value)}")


def _certain(taken: Snapshot) -> dict[int, int]:
    """The number of blocks of each file that the snapshot has to contain, at whatever moment it was taken."""
    return dict(Counter(file for file, _ in taken.cells if file not in taken.uncertain))


def taken(reference: Reference) -> list[str]:
    """The snapshots that were taken, by name."""
    return [snapshot.name for snapshot in reference.snapshots if snapshot.ended]


def check(code: int, errors: str) -> Iterator[Mismatch]:
    """What ``btrfs check`` of an image ended with, and printed as errors."""
    if code:
        wrong = [line for line in errors.splitlines() if line.strip()][:3]
        yield Mismatch("btrfs check finds nothing", " | ".join(wrong) or f"exit code {code}")


def complaints(lines: Iterable[str]) -> Iterator[Mismatch]:
    """Of the lines of a kernel's log."""
    for line in lines:
        if COMPLAINTS.search(line):
            yield Mismatch("the kernel does not complain", line)
