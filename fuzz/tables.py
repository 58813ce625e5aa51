"""Counts and lists as lines of a summary."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping


def most_frequent(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names with their counts, the greatest first, equal ones by name."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def plural(number: int, noun: str) -> str:
    """A number of things: ``1 case``, ``2 cases``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def counted(title: str, counts: Counter[str]) -> Iterator[str]:
    """A title and what was counted under it, the most frequent first."""
    yield from wrapped_lines(title, ", ".join(f"{name} {count}" for name, count in most_frequent(counts)))


def wrapped_lines(title: str, text: str) -> Iterator[str]:
    """A title and what is under it, on as many lines as it takes."""
    yield from textwrap.wrap(f"{title}: {text}", 100, subsequent_indent="    ", break_long_words=False)
