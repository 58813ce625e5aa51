"""The booted machine as a file, made once for each kernel, QEMU and user space."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fuzz.targets.qemu.cache import unfinished
from fuzz.targets.qemu.gdb import GdbError
from fuzz.targets.qemu.guest import BOOT_OPTIONS, MACHINE, Guest, GuestError, qemu
from fuzz.targets.qemu.initramfs import READY, build
from fuzz.targets.qemu.package import Package
from fuzz.targets.qemu.stage import Stage
from fuzz.targets.qemu.symbols import Symbols

STATE, SYMBOLS = "state", "kallsyms"
"""Files of a saved machine."""
LINES = 1
"""That the agent has run when the machine is saved; it runs none of the same number again."""
MODULE = "btrfs"
"""The module whose functions tasks are held at."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved machine, and where its functions are."""

    state: Path
    symbols: Symbols

    def guest(self) -> Guest:
        """A fresh copy of it.  The machine stands still until somebody resumes it."""
        return Guest(["-S", "-incoming", f"exec:cat < {shlex.quote(str(self.state))}"])


def saved(cache: Path, kernel: Package) -> Saved:
    """The machine in the cache; booted now, if it is not there.  Raises MissingError, GuestError."""
    initramfs = build(kernel)
    directory = cache / f"{kernel.release}-{_key(kernel, initramfs)}"
    if not directory.is_dir():
        _boot(directory, kernel, initramfs)
    return Saved(directory / STATE, Symbols((directory / SYMBOLS).read_text()))


def _key(kernel: Package, initramfs: bytes) -> str:
    """Equal for machines that can stand in for each other."""
    version = subprocess.run(  # noqa: S603 - the emulator
        [qemu(), "--version"], capture_output=True, check=True
    ).stdout
    parts = (version, *map(str.encode, (*MACHINE, *BOOT_OPTIONS)), kernel.image.read_bytes(), initramfs)
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def _boot(directory: Path, kernel: Package, initramfs: bytes) -> None:
    """Boot, look where the functions are, save; by rename, so that what is there is whole."""
    with unfinished(directory.parent) as place:
        if directory.is_dir():
            return
        (place / "initramfs").write_bytes(initramfs)
        arguments = [
            *("-S", "-kernel", str(kernel.image)),
            *("-initrd", str(place / "initramfs"), "-append", " ".join(BOOT_OPTIONS)),
        ]
        whole = place / "whole"
        whole.mkdir()
        with Guest(arguments) as guest:
            try:
                guest.gdb.greet()
                stage = Stage(guest.gdb, guest.agent, Symbols(""))
                stage.hear(f"{READY}\n")
                functions = stage.do(f"grep -F '[{MODULE}]' /proc/kallsyms")
                stage.stop()
                guest.save(whole / STATE)
            except (GuestError, GdbError) as error:
                said = guest.console().strip().splitlines()[-1:]
                raise GuestError(f"{error}; the kernel's last line: {said[0] if said else 'none'}") from error
        (whole / SYMBOLS).write_text(functions)
        whole.rename(directory)
