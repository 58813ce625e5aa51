"""What can be drawn: everything, the plain first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from math import prod
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from fuzz.machine import BlockGroupMachine
from fuzz.machines import MACHINES
from models.geometry import MAX_DATA_BLOCKS, File, FileKind, Geometry
from models.operations import OPERATIONS, Allocate, Commit, CreateBg, Operation, StartNocowDio
from models.world import World
from strategies.geometries import FILE_BLOCKS, FILES, GROUPS, SPARE_CHUNKS, geometries
from strategies.operations import (
    ARGUMENTS,
    IN_HANDLE,
    POSITIONS,
    Drawn,
    Resumed,
    choices,
    drawn,
    pools,
    resumed,
)

T = TypeVar("T")

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
        assert 1 <= len(geometry.files) <= FILES + geometry.groups * geometry.group_blocks // FILE_BLOCKS
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
    assert {len(geometry.files) for geometry in drawn} >= set(range(1, FILES + 1))
    assert {file.kind for geometry in drawn for file in geometry.files} == set(FileKind)
    full = [g for g in drawn if sum(file.blocks for file in g.files) == g.groups * g.group_blocks]
    assert 0 < len(full) < len(drawn)


def test_every_field_of_an_operation_has_a_known_name() -> None:
    """If a field's name were known nowhere, it would never be drawn, or stay a position in the trace."""
    names = {
        field.name
        for kind in OPERATIONS
        for field in fields(kind)  # type: ignore[arg-type]
        if field.name not in kind.drawn
    }
    assert names - ARGUMENTS.keys() == {"submitter"}, "the machine takes that from the bio"
    assert ARGUMENTS.keys() <= names


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.name)
def test_values_of_its_own_are_those_of_a_field(kind: type[Operation]) -> None:
    """If a name in ``drawn`` were misspelt, the operation would be drawn with what all others have."""
    assert kind.drawn.keys() <= {field.name for field in fields(kind)}  # type: ignore[arg-type]
    assert all(kind.drawn.values())


def values_of(kind: type[Operation]) -> dict[str, Sequence[Any]]:
    """What its fields may be."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return {n: kind.drawn.get(n, ARGUMENTS.get(n, ())) for n in names if n in {**ARGUMENTS, **kind.drawn}}


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.name)
def test_the_simplest_of_each_operation(kind: type[Operation]) -> None:
    """If an operation shrank to a stopped one or a later position, reproducers would be harder to read."""
    lowest = {name: values[0] for name, values in values_of(kind).items()}
    in_handle = IN_HANDLE.get(kind, (False,))[0]
    assert drawn(kind)[0] == Drawn(kind(**lowest), None, in_handle)


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.name)
def test_every_operation_can_stop_at_each_of_its_points_or_nowhere(kind: type[Operation]) -> None:
    """If a point could not be drawn, no schedule through it would ever be tried."""
    every = drawn(kind)
    assert all(isinstance(choice.operation, kind) for choice in every)
    stops = Counter(choice.until for choice in every)
    assert set(stops) == {None, *kind.points}
    assert len(every) > 1, "what is no choice is simpler than any choice"
    assert stops[None] >= len(every) / 2, "half of them run through"
    assert len({stops[point] for point in kind.points}) <= 1


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.name)
def test_arguments_cover_their_ranges(kind: type[Operation]) -> None:
    """If a size or position were missing, two writers of one block or a spill-over might never meet."""
    ranges = values_of(kind)
    operations = {choice.operation for choice in drawn(kind)}
    assert len(operations) == prod(map(len, ranges.values()))
    for name, values in ranges.items():
        assert {getattr(operation, name) for operation in operations} == set(values)


def test_a_focus_is_where_tasks_stop_most() -> None:
    """If it were not, the window of a race would be one point among forty."""
    stops = Counter(choice.until for choice in drawn(Commit, focus=("dirty_bgs", "unlock_extent")))
    assert set(stops) == {None, *Commit.points}
    assert stops["dirty_bgs"] > sum(stops[point] for point in Commit.points if point != "dirty_bgs")
    assert stops[None] == sum(stops[point] for point in Commit.points)


def test_what_is_seldom_is_drawn_less_often() -> None:
    """If it were drawn as often, every third step would be a crash, and no case would get anywhere."""
    kinds = [pool[0] for pool in pools(Commit, Allocate, seldom=(Allocate,))]
    of = Counter(type(choice.operation) for choice in kinds if isinstance(choice, Drawn))
    assert of[Commit] > of[Allocate] == 1
    assert sum(isinstance(choice, Resumed) for choice in kinds) == of[Commit]


def test_files_are_as_long_as_a_block_group_and_writes_are_not() -> None:
    """If nothing spilled over into a second block group, an allocation would be one extent always."""
    assert {choice.operation for choice in drawn(Allocate)} == {Allocate(blocks) for blocks in (1, 2, 3, 4)}
    writes = {choice.operation for choice in drawn(StartNocowDio)}
    assert len(writes) == 2 * POSITIONS * POSITIONS


@pytest.mark.parametrize("kind", [CreateBg, Allocate, Commit])
def test_with_and_without_a_handle(kind: type[Operation]) -> None:
    """If one were missing, nobody would allocate or commit inside (or outside) an open transaction."""
    handles = Counter(choice.in_handle for choice in drawn(kind))
    assert handles[False] == handles[True] > 0


def test_resuming_names_any_task_and_any_stop() -> None:
    """If resumed tasks could not stop again, races that need two preemptions of one task would be lost."""
    every = resumed()
    assert every[0] == Resumed(0, None)
    assert {choice.position for choice in every} == set(range(POSITIONS))
    assert {choice.point for choice in every} == {None, *range(max(len(kind.points) for kind in OPERATIONS))}
    assert sum(choice.point is None for choice in every) == len(every) / 2


@pytest.mark.parametrize("machine", MACHINES)
def test_what_happens_next_is_any_of_them(machine: type[BlockGroupMachine]) -> None:
    """If a kind were missing from the choices, its strategy would not be used; resuming is the simplest."""
    strategy = choices(*machine.operations)
    every = drawn_from(strategy, 1500)
    kinds = {type(choice.operation) for choice in every if isinstance(choice, Drawn)}
    assert kinds == set(machine.operations)
    assert simplest(strategy) == Resumed(0, None)


def test_resuming_is_as_likely_as_an_operation() -> None:
    """If it were rarer, paused tasks would stay paused; if it were most of a case, none would begin."""
    every = drawn_from(choices(*OPERATIONS), 1500)
    share = sum(isinstance(choice, Resumed) for choice in every) / len(every)
    assert 0.5 < share * (len(OPERATIONS) + 1) < 3


def test_a_choice_is_of_any_pool() -> None:
    """If the tests' random cases were drawn from something else, they would say nothing of the search."""
    every = [choice for pool in pools(*OPERATIONS) for choice in pool]
    assert set(drawn_from(choices(*OPERATIONS), 1000)) <= set(every)
    assert pools(Commit) == [resumed(), drawn(Commit)]
