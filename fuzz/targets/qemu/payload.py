"""What a written block looks like in the guest: lines of text that say its value, all over it.

It is text, as the guest's shell has to tell values apart; the same in each 16 bytes, so that a torn block
shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fuzz.targets.oracles import Values

BLOCK = 4096
"""Bytes: btrfs's sectorsize, and what one value fills."""
LINE = 16
"""Bytes of a line, with the character that ends it."""
RUN = re.compile(r" *(?P<count>\d+) (?P<text>.*)")
"""What ``uniq -c`` prints of lines that are equal."""
TEXT = re.compile(r"bgfuzz (?P<value>[ \d-]{8})")


def line(value: int) -> str:
    """A line of a block that holds ``value``.  Raises ValueError where that is too long."""
    text = f"bgfuzz {value:8}"
    if len(text) != LINE - 1:
        raise ValueError(f"value {value} has more than 8 digits")
    return text


def program(values: list[int]) -> str:
    """A program for awk that prints blocks with these values."""
    calls = "".join(f'b("{line(value)}");' for value in values)
    return f"function b(t,i){{for(i=0;i<{BLOCK // LINE};i++)print t}} BEGIN{{{calls}}}"


def decode(lines: list[str]) -> Values:
    """The values of the blocks of a file, from its runs of equal lines; None for no whole value."""
    values: Values = []
    filled, value = 0, None
    for count, text in map(_run, lines):
        left = count * (len(text) + 1)
        while left:
            part = min(left, BLOCK - filled)
            value = _value(text) if not filled else None
            filled, left = filled + part, left - part
            if filled == BLOCK:
                values.append(value if part == BLOCK else None)
                filled = 0
    return [*values, None] if filled else values


def _run(told: str) -> tuple[int, str]:
    found = RUN.fullmatch(told)
    if found is None:
        raise ValueError(f"uniq does not print {told!r}")
    return int(found["count"]), found["text"]


def _value(text: str) -> int | None:
    if not text:
        return 0
    found = TEXT.fullmatch(text)
    return int(found["value"]) if found else None


def files(told: str) -> Iterator[tuple[str, Values]]:
    """What ``look`` printed: each file's path, and its values."""
    path, lines = "", list[str]()
    for one in [*told.splitlines(), "= "]:
        if one.startswith("= "):
            if path:
                yield path, decode(lines)
            path, lines = one.removeprefix("= "), []
        else:
            lines.append(one)
