"""The system calls that Python does not have, by ctypes, which gives up the GIL while they block.

(``fcntl.ioctl`` keeps the GIL where its buffer is larger than 1,024 bytes, and a gate that has to answer
could wait for it.)
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
MS_NOSUID, MS_NODEV, MS_NOATIME = 2, 4, 1024
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
SYNC_FILE_RANGE_WRITE = 2
SYS_CACHESTAT = 451

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
_libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]


def _checked(answer: int, what: str) -> int:
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return answer


def ioctl(fd: int, request: int, data: bytearray | int = 0) -> int:
    """One ioctl; ``data`` is changed in place, or is the argument itself.  Raises OSError."""
    if isinstance(data, int):
        argument = ctypes.c_void_p(data)
    else:
        argument = ctypes.cast((ctypes.c_char * len(data)).from_buffer(data), ctypes.c_void_p)
    return _checked(_libc.ioctl(fd, request, argument), f"ioctl {request:#x}")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system.  Raises OSError."""
    answer = _libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode())
    _checked(answer, f"mount {kind} on {target}")


def umount(target: str, flags: int = 0) -> None:
    """Unmount what is mounted on ``target``, a directory.  Raises OSError."""
    _checked(_libc.umount2(target.encode(), flags), f"umount {target}")


def unshare(flags: int) -> None:
    """Give this process namespaces of its own, as ``flags`` say.  Raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def die_with_parent(parent: int) -> None:
    """Have this process killed when ``parent`` ends, or now if it has ended already.  Raises OSError."""
    _checked(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def start_writeback(fd: int) -> None:
    """Begin to write the dirty pages of a file back, and wait for none.  Raises OSError."""
    _checked(_libc.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), "sync_file_range")


def pages_in_writeback(fd: int) -> int:
    """How many pages of a file are being written back; 0 where the kernel does not tell (before 6.5).

    Raises OSError.
    """
    everything, found = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
    answer = _libc.syscall(SYS_CACHESTAT, fd, everything, found, 0)
    if answer < 0 and ctypes.get_errno() == errno.ENOSYS:
        return 0
    _checked(answer, "cachestat")
    _cached, _dirty, in_writeback, *_evicted = found
    return int(in_writeback)
