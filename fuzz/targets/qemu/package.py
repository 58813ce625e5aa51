"""The kernel under test: Debian's package of Linux 6.1 for clouds, unpacked and unchanged."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from io import SEEK_CUR, BytesIO
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO

from fuzz.targets.qemu.cache import unfinished

NAME = "linux-image-6.1.0-*-cloud-amd64"
FILE = re.compile(r"linux-image-(?P<release>6\.1\.0-(?P<abi>\d+)-cloud-amd64)_[^/]*\.deb")
DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
"""In the section .modinfo of a module: the modules that it needs, with commas between them."""

AR = b"!<arch>\n"
"""The first bytes of a Debian package."""
HEADER, NAME_END, SIZE = 60, 16, slice(48, 58)
"""The length of a member's header, and where in it the name ends and the size is."""


class MissingError(Exception):
    """Something has to be installed or fetched; the message is one line and says how."""


@dataclass(frozen=True, slots=True)
class Package:
    """A kernel: its release as ``uname -r`` has it, its image, and the directory with its modules."""

    release: str
    image: Path
    modules: Path

    def module_order(self, wanted: Iterable[str]) -> list[Path]:
        """The files of these modules, and before each what it needs.  Raises MissingError."""
        files = {path.stem.replace("-", "_"): path for path in sorted(self.modules.rglob("*.ko"))}
        order: dict[str, Path] = {}

        def load(name: str) -> None:
            if name in order:
                return
            if name not in files:
                raise MissingError(f"{self.modules} has no module {name}: take another package {NAME}")
            for needed in depends(files[name].read_bytes()):
                load(needed)
            order[name] = files[name]

        for name in wanted:
            load(name)
        return list(order.values())


def depends(module: bytes) -> list[str]:
    """The modules that a module needs, as it says, by their names with underscores."""
    found = DEPENDS.search(module)
    return [name.replace("-", "_") for name in found[1].decode().split(",") if name] if found else []


def find(cache: Path, asked: Path | None) -> Package:
    """The kernel of the package that was asked for, or of the newest in the cache; unpacked there.

    Raises MissingError.
    """
    if asked is not None and not asked.is_file():
        raise MissingError(f"{asked}: there is no such package")
    offered = [asked] if asked is not None else sorted(cache.glob("*.deb"), key=_age)
    packages = [path for path in offered if FILE.fullmatch(path.name)]
    if not packages:
        raise MissingError(
            f"no kernel package {NAME} in {asked or cache}; on Debian 12: mkdir -p {cache} && cd {cache} && "
            "apt-get download $(apt-cache pkgnames linux-image-6.1.0 | grep -- '-cloud-amd64$' | "
            "sort -V | tail -1)"
        )
    return _unpacked(packages[-1], cache)


def _age(path: Path) -> tuple[int, str]:
    found = FILE.fullmatch(path.name)
    return (int(found["abi"]) if found else -1, path.name)


def _unpacked(package: Path, cache: Path) -> Package:
    """Unpack a package, unless it is unpacked; by rename, so a directory that is there is whole."""
    found = FILE.fullmatch(package.name)
    assert found is not None
    directory = cache / package.stem
    if not directory.is_dir():
        _unpack(package, directory)
    release = found["release"]
    kernel = Package(
        release, directory / "boot" / f"vmlinuz-{release}", directory / "lib" / "modules" / release
    )
    for path in (kernel.image, kernel.modules):
        if not path.exists():
            raise MissingError(f"{package} has no {path.relative_to(directory)}: take another package {NAME}")
    return kernel


def _unpack(package: Path, directory: Path) -> None:
    with unfinished(directory.parent) as place:
        whole = place / "whole"
        try:
            with package.open("rb") as deb, tarfile.open(fileobj=_contents(deb), mode="r:xz") as tar:
                tar.extractall(whole, filter="data")
        except (tarfile.TarError, LZMAError, EOFError, ValueError) as error:
            raise MissingError(f"{package} cannot be unpacked: {error or 'it ends too soon'}") from error
        if not directory.is_dir():
            whole.rename(directory)


def _contents(deb: BinaryIO) -> BinaryIO:
    """What a package installs, as a compressed tar archive.

    Source: deb(5), ar(5).  A member begins at an even place.
    """
    if deb.read(len(AR)) != AR:
        raise tarfile.ReadError("it is no Debian package")
    while len(header := deb.read(HEADER)) == HEADER:
        name, size = header[:NAME_END].decode("ascii", "replace").strip(), int(header[SIZE])
        if name.rstrip("/") == "data.tar.xz":
            return BytesIO(deb.read(size))
        deb.seek(size + size % 2, SEEK_CUR)
    raise tarfile.ReadError("it has no data.tar.xz")
