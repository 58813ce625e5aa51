"""Where everything of a story goes on the timeline: columns per task, time down.  Units are pixels."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fuzz.diagram import cell
from fuzz.story import POWER_CUT, Broken, Frame, Story
from models.simulation import Mark

LINE, PADDING, GAP = 18, 9, 14
"""Height of a line of text, room around the text of a step, and between two steps."""
GUTTER = 34
"""Left of each column: there a line shows how long its task is stopped."""
LANE, WORKERS_LANE = 12, 22
"""From such a line to the column; a worker in another's column has a line of its own."""
CHARACTER = 7.3
"""Width of a character."""
WIDTHS = {1: 460, 2: 356}
"""Width of a column, by how many there are; :data:`NARROW` for more."""
NARROW = 268


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text at the height of its base line."""

    y: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """A step."""

    frame: Frame
    x: int
    y: int
    width: int
    height: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """How long a task is stopped, and why: ``stops``, ``waits``, or ``wakes`` once it could go on.

    It is drawn at ``x``; ``edge`` is where its task's column begins.
    """

    x: int
    edge: int
    top: int
    bottom: int
    kind: str
    title: str


class Stopped(NamedTuple):
    """A lane that has begun, of a task that is still stopped."""

    x: int
    top: int
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """A wake-up."""

    start: int
    end: int
    y: int
    title: str


@dataclass(frozen=True, slots=True)
class Band:
    """A property that broke, across all columns."""

    y: int
    height: int
    broken: Broken
    lines: tuple[Line, ...]


@dataclass(slots=True)
class Timeline:
    """All of it, ``width`` times ``height``; ``heads`` are the columns' names and where they begin."""

    width: int
    column: int
    heads: dict[str, int]
    height: int = GAP
    boxes: list[Box] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)


def timeline(story: Story) -> Timeline:
    """Lay out a story."""
    column = WIDTHS.get(len(story.columns), NARROW)
    heads = {name: GUTTER + i * (column + GUTTER) for i, name in enumerate(story.columns)}
    drawn = Timeline(len(heads) * (column + GUTTER) + LANE, column, heads)
    stopped: dict[str, Stopped] = {}
    for frame in story.frames:
        box = _box(frame, drawn)
        killed = [task for task, where in frame.standing if where == POWER_CUT]
        for task in (frame.task, *killed):
            _end_lane(drawn, stopped, task, box.y)
        _wake(drawn, stopped, box)
        _begin_lane(stopped, box)
        drawn.boxes.append(box)
        drawn.height += box.height + GAP
        for broken in frame.breaks:
            band = _band(broken, drawn)
            drawn.bands.append(band)
            drawn.height += band.height + GAP
    for task in list(stopped):
        _end_lane(drawn, stopped, task, drawn.height)
    return drawn


def _lines(y: int, told: Sequence[tuple[str, str]]) -> Iterator[Line]:
    for i, (kind, text) in enumerate(told, start=1):
        yield Line(y + PADDING + i * LINE - 5, kind, text)


def _box(frame: Frame, drawn: Timeline) -> Box:
    width = int((drawn.column - 2 * PADDING) / CHARACTER) - len("99 ")
    told = [(_kind(mark, text), text) for mark, text in cell(frame, width)]
    lines = tuple(_lines(drawn.height, told))
    height = 2 * PADDING + len(lines) * LINE
    return Box(frame, drawn.heads[frame.column], drawn.height, drawn.column, height, lines)


def _kind(mark: Mark, text: str) -> str:
    """What a line is shown as: of what happened, the function's name stands out."""
    if mark is Mark.HAPPENED and text.endswith("()"):
        return "function"
    return mark.value


def _band(broken: Broken, drawn: Timeline) -> Band:
    width = int((drawn.width - GUTTER - 2 * PADDING) / CHARACTER)
    told = [("property", broken.property)]
    for name, text in (("expected", broken.expected), ("observed", broken.observed)):
        told += [(name, line) for line in textwrap.wrap(f"{name} {text}", width, subsequent_indent=" " * 9)]
    lines = tuple(_lines(drawn.height, told))
    return Band(drawn.height, 2 * PADDING + len(lines) * LINE, broken, lines)


def _begin_lane(stopped: dict[str, Stopped], box: Box) -> None:
    """From here on the task is stopped, if its step did not come to an end."""
    last = box.frame.notes[-1]
    if last.mark in (Mark.STOPS, Mark.WAITS):
        title = f"{box.frame.task} {dict(box.frame.standing)[box.frame.task]}"
        x = box.x - (LANE if box.frame.task == box.frame.column else WORKERS_LANE)
        stopped[box.frame.task] = Stopped(x, box.y + box.height, last.mark.value, title)


def _end_lane(drawn: Timeline, stopped: dict[str, Stopped], task: str, y: int) -> None:
    if task in stopped:
        lane = stopped.pop(task)
        edge = max(head for head in drawn.heads.values() if head < lane.x + GUTTER)
        drawn.lanes.append(Lane(lane.x, edge, lane.top, y, lane.kind, lane.title))


def _wake(drawn: Timeline, stopped: dict[str, Stopped], box: Box) -> None:
    """A task that the step wakes waits no longer, and could go on."""
    rows = [line for line in box.lines if line.kind == Mark.WAKES.value]
    names = [note.text for note in box.frame.notes if note.mark is Mark.WAKES]
    for line, name in zip(rows, names, strict=True):
        if name in stopped:
            x, y = stopped[name].x, line.y - 4
            _end_lane(drawn, stopped, name, y)
            start = box.x if x < box.x else box.x + box.width
            drawn.arrows.append(Arrow(start, x, y, f"{box.frame.task} wakes {name}"))
            stopped[name] = Stopped(x, y, Mark.WAKES.value, f"{name} could go on")
