"""What a command says, and the files that it writes."""

from __future__ import annotations

import sys
from pathlib import Path

from fuzz.commands import UsageError
from fuzz.files import write_whole


def say(line: str) -> None:
    """A line for whoever asked."""
    sys.stdout.write(f"{line}\n")


def write(path: Path, content: str | bytes) -> None:
    """A file, whole.  Raises UsageError where that cannot be."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
