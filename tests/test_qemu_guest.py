"""What a guest is made of, and that it dies with its parent; no emulator is started in here."""

from __future__ import annotations

import io
import os
import resource
import signal
import stat
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from fuzz.targets.qemu import initramfs, lifeline
from fuzz.targets.qemu.cache import default_cache, unfinished
from fuzz.targets.qemu.cpio import Entry, archive, character_device, file, link
from fuzz.targets.qemu.package import MissingError, Package, depends, find

HEADER = 110
"""Bytes of a member of an archive before its name: 6, and 13 numbers of 8."""
PARENT = """
import os, subprocess, sys, time
command = [sys.executable, "-I", "-S", sys.argv[1], sys.argv[2] or str(os.getpid()), "7", "sleep", "60"]
print(subprocess.Popen(command).pid, flush=True)
time.sleep(60)
"""
RELEASE = "6.1.0-{}-cloud-amd64"


def members(data: bytes) -> list[tuple[str, int, bytes, tuple[int, int]]]:
    """Name, mode, content and device of each member, read as the kernel's documentation has the format."""
    found: list[tuple[str, int, bytes, tuple[int, int]]] = []
    place = 0
    while True:
        assert data[place : place + 6] == b"070701"
        assert place % 4 == 0
        numbers = [int(data[place + 6 + 8 * n : place + 14 + 8 * n], 16) for n in range(13)]
        _, mode, uid, gid, _, mtime, size, _, _, major, minor, length, check = numbers
        assert (uid, gid, mtime, check) == (0, 0, 0, 0)
        name = data[place + HEADER : place + HEADER + length]
        assert name.endswith(b"\0")
        start = -(-(place + HEADER + length) // 4) * 4
        if name == b"TRAILER!!!\0":
            assert not data[start:]
            return found
        found.append((name[:-1].decode(), mode, data[start : start + size], (major, minor)))
        place = -(-(start + size) // 4) * 4


def test_an_archive_can_be_read_back() -> None:
    """If a length or a padding were wrong, the kernel would find no init and stop."""
    entries = [
        file("bin/tool", b"12345", executable=True),
        link("bin/sh", "tool"),
        character_device("dev/console", 5, 1),
        file("empty", b""),
    ]
    read = members(archive(entries))
    assert [name for name, *_ in read] == ["bin", "bin/sh", "bin/tool", "dev", "dev/console", "empty"]
    assert [stat.filemode(mode) for _, mode, *_ in read] == [
        *("drwxr-xr-x", "lrwxrwxrwx", "-rwxr-xr-x", "drwxr-xr-x", "crw-------", "-rw-r--r--"),
    ]
    assert [content for _, _, content, _ in read] == [b"", b"tool", b"12345", b"", b"", b""]
    assert read[4][3] == (5, 1)


def test_equal_files_give_equal_archives() -> None:
    """If the order mattered, a saved machine would be booted again for nothing."""
    entries = [file("b", b"1"), file("a/b", b"2")]
    assert archive(entries) == archive(reversed(entries))
    with pytest.raises(ValueError, match="a/b is twice"):
        archive([*entries, Entry("a/b", 0)])


def module(path: Path, *needed: str) -> None:
    """A kernel module that needs others, as far as anybody here looks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF\0license=GPL\0depends=" + ",".join(needed).encode() + b"\0name=x\0")


def test_modules_come_behind_what_they_need(tmp_path: Path) -> None:
    """If one came before, its symbols would be unknown, and the guest had no file system."""
    module(tmp_path / "fs" / "btrfs.ko", "raid6-pq", "xor")
    module(tmp_path / "lib" / "raid6_pq.ko", "base")
    module(tmp_path / "lib" / "base.ko")
    module(tmp_path / "lib" / "xor.ko", "base")
    module(tmp_path / "lib" / "other.ko")
    kernel = Package("6.1", tmp_path / "vmlinuz", tmp_path)
    assert [path.name for path in kernel.module_order(["btrfs", "base"])] == [
        *("base.ko", "raid6_pq.ko", "xor.ko", "btrfs.ko"),
    ]
    assert depends(b"nothing") == []
    with pytest.raises(MissingError, match="has no module zoo"):
        kernel.module_order(["zoo"])


def packaged(cache: Path, abi: int, *names: str) -> Path:
    """A package that is unpacked already, with these files."""
    path = cache / f"linux-image-{RELEASE.format(abi)}_6.1.{abi}-1_amd64.deb"
    path.touch()
    for name in names:
        place = cache / path.stem / name.format(RELEASE.format(abi))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return path


def test_the_newest_package_is_taken(tmp_path: Path) -> None:
    """If they were ordered as text, 9 would be newer than 56."""
    files = ("boot/vmlinuz-{}", "lib/modules/{}/btrfs.ko")
    for abi in (9, 56, 47):
        packaged(tmp_path, abi, *files)
    (tmp_path / "linux-image-6.12.0-99-cloud-amd64_1_amd64.deb").touch()
    assert find(tmp_path, None).release == RELEASE.format(56)
    assert find(tmp_path, packaged(tmp_path, 47, *files)).release == RELEASE.format(47)


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    """If it were not, one would have to read this to know what to install."""
    with pytest.raises(MissingError, match=r"^no kernel package .*apt-get download .*$"):
        find(tmp_path, None)
    with pytest.raises(MissingError, match=r"^\S+none.deb: there is no such package$"):
        find(tmp_path, tmp_path / "none.deb")
    with pytest.raises(MissingError, match=r"has no boot/vmlinuz-\S+: take another package"):
        find(tmp_path, packaged(tmp_path, 3, "lib/modules/{}/btrfs.ko"))


def deb(*members: tuple[str, bytes]) -> bytes:
    """An archive as Debian packages are."""
    whole = b"!<arch>\n"
    for name, content in members:
        whole += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        whole += b"\n" * (len(content) % 2)
    return whole


def test_a_package_is_unpacked(tmp_path: Path) -> None:
    """If a member of odd length were passed over wrongly, no package could be read."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as tar:
        for name in ("boot/vmlinuz-{}", "lib/modules/{}/btrfs.ko"):
            tar.addfile(tarfile.TarInfo(f"./{name.format(RELEASE.format(1))}"), io.BytesIO())
    path = tmp_path / f"linux-image-{RELEASE.format(1)}_1_amd64.deb"
    path.write_bytes(
        deb(("debian-binary", b"2.0"), ("control.tar.xz", b"x"), ("data.tar.xz", packed.getvalue()))
    )
    kernel = find(tmp_path, None)
    assert kernel.image.is_file()
    assert [file.name for file in kernel.modules.iterdir()] == ["btrfs.ko"]
    assert not (tmp_path / ".unfinished").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no archive", "it is no Debian package"),
        (deb(("data.tar.gz", b"")), "it has no data.tar.xz"),
        (deb(("data.tar.xz", b"12")), "cannot be unpacked"),
        (deb(("data.tar.xz", b"")), "cannot be unpacked"),
        (deb(("data.tar.xz", b"")).replace(b"0         `", b"no number `"), "cannot be unpacked"),
    ],
)
def test_a_package_that_is_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """If half of it stayed, it would be taken for a kernel the next time."""
    path = tmp_path / f"linux-image-{RELEASE.format(1)}_1_amd64.deb"
    path.write_bytes(content)
    with pytest.raises(MissingError, match=said):
        find(tmp_path, path)
    assert not (tmp_path / path.stem).exists()


