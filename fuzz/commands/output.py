"""What a command says, and the files that it writes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.commands import UsageError
from fuzz.files import write_whole


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def repeat(command: str, named: Sequence[object] = (), **options: object) -> str:
    """The command that makes a report again, which the report has at its head; without what is None."""
    words = [f"python -m fuzz {command}", *map(str, named)]
    words += [f"--{name} {value}" for name, value in options.items() if value is not None]
    return " ".join(words)


def write(path: Path, content: str | bytes) -> None:
    """A file, whole, in a directory that there is.  Raises UsageError where that cannot be."""
    if not path.parent.is_dir():
        raise UsageError(f"{path}: cannot be written: there is no directory {path.parent}")
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
