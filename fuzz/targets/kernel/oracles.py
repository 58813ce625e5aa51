"""What is judged of a live kernel: its files, its image, its log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

from fuzz.targets.kernel.image import path_of
from fuzz.targets.kernel.volume import Volume
from fuzz.targets.oracles import Values, check, complaints
from models.properties import Mismatch


def files_of(volume: Volume) -> dict[int, Values]:
    """What all files hold."""
    return {number: volume.read(number) for number in volume.files()}


def btrfs_check(image: int) -> Iterator[Mismatch]:
    """``btrfs check`` of an image: a descriptor."""
    command = ["btrfs", "check", "--readonly", path_of(image)]
    done = subprocess.run(  # noqa: S603 - no shell
        command, capture_output=True, text=True, pass_fds=[image], check=False
    )
    yield from check(done.returncode, done.stderr)


class KernelLog:
    """The kernel's log from now on.  Where it may not be read, it is empty (``readable`` is false)."""

    def __init__(self) -> None:
        try:
            self._log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self._log, 0, os.SEEK_END)
        except OSError:
            self._log = -1
        self.readable = self._log >= 0

    def complaints(self) -> Iterator[Mismatch]:
        """What it complained of since the last call."""
        while self.readable:
            try:
                line = os.read(self._log, 8192).decode(errors="replace").partition(";")[2].splitlines()[0]
            except BlockingIOError:
                return
            except OSError:  # overwritten before we came to it: go on with the oldest that is left
                continue
            yield from complaints([line])

    def close(self) -> None:
        """Read it no more."""
        if self.readable:
            os.close(self._log)
            self.readable = False
