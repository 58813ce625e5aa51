"""A failing case as a story: what every drawing of it shows, whatever it is drawn with.

The case is run once more, and after each step the file system is looked at.  The story ends with the
property that broke.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from fuzz.case import Case, Verdict, judge
from fuzz.certificate import certificate
from fuzz.changes import changes
from fuzz.explanation import Explanation, explain
from fuzz.minimise.size import FIRST_GROUP
from fuzz.tables import plural
from models.btrfs.device import RESERVED_BLOCKS
from models.btrfs.state import FsState, fs_state
from models.btrfs.volumes import METADATA_CHUNK, SYSTEM_CHUNK
from models.geometry import Geometry
from models.operations import CompleteBio, Crash, Step
from models.reverts import Revert
from models.simulation import Mark, Note, span
from models.world import Violation, World

FIRST_BLOCK = RESERVED_BLOCKS + SYSTEM_CHUNK + METADATA_CHUNK
"""Where the first DATA block group starts: SYSTEM and METADATA come before it."""
COMMITS = "btrfs_commit_transaction"
THEN = "then every task runs to its end"
"""Over the steps that nobody chose."""
POWER_CUT = "gone, as the power was cut"
"""Where a task is after a crash."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A property that does not hold."""

    property: str
    expected: str
    observed: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One step, and what it left behind.

    ``chosen``: the program has it; the others are what was begun and came to its end.  ``notes`` begin with
    the one that says what the task starts.  ``column`` is the task in whose column it is drawn: a worker
    shares that of the task whose bio it completes.  ``standing`` says of each task that has begun
    anything where it is now.  ``breaks`` are the properties that no longer hold.
    """

    number: int
    step: str
    task: str
    column: str
    chosen: bool
    notes: tuple[Note, ...]
    changes: tuple[str, ...]
    standing: tuple[tuple[str, str], ...]
    breaks: tuple[Broken, ...]
    state: FsState

    @property
    def starts(self) -> str:
        """What the task does in this step, with the worker's name where the column is another's."""
        who = "" if self.task == self.column else f"[{self.task}] "
        return who + self.notes[0].text


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, from a fresh file system up to what a user would notice.

    ``setting`` is the fresh file system in words, ``told`` what was done to the kernel; ``program`` are
    the steps that were chosen, ``drained`` those that came after them; ``why`` says what the failure takes;
    ``checked`` are sentences about the program that were seen to hold.  ``first`` is what broke first, None
    where that is the ``symptom`` itself.
    """

    setting: str
    told: tuple[str, ...]
    program: tuple[str, ...]
    drained: tuple[str, ...]
    why: Explanation
    checked: tuple[str, ...]
    symptom: Broken
    first: Broken | None
    columns: tuple[str, ...]
    start: FsState
    frames: tuple[Frame, ...]


class Recording(World):
    """A world that keeps what the file system looked like after each step."""

    def __init__(self, case: Case, reverts: Sequence[Revert]) -> None:
        super().__init__(case.geometry, reverts, run_on=True)
        self.start = fs_state(self.fs)
        self.taken: list[tuple[Step, int, FsState]] = []

    def apply(self, step: Step) -> bool:
        """Take the step, look at what it left."""
        begin = len(self.sim.notes)
        try:
            return super().apply(step)
        finally:
            if len(self.sim.notes) > begin:
                self.taken.append((step, begin, fs_state(self.fs)))


def tell(case: Case, reverts: Sequence[Revert]) -> Story:
    """The story of a failing case.  Raises ValueError if it passes."""
    world = Recording(case, reverts)
    verdict = judge(case, world)
    if verdict is None:
        raise ValueError("the case does not fail")
    frames = tuple(_frames(world, verdict))
    first = None if verdict.first is verdict.symptom else _broken(verdict.first)
    columns = tuple(sorted({frame.column for frame in frames}))
    return Story(
        describe(case.geometry),
        tuple(revert.told for revert in reverts),
        tuple(map(str, case.steps)),
        tuple(frame.step for frame in frames if not frame.chosen),
        explain(case, reverts),
        tuple(certificate(case, verdict, reverts)),
        _broken(verdict.symptom),
        first,
        columns,
        world.start,
        frames,
    )


