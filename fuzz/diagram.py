"""The story of a case in columns, one per CPU, as commit messages of the kernel draw it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from models.simulation import Mark, Note

SUBMITTER = re.compile(r"complete-bio submitter (.*) index")
WIDTH = 80
GAP = 2


def draw(notes: Sequence[Note], columns_of: Mapping[str, str]) -> str:
    """80 columns of plain text.  ``columns_of`` gives every task the column that it is drawn in.

    A worker's column changes with the bio that it completes: it is that of the bio's submitter.
    """
    columns_of = dict(columns_of)
    columns = sorted(set(columns_of.values()))
    width = (WIDTH - GAP * (len(columns) - 1)) // len(columns)
    heads = (column.center(width) for column in columns)
    lines = [(" " * GAP).join(heads).rstrip()]
    for note in _without_repeats(notes):
        if note.mark is Mark.BREAKS:
            lines += ["", f"  *** {note.text} ***"]
            continue
        if note.mark is Mark.STARTS:
            lines.append("")
            submitter = SUBMITTER.match(note.text)
            if submitter and submitter[1] in columns:
                columns_of[note.task] = submitter[1]
        indent = " " * (columns.index(columns_of[note.task]) * (width + GAP))
        lines += [indent + line for line in _cell(note, columns_of[note.task], width)]
    return "\n".join(line.rstrip() for line in lines)


def _without_repeats(notes: Sequence[Note]) -> Iterator[Note]:
    """The notes, with runs of commits in one task told as one."""
    run: list[Note] = []
    for note in notes:
        if run and not _same(run[-1], note):
            yield _merged(run)
            run = []
        run.append(note)
    if run:
        yield _merged(run)


def _same(one: Note, other: Note) -> bool:
    return (
        (one.task, one.function)
        == (other.task, other.function)
        == (
            one.task,
            "btrfs_commit_transaction",
        )
    )


def _merged(run: list[Note]) -> Note:
    if len(run) == 1:
        return run[0]
    first, last = (note.text.split()[1] for note in (run[0], run[-1]))
    return Note(run[0].task, f"transactions {first} to {last} committed", function=run[0].function)


def _cell(note: Note, column: str, width: int) -> list[str]:
    """One note's lines, within its column."""
    if note.mark is Mark.STARTS:
        who = "" if note.task == column else f"[{note.task}] "
        return textwrap.wrap(f"{who}{note.text}", width)
    if note.mark is Mark.STOPS:
        return textwrap.wrap(f"-- preempted at {note.text}", width, subsequent_indent="   ")
    if note.mark is Mark.WAITS:
        return textwrap.wrap(f"-- waits for {note.text}", width, subsequent_indent="   ")
    if note.mark is Mark.ENDS:
        return [f"-- returns {note.text}" if note.text else "-- done"]
    body = textwrap.wrap(note.text, width, initial_indent="    --> ", subsequent_indent="        ")
    head = textwrap.wrap(f"{note.function}()", width, initial_indent="  ", subsequent_indent="      ")
    return [*head, *body]
