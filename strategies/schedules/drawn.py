"""Schedules drawn by Hypothesis, which shrinks, saves and replays those that fail."""

from __future__ import annotations

from hypothesis import strategies as st

from models.target import Build, in_turn, run
from strategies.schedules.strategy import Choose, Strategy


def drawn_by(data: st.DataObject) -> Choose:
    """Choices drawn from ``st.data()``."""

    def choose(count: int) -> int:
        return data.draw(st.integers(0, count - 1)) if count > 1 else 0

    return choose


def informed(strategy: type[Strategy], build: Build) -> Strategy:
    """A strategy that has seen the tasks run one after the other.

    It knows the same in every example; if examples taught it, Hypothesis could replay none.
    """
    one = strategy()
    one.learn(run(build, in_turn))
    return one