def describe(geometry: Geometry) -> str:
    """A fresh file system in words."""
    groups = ", ".join(
        f"block group {FIRST_GROUP + number} "
        f"({span(FIRST_BLOCK + number * geometry.group_blocks, geometry.group_blocks)})"
        for number in range(geometry.groups)
    )
    return f"{groups}, room for {geometry.spare_chunks} more; {describe_files(geometry)}"


def describe_files(geometry: Geometry) -> str:
    """Its files."""
    return ", ".join(
        f"file {number} ({file.kind.value}, {plural(file.blocks, 'block')})"
        for number, file in enumerate(geometry.files)
    )


def as_data(story: Story) -> dict[str, object]:
    """The story as JSON has it: objects and lists."""

    def plain(value: object) -> object:
        if isinstance(value, Mark):
            return value.value
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    return {key: plain(value) for key, value in asdict(story).items()}


def _broken(violation: Violation) -> Broken:
    return Broken(violation.property, violation.mismatch.expected, violation.mismatch.observed)


def _frames(world: Recording, verdict: Verdict) -> Iterator[Frame]:
    """A frame for each step up to the symptom.  What the end of the case showed belongs to the last."""
    notes = world.sim.notes
    end = notes.index(Note("", verdict.symptom.property, Mark.BREAKS)) + 1
    begins = [begin for _, begin, _ in world.taken]
    before, standing, columns = world.start, dict[str, str](), dict[str, str]()
    ends = [*begins[1:], len(notes)]
    for number, ((step, begin, state), until) in enumerate(zip(world.taken, ends, strict=True), start=1):
        if begin >= end:
            return
        if step.operation is not None:
            columns[step.task] = step.task
        if isinstance(step.operation, CompleteBio):
            columns[step.task] = columns.get(step.operation.submitter, step.operation.submitter)
        if isinstance(step.operation, Crash):
            standing = dict.fromkeys(standing, POWER_CUT)
        told = tuple(_ended(note, state) for note in _commits_as_one(notes[begin : min(until, end)]))
        standing |= _standing(told)
        yield Frame(
            number,
            str(step),
            step.task,
            columns[step.task],
            number <= len(world.program),
            tuple(note for note in told if note.mark is not Mark.BREAKS),
            tuple(changes(before, state)),
            tuple(sorted(standing.items())),
            tuple(_broken(world.violations[note.text]) for note in told if note.mark is Mark.BREAKS),
            state,
        )
        before = state


def _standing(notes: Sequence[Note]) -> Iterator[tuple[str, str]]:
    """Where tasks are after these notes."""
    for note in notes:
        if note.mark is Mark.STARTS:
            yield note.task, "running"
        elif note.mark is Mark.STOPS:
            yield note.task, f"preempted at {note.text}"
        elif note.mark is Mark.WAITS:
            yield note.task, f"waits for {note.text}"
        elif note.mark is Mark.WAKES:
            yield note.text, "could go on"
        elif note.mark is Mark.ENDS:
            yield note.task, note.text


def _ended(note: Note, state: FsState) -> Note:
    """The end of an operation in words: a handle that it leaves open is what others may wait for."""
    if note.mark is not Mark.ENDS:
        return note
    how = f"returns {note.text}" if note.text else "done"
    held = any(handle.task == note.task for trans in state.transactions for handle in trans.handles)
    return replace(note, text=f"{how}, its handle stays open" if held else how)


def _commits_as_one(notes: Sequence[Note]) -> Iterator[Note]:
    """The notes, with runs of commits told as one: there are many in a relocation."""
    run: list[Note] = []
    for note in notes:
        if run and note.function != COMMITS:
            yield _merged(run)
            run = []
        if note.function == COMMITS:
            run.append(note)
        else:
            yield note
    if run:
        yield _merged(run)


def _merged(run: Sequence[Note]) -> Note:
    if len(run) == 1:
        return run[0]
    first, last = (note.text.split()[1] for note in (run[0], run[-1]))
    return replace(run[0], text=f"transactions {first} to {last} committed")
