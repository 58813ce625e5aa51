"""Where the kernel's functions are, as the guest's ``/proc/kallsyms`` says."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fuzz.targets.qemu.errors import QemuError

PAGE = 4096
"""The longest that a function is taken to be if no symbol follows it."""
CODE = "tT"
"""The kinds of symbols that are code."""


class SymbolError(QemuError):
    """This kernel has no such function; the message is one line."""


class Span(NamedTuple):
    """A function: from ``start`` on, ``length`` bytes with what pads it."""

    start: int
    length: int


class Symbols:
    """The functions of a kernel, or of a module of it."""

    def __init__(self, kallsyms: str) -> None:
        self._functions: dict[str, list[int]] = {}
        for line in kallsyms.splitlines():
            address, kind, name, *_ = line.split()
            if kind in CODE:
                self._functions.setdefault(name, []).append(int(address, 16))
        self._starts = sorted({start for starts in self._functions.values() for start in starts})

    @property
    def functions(self) -> Mapping[str, list[int]]:
        """The addresses of the functions of each name."""
        return self._functions

    def start_of(self, address: int) -> int | None:
        """The start of the function that an address lies in; None before the first and far after the last."""
        place = bisect.bisect_right(self._starts, address)
        start = self._starts[place - 1] if place else None
        return start if start is not None and address - start < PAGE else None

    def inside(self, address: int, functions: Iterable[str]) -> str:
        """Which of these functions an address lies in; empty if in none of them."""
        for function in functions:
            if len(self._functions.get(function, [])) == 1:
                start, length = self.span(function)
                if start <= address < start + length:
                    return function
        return ""

    def span(self, function: str) -> Span:
        """Where a function is.  Raises SymbolError if there is none of that name, or more than one."""
        starts = self._functions.get(function, [])
        if len(starts) != 1:
            raise SymbolError(f"the kernel has {len(starts) or 'no'} functions of the name {function}")
        start = starts[0]
        after = bisect.bisect_right(self._starts, start)
        end = self._starts[after] if after < len(self._starts) else start + PAGE
        return Span(start, min(end - start, PAGE))
