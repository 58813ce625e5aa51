"""The commands of ``python -m fuzz``, one module each.

A module has ``add_to(commands)``, which declares the command, and sets ``run`` to a function of the parsed
options that returns the exit code.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]  # noqa: SLF001 - its only name
else:
    Commands = object

FOUND, MISTAKE, UNDECIDED = 1, 2, 3
"""Exit codes: something fails; what was asked for cannot be done; nothing fails, but not all was tried."""


class UsageError(Exception):
    """What was asked for cannot be done; the message is one line."""


class Parser(argparse.ArgumentParser):
    """Mistakes are one line, and have their exit code."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit."""
        self.exit(MISTAKE, f"{self.prog}: error: {message}\n")


def number(least: int, greatest: int) -> Callable[[str], int]:
    """An argument's type: a whole number in this range; for other text it raises ArgumentTypeError."""

    def parsed(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= greatest:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {greatest}")
        return value

    return parsed
