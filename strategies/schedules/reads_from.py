"""Reads-from directed: ask that a read sees a certain write, or does not, and keep what led to news.

After D. Wolff, S. Zheng, G. J. Duck, U. Mathur, A. Roychoudhury: Greybox fuzzing for concurrency testing,
ASPLOS 2024.  An abstract schedule is a few wishes.  A task that would spoil one is held up for as long as
others can go on; of those one is picked by partial order sampling (:mod:`strategies.schedules.pos`).  If a
read saw a write that it had never seen, the abstract schedule is kept, to be extended.  Deviation: all that
are kept are equally likely; there is no power schedule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.simulation import Task
from models.target import Pick, Place, Run, place_of
from strategies.schedules.pos import Pos
from strategies.schedules.strategy import Choose

WISHES = 3
"""An abstract schedule has no more."""


Last = dict[str, Place]
"""Where each thing was last written, in this schedule; a thing that was not has its initial value."""


class Wish(NamedTuple):
    """That ``reader`` sees what was written at ``writer``, or does not.  None is the initial value."""

    reader: Place
    writer: Place | None
    wanted: bool

    def is_spoilt_by(self, place: Place, last: Last) -> bool:
        """Whether the wish cannot come true, or can no more, if a task goes on from there now."""
        if place.thing != self.reader.thing:
            return False
        there = last.get(place.thing) == self.writer
        if place == self.reader:
            return there is not self.wanted
        return self.wanted and there and place.writes

    def is_granted_by(self, place: Place, last: Last) -> bool:
        """Whether nothing is left to be wished for: the read sees what it should."""
        return self.wanted and place == self.reader and last.get(place.thing) == self.writer


class ReadsFrom(Pos):
    """Extends abstract schedules, one wish at a time."""

    name = "reads-from"

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[Place, Place | None]] = set()
        self.kept: list[tuple[Wish, ...]] = [()]
        self.asked: tuple[Wish, ...] = ()

    def learn(self, run: Run) -> None:
        """A schedule has run: if a read saw something new, what was asked for is kept."""
        super().learn(run)
        last = Last()
        known = len(self.seen)
        for _, place in run.steps:
            if place.looks:
                self.seen.add((place, last.get(place.thing)))
            if place.writes:
                last[place.thing] = place
        if len(self.seen) > known and self.asked not in self.kept:
            self.kept.append(self.asked)

    def _wish(self, choose: Choose) -> Iterator[Wish]:
        """One more, if anything was read so far."""
        readers = [place for place in self.visitors if place.looks]
        if readers:
            reader = readers[choose(len(readers))]
            writers = [
                None,
                *(place for place in self.visitors if place.writes and place.thing == reader.thing),
            ]
            yield Wish(reader, writers[choose(len(writers))], wanted=not choose(2))

    def schedule(self, choose: Choose) -> Pick:
        """The next schedule: what is asked for is drawn first, 0 is nothing."""
        self.asked = self.kept[choose(len(self.kept))]
        if len(self.asked) < WISHES and choose(2):
            self.asked += tuple(self._wish(choose))
        go_on, wishes, last = super().schedule(choose), list(self.asked), Last()

        def pick(able: Sequence[Task], current: Task | None) -> Task:
            others = [
                task for task in able if not any(wish.is_spoilt_by(place_of(task), last) for wish in wishes)
            ]
            chosen = go_on(others or able, current)
            place = place_of(chosen)
            wishes[:] = [wish for wish in wishes if not wish.is_granted_by(place, last)]
            if place.writes:
                last[place.thing] = place
            return chosen

        return pick
