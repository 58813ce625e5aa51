"""The guest's whole user space: busybox, the btrfs tools of this machine, a few modules, and an agent.

There is no disk.  The block device is a RAM disk of the guest (``brd``), so a saved machine is one file.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz.targets.qemu.cpio import Entry, archive, character_device, directory, file
from fuzz.targets.qemu.package import MissingError, Package

MODULES = ("brd", "crc32c_intel", "btrfs")
"""The modules to load, in this order, each after those that it needs."""
DISK_KIB = 128 << 10
"""Of the RAM disk; pages that were never written take no memory."""
TASKS = "tasks"
"""Where the output of the tasks of a trace goes."""
READY = "agent ready"
"""What the agent says when all is loaded."""
TOOLS = {"busybox": "busybox-static", "btrfs": "btrfs-progs", "mkfs.btrfs": "btrfs-progs"}
"""Programs that the guest has from this machine, and the Debian packages that they are in."""
DLOPENED = "libgcc_s.so.1"
"""A library that the C library loads by itself, from where it is, when a thread is cancelled (by scrub)."""
LIBRARY = re.compile(r"(/\S+) \(0x")
"""In a line of ldd: where a shared library is."""

LOST = "lost"
"""What the agent says instead of an exit code when a line did not come whole."""

INIT = f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
echo 1 > /proc/sys/kernel/printk
# A task that waits for a held one is no complaint, however long.
echo 0 > /proc/sys/kernel/hung_task_timeout_secs
while read -r module; do
    case $module in
        */brd.ko) insmod $module rd_nr=1 rd_size={DISK_KIB} ;;
        *) insmod $module ;;
    esac || echo "cannot load $module"
done < /modules
sh /agent < /dev/ttyS1 > /dev/ttyS1 2>&1
"""
"""The first process.  Those whose parents are gone become its children, so it does nothing else.

When it did the agent's work, a task that ended interrupted it by SIGCHLD in the middle of that, and now and
then a part of a line, or a whole answer, was lost.
"""

AGENT = f"""stty raw -echo
echo "{READY}"
while read -r number length line; do
    if [ "${{#line}}" != "$length" ]; then
        printf '%s\\001 {LOST}\\n' "$number $length $line"
    elif [ "$number" != "$last" ]; then
        last=$number
        (eval "$line") < /dev/null 2>&1
        printf '\\001%s %s\\n' "$number" "$?"
    fi
done
"""
"""The agent: it runs each numbered line of the serial port, and after its output says how it ended.

The length of a line comes with it, so one that came in parts is not run.  One that is sent again is not run
twice.
"""

LOOK = """#!/bin/sh
flag=$1
shift
for directory; do
    for file in $directory/[0-9]*; do
        if [ -e $file ]; then
            echo "= $file"
            dd if=$file bs=4096 $flag 2> /dev/null | tr '\\000' '\\n' | uniq -c
        fi
    done
done
"""
"""``look FLAG DIRECTORY …``: the files of directories that have a number for a name, as lines and how often
each stands there; ``FLAG`` is for dd.  A zero byte counts as an empty line."""


def build(kernel: Package) -> bytes:
    """The archive.  Raises MissingError naming the tool that is not there."""
    modules = kernel.module_order(MODULES)
    names = [f"/lib/modules/{path.name}" for path in modules]
    return archive(
        [
            file("init", INIT.encode(), executable=True),
            file("agent", AGENT.encode()),
            file("bin/look", LOOK.encode(), executable=True),
            file("modules", "".join(f"{name}\n" for name in names).encode()),
            *(file(name.lstrip("/"), path.read_bytes()) for name, path in zip(names, modules, strict=True)),
            *_tools(),
            *(directory(path) for path in ("proc", "sys", "dev", "mnt", "tmp", TASKS)),
            character_device("dev/console", 5, 1),
        ]
    )


def _tools() -> Iterator[Entry]:
    paths = [_found(tool, package) for tool, package in TOOLS.items()]
    for path in paths:
        yield file(f"bin/{path.name}", path.read_bytes(), executable=True)
    libraries = {library for path in paths for library in shared_libraries(path)}
    beside = {str(Path(library).with_name(DLOPENED)) for library in libraries}
    libraries |= {library for library in beside if Path(library).is_file()}
    for library in sorted(libraries):
        yield file(library.lstrip("/"), Path(library).read_bytes(), executable=True)


def _found(tool: str, package: str) -> Path:
    path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if path is None:
        raise MissingError(f"no {tool} for the guest: apt-get install {package}")
    if tool == "busybox" and shared_libraries(Path(path)):
        raise MissingError(f"{path} needs shared libraries: apt-get install busybox-static")
    return Path(path)


def shared_libraries(program: Path) -> Sequence[str]:
    """The libraries that a program of this machine is loaded with, and its loader; none if it is static.

    Raises MissingError.
    """
    ldd = shutil.which("ldd")
    if ldd is None:
        raise MissingError("no ldd to find the libraries of the btrfs tools with: apt-get install libc-bin")
    run = subprocess.run(  # noqa: S603 - tells about a program that the guest will run
        [ldd, program], capture_output=True, text=True, check=False
    )
    return LIBRARY.findall(run.stdout)
