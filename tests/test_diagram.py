"""The diagram: columns, marks and widths."""

from __future__ import annotations

import pytest

from fuzz.diagram import WIDTH, draw
from models.simulation import Mark, Note

ONE, TWO = "CPU 1", "CPU 2"
COLUMNS = {ONE: ONE, TWO: TWO}
LONG_TEXT = "a long story that does not fit into one line of a column, nor into two of them, nor three"


def drawn(*notes: Note, columns: dict[str, str] | None = None) -> str:
    """A diagram in two columns."""
    return draw(notes, columns or COLUMNS)


def test_every_mark_by_itself() -> None:
    """If a mark were drawn as another, a wait would read as an end."""
    text = drawn(
        Note(ONE, "commit", Mark.STARTS),
        Note(ONE, "it is so", Mark.HAPPENED, "some_function"),
        Note(ONE, "here", Mark.STOPS),
        Note(ONE, "a lock, held by CPU 2", Mark.WAITS),
        Note(ONE, "", Mark.ENDS),
        Note(TWO, "-ENOSPC", Mark.ENDS),
        Note("", "something_holds", Mark.BREAKS),
    )
    indent = " " * 41
    assert text.splitlines()[1:] == [
        "",
        "commit",
        "  some_function()",
        "    --> it is so",
        "-- preempted at here",
        "-- waits for a lock, held by CPU 2",
        "-- done",
        f"{indent}-- returns -ENOSPC",
        "",
        "  *** something_holds ***",
    ]


def test_heads_are_above_their_columns() -> None:
    """If a head stood elsewhere, the reader would take one CPU for the other."""
    head = drawn(Note(ONE, "x", Mark.STARTS)).splitlines()[0]
    assert head.index(ONE) < 39
    assert head.index(TWO) > 41


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_no_line_is_wider_than_80_columns(count: int) -> None:
    """If a diagram were wider, a mail program would break it."""
    columns = {f"CPU {number}": f"CPU {number}" for number in range(1, count + 1)}
    notes = [
        Note(task, LONG_TEXT, mark, "a_function" if mark is Mark.HAPPENED else "")
        for task in columns
        for mark in (Mark.STARTS, Mark.HAPPENED, Mark.STOPS, Mark.WAITS)
    ]
    lines = drawn(*notes, columns=columns).splitlines()
    assert max(len(line) for line in lines) <= WIDTH == 80
    words = " ".join(lines).split()
    assert words.count("three") == 4 * count, "nothing is cut off"


def test_a_long_function_name_stays_in_a_narrow_column() -> None:
    """If a name ran into the next column, or over the edge, three CPUs could not be told apart."""
    name = "btrfs_create_pending_block_groups"
    columns = {f"CPU {number}": f"CPU {number}" for number in (1, 2, 3)}
    lines = drawn(*(Note(task, "text", function=name) for task in columns), columns=columns).splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []
    assert "".join("".join(lines).split()).count(name) == 3, "nothing is cut off"


def test_a_worker_shares_a_column_and_is_named_there() -> None:
    """If a worker looked like the CPU whose column it is in, a bio would seem to complete by itself."""
    columns = {**COLUMNS, "kworker 1": TWO}
    text = drawn(Note(TWO, "x", Mark.STARTS), Note("kworker 1", "complete-bio", Mark.STARTS), columns=columns)
    assert text.splitlines()[-1] == f"{' ' * 41}[kworker 1] complete-bio"


def test_commits_in_a_row_are_told_as_one() -> None:
    """If every commit of relocation were drawn, the race would be lost among them."""

    def commit(task: str, number: int) -> Note:
        return Note(task, f"transaction {number} committed", function="btrfs_commit_transaction")

    text = drawn(commit(ONE, 3), commit(ONE, 4), commit(ONE, 5), commit(TWO, 6), commit(ONE, 7))
    assert text.count("btrfs_commit_transaction()") == 3
    assert "--> transactions 3 to 5 committed" in text
    assert "--> transaction 6 committed" in text
    assert "--> transaction 7 committed" in text


def test_other_notes_that_look_alike_are_all_told() -> None:
    """If anything else were merged, two bios would look like one."""
    note = Note(ONE, "bio to block 9 in flight", function="btrfs_submit_direct")
    assert drawn(note, note).count("btrfs_submit_direct()") == 2
