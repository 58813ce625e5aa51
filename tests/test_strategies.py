"""What can be drawn: everything, the plain first."""

from __future__ import annotations

from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from models.geometry import MAX_DATA_BLOCKS, File, FileKind, Geometry
from models.operations import OPERATIONS, Allocate, CompleteBio, Operation, Relocate, StartNocowDio
from models.world import World
from strategies.geometries import FILE_BLOCKS, FILES, GROUPS, SPARE_CHUNKS, geometries
from strategies.operations import POSITIONS, Drawn, Resumed, choices, operations, resumptions

T = TypeVar("T")

PLAIN = {
    "allocate": Allocate(1),
    "start-nocow-dio": StartNocowDio(0, 0, 1),
    "relocate": Relocate(0),
    "complete-bio": CompleteBio(index=0),
}
QUIET = settings(
    max_examples=3000,
    database=None,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def simplest(strategy: st.SearchStrategy[T]) -> T:
    """What the strategy shrinks to when nothing is asked of it."""
    return find(strategy, lambda _: True, settings=settings(database=None, derandomize=True))


def drawn_from(strategy: st.SearchStrategy[T], examples: int = 3000) -> list[T]:
    """Many draws, the same every time."""
    seen: list[T] = []

    @settings(QUIET, max_examples=examples)
    @given(strategy)
    def draw(value: T) -> None:
        seen.append(value)

    draw()
    return seen


def test_the_simplest_geometry() -> None:
    """If shrinking led elsewhere, reproducers would have block groups and files that nobody needs."""
    assert simplest(geometries()) == Geometry(1, 4, 1, (File(FileKind.NODATACOW, 4),))


def test_geometries_are_within_their_limits_and_can_be_mounted() -> None:
    """If an invalid one were drawn, the case would die in mkfs and be counted as a failure."""
    for geometry in drawn_from(geometries(), 300):
        assert geometry.groups <= GROUPS
        assert 1 <= len(geometry.files) <= FILES
        assert 1 <= geometry.spare_chunks <= SPARE_CHUNKS
        assert all(1 <= file.blocks <= FILE_BLOCKS for file in geometry.files)
        assert geometry.groups * geometry.group_blocks <= MAX_DATA_BLOCKS
        World(geometry).finish()


def test_geometries_differ_in_everything() -> None:
    """If a dimension were stuck, whole races (no space, several groups) would be out of reach."""
    drawn = drawn_from(geometries(), 600)
    assert {geometry.groups for geometry in drawn} == set(range(1, GROUPS + 1))
    assert {geometry.group_blocks for geometry in drawn} == {4, 8}
    assert {geometry.spare_chunks for geometry in drawn} == set(range(1, SPARE_CHUNKS + 1))
    assert {len(geometry.files) for geometry in drawn} == set(range(1, FILES + 1))
    assert {file.kind for geometry in drawn for file in geometry.files} == set(FileKind)
    full = [g for g in drawn if sum(file.blocks for file in g.files) == g.groups * g.group_blocks]
    assert 0 < len(full) < len(drawn)


def test_there_is_a_strategy_for_every_operation() -> None:
    """If an operation had none, it would never be fuzzed."""
    assert sorted(operations()) == sorted(operation.name for operation in OPERATIONS)


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.name)
def test_the_simplest_of_each_operation(kind: type[Operation]) -> None:
    """If an operation shrank to a stopped one or a later position, reproducers would be harder to read."""
    plain = PLAIN.get(kind.name, kind())
    assert simplest(operations()[kind.name]) == Drawn(plain, None, kind.name == "end-transaction")


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.name)
def test_every_operation_can_stop_at_each_of_its_points_or_nowhere(kind: type[Operation]) -> None:
    """If a point could not be drawn, no schedule through it would ever be tried."""
    drawn = drawn_from(operations()[kind.name])
    assert all(isinstance(choice.operation, kind) for choice in drawn)
    stops = [choice.until for choice in drawn]
    assert set(stops) == {None, *kind.points}
    assert 0.35 < stops.count(None) / len(stops) < 0.65, "half of them run through"


def test_arguments_cover_their_ranges() -> None:
    """If a size or position were missing, two writers of one block or a spill-over might never meet."""
    sizes = {
        d.operation.blocks for d in drawn_from(operations()["allocate"]) if isinstance(d.operation, Allocate)
    }
    assert sizes == {1, 2, 3, 4}
    writes = {d.operation for d in drawn_from(operations()["start-nocow-dio"])}
    assert len(writes) == 2 * POSITIONS * POSITIONS
    assert {d.operation for d in drawn_from(operations()["relocate"])} == {
        Relocate(n) for n in range(POSITIONS)
    }


@pytest.mark.parametrize("name", ["allocate", "commit"])
def test_with_and_without_a_handle(name: str) -> None:
    """If one were missing, nobody would allocate or commit inside (or outside) an open transaction."""
    assert {choice.in_handle for choice in drawn_from(operations()[name], 200)} == {False, True}


def test_resuming_names_any_task_and_any_stop() -> None:
    """If resumed tasks could not stop again, races that need two preemptions of one task would be lost."""
    drawn = drawn_from(resumptions())
    assert simplest(resumptions()) == Resumed(0, None)
    assert {choice.position for choice in drawn} == set(range(POSITIONS))
    assert None in {choice.point for choice in drawn}
    assert len({choice.point for choice in drawn}) > 1


def test_what_happens_next_is_any_of_them() -> None:
    """If a kind were missing from the choices, its strategy would not be used; resuming is the simplest."""
    drawn = drawn_from(choices(), 1500)
    kinds = {choice.operation.name for choice in drawn if isinstance(choice, Drawn)}
    assert kinds == {operation.name for operation in OPERATIONS}
    assert simplest(choices()) == Resumed(0, None)
    resumed = sum(isinstance(choice, Resumed) for choice in drawn)
    assert 0.15 < resumed / len(drawn) < 0.5
