"""A story as a Mermaid sequence diagram, for issues and documents that draw one.

Syntax: https://mermaid.js.org/syntax/sequenceDiagram.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fuzz.diagram import told, words
from fuzz.story import Broken, Frame, Story
from models.simulation import Mark, Note

ESCAPES = str.maketrans({"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;"})
"""What Mermaid would take for syntax."""
BREAK = "<br/>"
WIDTH = 50
"""Characters that fit into a note over two columns."""


def mermaid(story: Story) -> str:
    """The text of the diagram: a participant for each column, a message for each wake-up."""
    names = {column: f"P{number}" for number, column in enumerate(story.columns, start=1)}
    lines = ["sequenceDiagram"]
    lines += [f"    participant {name} as {escaped(column)}" for column, name in names.items()]
    at: dict[str, str] = {}
    for frame in story.frames:
        at[frame.task] = names[frame.column]
        lines += [f"    {line}" for line in _frame(frame, at, list(names.values()))]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """The text as Mermaid has to be given it to show it."""
    return text.translate(ESCAPES)


def _frame(frame: Frame, at: Mapping[str, str], names: list[str]) -> Iterator[str]:
    """A note for each thing that the step did; one message for each task that it woke.

    ``at`` says for each task so far which of the participants' ``names`` it is.
    """
    here = at[frame.task]
    yield f"Note over {here}: {frame.number}. {escaped(frame.starts)}"
    changed = list(frame.changes)
    for note in frame.notes[1:]:
        if note.mark in (Mark.STOPS, Mark.WAITS, Mark.ENDS) and changed:
            yield _changes(here, changed)
            changed = []
        yield _note(note, here, at)
    if changed:
        yield _changes(here, changed)
    for broken in frame.breaks:
        yield _break(broken, names)


def _note(note: Note, here: str, at: Mapping[str, str]) -> str:
    if note.mark is Mark.HAPPENED:
        return f"{here}->>{here}: {escaped(note.function)}(){BREAK}{escaped(note.text)}"
    if note.mark is Mark.WAKES:
        return f"{here}--){at[note.text]}: wakes {escaped(note.text)}"
    return f"Note over {here}: {escaped(''.join(words(note)).removeprefix('-- '))}"


def _changes(here: str, changes: list[str]) -> str:
    return f"Note over {here}: {BREAK.join(map(escaped, changes))}"


def _break(broken: Broken, names: list[str]) -> str:
    """A note over all columns."""
    over = names[0] if len(names) == 1 else f"{names[0]},{names[-1]}"
    lines = [f"*** {broken.property} ***", *told(broken, WIDTH, "")]
    return f"Note over {over}: {BREAK.join(escaped(line.strip()) for line in lines)}"
