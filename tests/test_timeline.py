"""Where things go on the timeline: steps below each other, lines that say how long a task is stopped."""

from __future__ import annotations

from itertools import pairwise

import pytest
from known_races import PROGRAMS
from test_drawings import story_of

from fuzz.page.timeline import timeline


@pytest.mark.parametrize("race", PROGRAMS)
def test_steps_and_bands_are_below_each_other(race: str) -> None:
    """If two overlapped, or stood in another order, time would not run from top to bottom."""
    drawn = timeline(story_of(race))
    assert [box.frame.number for box in drawn.boxes] == list(range(1, len(drawn.boxes) + 1))
    spans = sorted(
        [(box.y, box.y + box.height) for box in drawn.boxes]
        + [(band.y, band.y + band.height) for band in drawn.bands]
    )
    assert all(above[1] < below[0] for above, below in pairwise(spans))
    assert spans[-1] == (drawn.bands[-1].y, drawn.bands[-1].y + drawn.bands[-1].height), (
        "it ends with what broke"
    )
    assert spans[-1][1] <= drawn.height
    for box in drawn.boxes:
        assert box.x == drawn.heads[box.frame.column]
        assert box.x + box.width <= drawn.width


def test_a_stopped_task_has_a_line_until_it_goes_on() -> None:
    """If the line ended elsewhere, a task would seem to wait that could go on, or the other way round."""
    drawn = timeline(story_of("f78c436c3931"))
    box = {box.frame.number: box for box in drawn.boxes}
    end = {number: one.y + one.height for number, one in box.items()}
    preempted, relocation_waits, relocation_woken, write_waits, write_woken = sorted(
        drawn.lanes, key=lambda lane: lane.top
    )
    assert (preempted.kind, preempted.top, preempted.bottom) == ("stops", end[1], box[3].y)
    assert (relocation_waits.kind, relocation_waits.top) == ("waits", end[2])
    assert (relocation_woken.kind, relocation_woken.bottom) == ("wakes", box[4].y)
    assert box[3].y < relocation_waits.bottom == relocation_woken.top < end[3]
    assert (write_waits.kind, write_waits.top) == ("waits", end[3])
    assert (write_woken.kind, write_woken.bottom) == ("wakes", box[6].y)
    arrows = [(arrow.start, arrow.end, arrow.y) for arrow in drawn.arrows]
    assert arrows == [
        (box[3].x + box[3].width, relocation_waits.x, relocation_waits.bottom),
        (box[5].x, write_waits.x, write_waits.bottom),
    ]


def test_a_power_cut_ends_every_line() -> None:
    """If a line went on, a task that is gone would seem to wait for ever."""
    drawn = timeline(story_of("de0ee0edb21f"))
    crash = drawn.boxes[-1]
    assert crash.frame.step.startswith("mount: crash")
    assert [lane.bottom for lane in drawn.lanes] == [crash.y]
