"""The FUSE protocol, as far as a file system of one file needs it.

Source: include/uapi/linux/fuse.h (v6.12), protocol 7.31 and later; the kernel speaks the older version of
the two that meet.
"""

from __future__ import annotations

import enum
import errno
import stat
import struct
from typing import NamedTuple

MAJOR, MINOR = 7, 31
MAX_WRITE = 128 * 1024
"""Bytes of one WRITE at most; with its headers it has to fit into one read of /dev/fuse."""
READ_SIZE = MAX_WRITE + 4096
ROOT, FILE = 1, 2
"""Node ids: the directory, and the one file in it."""
FILE_NAME = b"disk"
FOREVER = 1 << 30
"""Seconds for which the kernel may believe what it was told of a name or an attribute."""
ASYNC_READ, BIG_WRITES, ASYNC_DIO, MAX_PAGES = 1 << 0, 1 << 5, 1 << 15, 1 << 22
MAX_BACKGROUND = 1024
"""Requests in flight at most: a held one must not keep others from coming."""

IN_HEADER = struct.Struct("<IIQQIIIHH")
OUT_HEADER = struct.Struct("<IiQ")
ATTR = struct.Struct("<6Q10I")
ENTRY = struct.Struct("<4Q2I")
ATTR_OUT = struct.Struct("<QII")
INIT_IN = struct.Struct("<4I")
INIT_OUT = struct.Struct("<4I2H2I2HIIH22x")
OPEN_OUT = struct.Struct("<QII")
IO_IN = struct.Struct("<QQIIQII")
WRITE_OUT = struct.Struct("<II")
FALLOCATE_IN = struct.Struct("<QQQII")
STATFS_OUT = struct.Struct("<5Q4I24x")


class Opcode(enum.IntEnum):
    """What the kernel may ask of such a file system; all else is answered with ENOSYS."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    RELEASEDIR = 29
    ACCESS = 34
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    FALLOCATE = 43


UNANSWERED = frozenset({Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT})
"""Requests that have no reply in the protocol."""


class Request(NamedTuple):
    """One request: what is asked, of which node, and what comes with it."""

    opcode: int
    unique: int
    node: int
    body: bytes


class Io(NamedTuple):
    """What a READ, a WRITE or a FALLOCATE is about: ``size`` bytes from ``offset`` on, and the bytes."""

    offset: int
    size: int
    data: bytes = b""


def decode(message: bytes) -> Request:
    """A request as read from /dev/fuse.  Raises ValueError where its length is not what it says."""
    if len(message) < IN_HEADER.size:
        raise ValueError(f"a FUSE request of {len(message)} bytes has no header")
    length, opcode, unique, node, *_ = IN_HEADER.unpack_from(message)
    if length != len(message):
        raise ValueError(f"a FUSE request says that it has {length} bytes, and has {len(message)}")
    return Request(opcode, unique, node, message[IN_HEADER.size :])


def io_of(request: Request) -> Io:
    """The range of a READ, a WRITE or a FALLOCATE."""
    if request.opcode == Opcode.FALLOCATE:
        _, offset, size, _, _ = FALLOCATE_IN.unpack_from(request.body)
        return Io(offset, size)
    _, offset, size, *_ = IO_IN.unpack_from(request.body)
    data = request.body[IO_IN.size :] if request.opcode == Opcode.WRITE else b""
    return Io(offset, size, data)


def reply(unique: int, body: bytes = b"", error: int = 0) -> bytes:
    """An answer; ``error`` is an errno, and then there is no body."""
    if error:
        return OUT_HEADER.pack(OUT_HEADER.size, -error, unique)
    return OUT_HEADER.pack(OUT_HEADER.size + len(body), 0, unique) + body


def init_out(body: bytes) -> bytes:
    """The answer to INIT: many asynchronous requests at once, also for direct IO.

    Raises ValueError where the kernel speaks too old a protocol.
    """
    major, minor, readahead, offered, *_ = INIT_IN.unpack_from(body)
    if (major, minor) < (MAJOR, MINOR):
        raise ValueError(f"the kernel speaks FUSE {major}.{minor}, and {MAJOR}.{MINOR} is needed")
    flags = offered & (ASYNC_READ | BIG_WRITES | ASYNC_DIO | MAX_PAGES)
    pages = MAX_WRITE // 4096
    return INIT_OUT.pack(
        MAJOR, MINOR, readahead, flags, MAX_BACKGROUND, MAX_BACKGROUND, MAX_WRITE, 1, pages, 0, 0, 0, 0
    )


def attr(node: int, size: int) -> bytes:
    """The attributes of the directory or of the file, which has ``size`` bytes."""
    mode, links = (stat.S_IFDIR | 0o700, 2) if node == ROOT else (stat.S_IFREG | 0o600, 1)
    size = 0 if node == ROOT else size
    return ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)


def answer(request: Request, size: int) -> bytes | None:
    """The reply to a request that is no IO, for a file of ``size`` bytes; None if it has no reply."""
    if request.opcode in UNANSWERED:
        return None
    body, error = b"", 0
    match request.opcode:
        case Opcode.INIT:
            body = init_out(request.body)
        case Opcode.LOOKUP if request.body.rstrip(b"\0") == FILE_NAME:
            body = ENTRY.pack(FILE, 0, FOREVER, FOREVER, 0, 0) + attr(FILE, size)
        case Opcode.LOOKUP:
            error = errno.ENOENT
        case Opcode.GETATTR:
            body = ATTR_OUT.pack(FOREVER, 0, 0) + attr(request.node, size)
        case Opcode.OPEN | Opcode.OPENDIR:
            body = OPEN_OUT.pack(0, 0, 0)
        case Opcode.STATFS:
            body = STATFS_OUT.pack(size // 4096, 0, 0, 1, 0, 4096, 255, 4096, 0)
        case Opcode.RELEASE | Opcode.RELEASEDIR | Opcode.FLUSH | Opcode.ACCESS | Opcode.DESTROY:
            pass
        case _:
            error = errno.ENOSYS
    return reply(request.unique, body, error)