def test_a_tool_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If the package were not named, nobody would find busybox-static."""
    monkeypatch.setattr(initramfs, "TOOLS", {"no-such-tool": "its-package"})
    for name in initramfs.MODULES:
        module(tmp_path / f"{name}.ko")
    with pytest.raises(MissingError, match="no no-such-tool for the guest: apt-get install its-package"):
        initramfs.build(Package("6.1", tmp_path / "vmlinuz", tmp_path))


def test_what_was_left_unfinished_is_removed(tmp_path: Path) -> None:
    """If it stayed, each kill would leave some hundred MB behind."""
    with unfinished(tmp_path) as place:
        (place / "big").touch()
    assert not place.exists()
    place.mkdir()
    (place / "left").touch()
    with unfinished(tmp_path) as again:
        assert list(again.iterdir()) == []


def test_the_cache_is_where_the_user_has_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were in the checkout, it would be committed some day."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert default_cache() == Path("/caches/bgfuzz")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "bgfuzz"


def started(parent: str = "") -> tuple[subprocess.Popen[str], int]:
    """A parent with a program on a lifeline, and the program's process."""
    outer = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-c", PARENT, lifeline.__file__, parent], stdout=subprocess.PIPE, text=True
    )
    assert outer.stdout is not None
    return outer, int(outer.stdout.readline())


def name_of(process: int) -> str:
    """What a process runs; empty if it has ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    name, _, rest = state.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] == "Z" else name


def wait_for(process: int, *names: str) -> str:
    """Until a process runs one of these, for five seconds at most."""
    deadline = time.monotonic() + 5
    while name_of(process) not in names and time.monotonic() < deadline:
        time.sleep(0.01)
    return name_of(process)


def test_a_program_dies_with_its_parent() -> None:
    """If it did not, each kill would leave an emulator that runs for ever."""
    outer, inner = started()
    with outer:
        assert wait_for(inner, "sleep") == "sleep"
        assert resource.prlimit(inner, resource.RLIMIT_CPU) == (7, 7)
        outer.send_signal(signal.SIGKILL)
        assert wait_for(inner, "") == ""


def test_a_parent_that_died_before_is_noticed() -> None:
    """If it were not, a kill between fork and prctl would leave an emulator."""
    outer, inner = started(str(os.getpid()))
    with outer:
        assert wait_for(inner, "", "sleep") == ""
        outer.kill()
