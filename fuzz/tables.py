"""Counts and lists as lines of a summary."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator


def counted(title: str, counts: Counter[str]) -> Iterator[str]:
    """A title and what was counted under it, the most frequent first."""
    entries = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    yield from wrapped_lines(title, ", ".join(f"{name} {count}" for name, count in entries))


def wrapped_lines(title: str, text: str) -> Iterator[str]:
    """A title and what is under it, on as many lines as it takes."""
    yield from textwrap.wrap(f"{title}: {text}", 100, subsequent_indent="    ", break_long_words=False)
