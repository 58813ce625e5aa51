"""The archive that a Linux kernel unpacks as its first file system.

Source: Documentation/driver-api/early-userspace/buffer-format.rst, the "newc" format.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
ALIGNMENT = 4
"""Bytes that a header with its name, and a content, are padded to."""


class Entry(NamedTuple):
    """A file of the archive: its path from the root, its mode with the kind of file in it, and its content.

    The content of a symbolic link is where it leads; ``device`` is major and minor of a device node.
    """

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def file(path: str, content: bytes, *, executable: bool = False) -> Entry:
    """An ordinary file."""
    return Entry(path, stat.S_IFREG | (0o755 if executable else 0o644), content)


def link(path: str, leads_to: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, leads_to.encode())


def directory(path: str) -> Entry:
    """A directory."""
    return Entry(path, stat.S_IFDIR | 0o755)


def character_device(path: str, major: int, minor: int) -> Entry:
    """A device node, as the kernel's first console needs it before anything is mounted."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """The archive of these entries: the directories above them first, everything sorted by path.

    Equal entries give equal bytes: owner and time are 0.  Raises ValueError where a path stands twice.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.path in found:
            raise ValueError(f"{entry.path} is twice in the archive")
        found[entry.path] = entry
    for path in list(found):
        for above in PurePosixPath(path).parents:
            if str(above) != ".":
                found.setdefault(str(above), directory(str(above)))
    whole = b"".join(_member(number, found[path]) for number, path in enumerate(sorted(found), start=1))
    return whole + _member(0, Entry(TRAILER, 0))


def _member(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    fields = (
        number,
        entry.mode,
        0,  # uid
        0,  # gid
        1,  # links
        0,  # mtime
        len(entry.content),
        0,  # major of the device that it came from
        0,  # and minor
        *entry.device,
        len(name),
        0,  # checksum, in another format only
    )
    header = MAGIC + b"".join(b"%08X" % field for field in fields) + name
    return _padded(header) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)
