"""A story in columns, one per CPU, as commit messages of the kernel draw it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fuzz.story import Broken, Frame
from models.simulation import Mark, Note

WIDTH = 80
GAP = 2


def draw(frames: Sequence[Frame], columns: Sequence[str]) -> str:
    """80 columns of plain text: for each step what it did, what it changed, and where the task is then."""
    width = (WIDTH - GAP * (len(columns) - 1)) // len(columns)
    heads = (column.center(width) for column in columns)
    lines = [(" " * GAP).join(heads).rstrip()]
    for frame in frames:
        indent = " " * (columns.index(frame.column) * (width + GAP))
        lines.append("")
        lines += [(indent + line).rstrip() for _, line in cell(frame, width)]
        for broken in frame.breaks:
            lines += ["", f"  *** {broken.property} ***", *told(broken, WIDTH, "      ")]
    return "\n".join(lines)


def told(broken: Broken, width: int, indent: str) -> list[str]:
    """What should have been, and what was."""
    return [
        line
        for lead, text in (("expected: ", broken.expected), ("observed: ", broken.observed))
        for line in wrapped(text, width, indent + lead, indent + " " * len(lead))
    ]


def cell(frame: Frame, width: int) -> Iterator[tuple[Mark, str]]:
    """The lines of one step, no wider than ``width``, each with what it is about."""
    changed = False
    for note in frame.notes:
        if note.mark in (Mark.STOPS, Mark.WAITS, Mark.ENDS) and not changed:
            changed = True
            yield from _changes(frame, width)
        for line in note_lines(note if note is not frame.notes[0] else _start(frame), width):
            yield note.mark, line
    if not changed:
        yield from _changes(frame, width)


def note_lines(note: Note, width: int) -> list[str]:
    """One note's lines."""
    if note.mark is Mark.HAPPENED:
        name = f"{note.function}()"
        indent = " " * (2 if len(name) + 2 <= width else 1)
        head = wrapped(name, width, indent, "      ")
        return [*head, *wrapped(note.text, width, "    --> ", "        ")]
    lead, text = words(note)
    return wrapped(lead + text, width, "", "   " if lead else "")


def words(note: Note) -> tuple[str, str]:
    """What stands before the text of a note that is about the task itself, and the text."""
    match note.mark:
        case Mark.STOPS:
            return "-- preempted at ", note.text
        case Mark.WAITS:
            return "-- waits for ", note.text
        case Mark.WAKES:
            return "-- wakes ", note.text
        case Mark.ENDS:
            return "-- ", note.text
        case _:
            return "", note.text


def _start(frame: Frame) -> Note:
    return Note(frame.task, frame.starts, Mark.STARTS)


def _changes(frame: Frame, width: int) -> Iterator[tuple[Mark, str]]:
    for change in frame.changes:
        for line in wrapped(change, width, "  = ", "    "):
            yield Mark.CHANGED, line


def wrapped(text: str, width: int, first: str, further: str) -> list[str]:
    """The text in lines no wider than that; what stands before its first line, and before others."""
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=further, break_on_hyphens=False)
