"""The diagram: columns, marks and widths."""

from __future__ import annotations

import pytest

from fuzz.diagram import WIDTH, draw
from fuzz.story import Broken, Frame
from models.btrfs.state import FsState
from models.simulation import Mark, Note

ONE, TWO = "CPU 1", "CPU 2"
NOTHING = FsState(1, 1, 0, (), (), (), (), ())
LONG_TEXT = "a long story that does not fit into one line of a column, nor into two of them, nor three"


def frame(
    task: str, *notes: Note, column: str = "", changes: tuple[str, ...] = (), breaks: tuple[Broken, ...] = ()
) -> Frame:
    """A step of a task that starts ``commit``."""
    begin = Note(task, "commit", Mark.STARTS)
    return Frame(1, "", task, column or task, True, (begin, *notes), changes, (), breaks, NOTHING)  # noqa: FBT003 - chosen


def drawn(*frames: Frame, columns: tuple[str, ...] = (ONE, TWO)) -> str:
    """A diagram, of two columns if nothing else is said."""
    return draw(frames, columns)


def test_every_mark_by_itself() -> None:
    """If a mark were drawn as another, a wait would read as an end."""
    text = drawn(
        frame(
            ONE,
            Note(ONE, "it is so", Mark.HAPPENED, "some_function"),
            Note(ONE, TWO, Mark.WAKES),
            Note(ONE, "here", Mark.STOPS),
            changes=("block group 2: gone",),
        ),
        frame(ONE, Note(ONE, "a lock, held by CPU 2", Mark.WAITS)),
        frame(ONE, Note(ONE, "done", Mark.ENDS)),
        frame(
            TWO,
            Note(TWO, "returns -ENOSPC", Mark.ENDS),
            breaks=(Broken("something_holds", "that it holds", LONG_TEXT),),
        ),
    )
    indent = " " * 41
    assert text.splitlines()[1:] == [
        "",
        "commit",
        "  some_function()",
        "    --> it is so",
        "-- wakes CPU 2",
        "  = block group 2: gone",
        "-- preempted at here",
        "",
        "commit",
        "-- waits for a lock, held by CPU 2",
        "",
        "commit",
        "-- done",
        "",
        f"{indent}commit",
        f"{indent}-- returns -ENOSPC",
        "",
        "  *** something_holds ***",
        "      expected: that it holds",
        "      observed: a long story that does not fit into one line of a column, nor",
        "                into two of them, nor three",
    ]


def test_what_a_step_changed_is_told_where_it_was_cut_off_too() -> None:
    """If a step that ends in an assertion told no changes, nobody would see how far it came."""
    assert drawn(frame(ONE, changes=("block group 2: gone",))).endswith("commit\n  = block group 2: gone")


def test_heads_are_above_their_columns() -> None:
    """If a head stood elsewhere, the reader would take one CPU for the other."""
    head = drawn(frame(ONE)).splitlines()[0]
    assert head.index(ONE) < 39
    assert head.index(TWO) > 41


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_no_line_is_wider_than_80_columns(count: int) -> None:
    """If a diagram were wider, a mail program would break it."""
    columns = tuple(f"CPU {number}" for number in range(1, count + 1))
    marks = (Mark.HAPPENED, Mark.STOPS, Mark.WAITS, Mark.WAKES, Mark.ENDS)
    frames = [
        frame(
            task,
            *(Note(task, LONG_TEXT, mark, "a_function" if mark is Mark.HAPPENED else "") for mark in marks),
            changes=(LONG_TEXT,),
        )
        for task in columns
    ]
    lines = drawn(*frames, columns=columns).splitlines()
    assert max(len(line) for line in lines) <= WIDTH == 80
    words = " ".join(lines).split()
    assert words.count("three") == (len(marks) + 1) * count, "nothing is cut off"


def test_a_long_function_name_stays_in_a_narrow_column() -> None:
    """If a name ran into the next column, or over the edge, three CPUs could not be told apart."""
    name = "btrfs_create_pending_block_groups"
    columns = tuple(f"CPU {number}" for number in (1, 2, 3))
    frames = (frame(task, Note(task, "text", function=name)) for task in columns)
    lines = drawn(*frames, columns=columns).splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []
    assert "".join("".join(lines).split()).count(name) == 3, "nothing is cut off"


def test_a_worker_shares_a_column_and_is_named_there() -> None:
    """If a worker looked like the CPU whose column it is in, a bio would seem to complete by itself."""
    text = drawn(frame(TWO), frame("kworker 1", column=TWO))
    assert text.splitlines()[-1] == f"{' ' * 41}[kworker 1] commit"


def test_notes_that_look_alike_are_all_told() -> None:
    """If notes were merged, two bios would look like one."""
    note = Note(ONE, "bio to block 9 in flight", function="btrfs_submit_direct")
    assert drawn(frame(ONE, note, note)).count("btrfs_submit_direct()") == 2
