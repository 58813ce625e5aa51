"""What this target needs of the machine that it runs on, and the booted guest that comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fuzz.targets import TargetUnavailable
from fuzz.targets.qemu.cache import default_cache
from fuzz.targets.qemu.errors import QemuError
from fuzz.targets.qemu.package import MissingError, find
from fuzz.targets.qemu.saved import Saved, prepared, saved
from fuzz.targets.qemu.volume import PREPARE


def booted(cache: Path | None = None, package: Path | None = None) -> Saved:
    """The booted machine.  Raises TargetUnavailable: what is missing, and what to do about it."""
    cache = default_cache() if cache is None else cache
    with _unavailable(cache):
        return saved(cache, find(cache, package))


def ready() -> Saved:
    """The machine with the file system that each case begins with.  Raises TargetUnavailable."""
    machine = booted()
    with _unavailable(default_cache()):
        return prepared(machine, PREPARE)


@contextmanager
def _unavailable(cache: Path) -> Iterator[None]:
    """Whatever is in the way.  Raises TargetUnavailable."""
    try:
        yield
    except (MissingError, QemuError) as error:
        raise TargetUnavailable(str(error)) from error
    except OSError as error:
        raise TargetUnavailable(f"{error.filename or cache}: {error.strerror}") from error
