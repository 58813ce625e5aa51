"""Files that are there whole or not at all, and a name for what all source files say."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

MEASURED = ("models", "strategies", "fuzz")
"""Directories of sources that decide what a case does."""
NOT_MEASURED = ("fuzz/bench", "fuzz/commands")
"""Directories in them that do not."""


def digest(root: Path) -> str:
    """A name for the sources that results depend on: results of other sources count for nothing."""
    names = hashlib.sha256()
    for package in MEASURED:
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith(NOT_MEASURED):
                names.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return names.hexdigest()[:16]


def write_whole(path: Path, content: str | bytes) -> None:
    """Write by rename: a reader sees the old content or the new one.  Text is written as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
