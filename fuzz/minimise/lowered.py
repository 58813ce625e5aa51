"""Lower numbers: in the arguments of an operation, and in the geometry of a file system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise

from fuzz.case import Case
from fuzz.minimise.size import FIRST_GROUP, LEAST, LEAST_GROUP_BLOCKS
from models.geometry import File, FileKind, Geometry
from models.operations import CompleteBio, Operation


def lower_operations(operation: Operation) -> Iterator[Operation]:
    """The operation with one of its numbers lower, or an earlier one of the names that are drawn."""
    for field in fields(operation):  # type: ignore[arg-type]
        value, drawn = getattr(operation, field.name), operation.drawn.get(field.name, ())
        if isinstance(value, int):
            lower: list[object] = list(range(LEAST.get(field.name, 0), value))
        else:
            lower = list(drawn[: drawn.index(value)]) if value in drawn else []
        for less in lower:
            yield replace(operation, **{field.name: less})  # type: ignore[type-var]


def lower_geometries(geometry: Geometry) -> Iterator[Geometry]:
    """With one number lower, a file less, or a plainer one; and fewer block groups with what fits in them."""
    for files in (geometry.files, *_lower_files(geometry.files)):
        for groups in range(1, geometry.groups + 1):
            fits = sum(file.blocks for file in files) <= groups * geometry.group_blocks
            if fits and (groups, files) != (geometry.groups, geometry.files):
                yield replace(geometry, groups=groups, files=files)
    need = sum(file.blocks for file in geometry.files)
    for blocks in range(LEAST_GROUP_BLOCKS, geometry.group_blocks):
        if need <= geometry.groups * blocks:
            yield replace(geometry, group_blocks=blocks)
    for spare in range(geometry.spare_chunks):
        yield replace(geometry, spare_chunks=spare)


def _lower_files(files: tuple[File, ...]) -> Iterator[tuple[File, ...]]:
    for index, file in enumerate(files):
        before, after = files[:index], files[index + 1 :]
        if len(files) > 1:
            yield before + after
        for blocks in range(1, file.blocks):
            yield (*before, File(file.kind, blocks), *after)
        if file.kind is not FileKind.NODATACOW:
            yield (*before, File(FileKind.NODATACOW, file.blocks), *after)


def full_geometries(geometry: Geometry) -> Iterator[Geometry]:
    """With smaller block groups and one smaller file, which fills as much of them as it did."""
    for blocks in range(LEAST_GROUP_BLOCKS, geometry.group_blocks):
        less = geometry.group_blocks - blocks
        for index, file in enumerate(geometry.files):
            if file.blocks > less:
                cut = (*geometry.files[:index], File(file.kind, file.blocks - less))
                files = (*cut, *geometry.files[index + 1 :])
                if sum(f.blocks for f in files) <= geometry.groups * blocks:
                    yield replace(geometry, group_blocks=blocks, files=files)


def without_first(case: Case) -> Iterator[Case]:
    """Without the first file, the first block group, or both; what remains moves down by one."""
    geometry = case.geometry
    for groups, files in ((1, 0), (0, 1), (1, 1)):
        steps = tuple(
            replace(step, operation=_moved_down(step.operation, groups, files)) for step in case.steps
        )
        left = geometry.files[files:]
        fits = sum(file.blocks for file in left) <= (geometry.groups - groups) * geometry.group_blocks
        if geometry.groups > groups and left and fits:
            yield Case(replace(geometry, groups=geometry.groups - groups, files=left), steps)


def joined_files(case: Case) -> Iterator[Case]:
    """With two files that lie side by side as one; those behind them move down by one."""
    files = case.geometry.files
    for index, (file, other) in enumerate(pairwise(files)):
        one = File(file.kind, file.blocks + other.blocks)
        geometry = replace(case.geometry, files=(*files[:index], one, *files[index + 2 :]))
        steps = tuple(replace(s, operation=_joined(s.operation, index, file.blocks)) for s in case.steps)
        yield Case(geometry, steps)


def _joined(operation: Operation | None, index: int, blocks: int) -> Operation | None:
    """The operation on the same blocks where file ``index`` of ``blocks`` blocks and the next one are one."""
    number = getattr(operation, "file", 0)
    if operation is None or number <= index:
        return operation
    names = {"file": number - 1}
    if number == index + 1 and hasattr(operation, "block"):
        names["block"] = operation.block + blocks
    return replace(operation, **names)  # type: ignore[type-var]


def _moved_down(operation: Operation | None, groups: int, files: int) -> Operation | None:
    """The operation with its block group and file numbers that much lower."""
    if operation is None or isinstance(operation, CompleteBio):
        return operation
    names = {f.name: getattr(operation, f.name) for f in fields(operation)}  # type: ignore[arg-type]
    if "group" in names:
        names["group"] = max(FIRST_GROUP, names["group"] - groups)
    if "file" in names:
        names["file"] = max(0, names["file"] - files)
    return replace(operation, **names)  # type: ignore[type-var]
