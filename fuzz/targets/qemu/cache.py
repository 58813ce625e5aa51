"""Where kernels are unpacked to and booted machines are kept."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished"
"""The directory in which things are made before they are moved to their place."""


def default_cache() -> Path:
    """Below the user's cache directory, as the XDG Base Directory Specification has it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bgfuzz"


@contextmanager
def unfinished(cache: Path) -> Iterator[Path]:
    """An empty directory to make something in, for one process at a time.

    What a process left that was killed is removed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = cache / UNFINISHED
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
