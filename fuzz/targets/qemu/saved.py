"""The booted machine as a file, made once for each kernel, QEMU and user space."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.targets.qemu.cache import unfinished
from fuzz.targets.qemu.errors import QemuError
from fuzz.targets.qemu.guest import BOOT_OPTIONS, MACHINE, Guest, GuestError, qemu
from fuzz.targets.qemu.initramfs import READY, build
from fuzz.targets.qemu.package import Package
from fuzz.targets.qemu.stage import Stage
from fuzz.targets.qemu.symbols import Symbols

STATE, SYMBOLS = "state", "kallsyms"
"""Files of a saved machine."""
LINES = 1
"""How many lines the agent has run when the machine is saved; it runs none of the same number again."""
MODULE = "btrfs"
"""The module whose functions tasks are held at."""
SPINNING = ("mutex_spin_on_owner", "rwsem_spin_on_owner", "osq_lock")
"""Functions of the kernel in which a task waits for another one that runs, or is held, without sleeping."""
KALLSYMS = f"grep -E -A 1 '[[]{MODULE}[]]| ({'|'.join(SPINNING)})$' /proc/kallsyms | grep -v ^--"
"""The command that lists where these are, with the symbol after each."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved machine, where its functions are, the release of its kernel, and how many lines it has run."""

    state: Path
    symbols: Symbols
    release: str
    lines: int = LINES

    def guest(self) -> Guest:
        """A fresh copy of it.  The machine stands still until it is resumed."""
        return Guest(["-S", "-incoming", f"exec:cat < {shlex.quote(str(self.state))}"])


def saved(cache: Path, kernel: Package) -> Saved:
    """The machine in the cache; booted now, if it is not there.  Raises MissingError, GuestError."""
    initramfs = build(kernel)
    directory = cache / f"{kernel.release}-{_key(kernel, initramfs)}"
    if not directory.is_dir():
        _boot(directory, kernel, initramfs)
    return Saved(directory / STATE, Symbols((directory / SYMBOLS).read_text()), kernel.release)


def prepared(machine: Saved, lines: Sequence[str]) -> Saved:
    """The machine as it is when it has run these lines of shell; made now, if it is not in the cache.

    Raises QemuError.
    """
    before = machine.state.parent
    key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    after = Saved(
        before.with_name(f"{before.name}-{key}") / STATE,
        machine.symbols,
        machine.release,
        machine.lines + len(lines),
    )
    if not after.state.parent.is_dir():
        with unfinished(before.parent) as place:
            if not after.state.parent.is_dir():
                _prepare(machine, lines, place, after.state.parent)
    return after


def _prepare(machine: Saved, lines: Sequence[str], place: Path, directory: Path) -> None:
    whole = place / "whole"
    whole.mkdir()
    with machine.guest() as guest:
        guest.wait_restored()
        guest.gdb.greet()
        stage = Stage(guest.gdb, guest.agent, machine.symbols, machine.lines)
        for line in lines:
            stage.do(line)
        stage.stop()
        guest.save(whole / STATE)
    whole.rename(directory)


def _key(kernel: Package, initramfs: bytes) -> str:
    """A key that is equal for machines that can stand in for each other."""
    version = subprocess.run(  # noqa: S603 - the emulator
        [qemu(), "--version"], capture_output=True, check=True
    ).stdout
    parts = (
        version,
        *map(str.encode, (*MACHINE, *BOOT_OPTIONS, KALLSYMS)),
        kernel.image.read_bytes(),
        initramfs,
    )
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
                functions = stage.do(KALLSYMS)
                stage.stop()
                guest.save(whole / STATE)
            except QemuError as error:
                said = guest.console().strip().splitlines()[-1:]
                raise GuestError(f"{error}; the kernel's last line: {said[0] if said else 'none'}") from error
        (whole / SYMBOLS).write_text(functions)
        whole.rename(directory)
