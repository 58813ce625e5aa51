"""Who may know whom, by what the files say: models <- strategies <- fuzz, and the rooms inside models."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from models.operations import OPERATIONS
from models.reverts import catalogue

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("models", "strategies", "fuzz")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
BTRFS = [path for path in FILES if path.is_relative_to(ROOT / "models" / "btrfs")]
MODELS = [path for path in FILES if path.is_relative_to(ROOT / "models")]
MAY_KNOW = {
    "models": {"models"},
    "strategies": {"models", "strategies"},
    "fuzz": {"models", "strategies", "fuzz"},
}
UNREPRODUCIBLE = {"hypothesis", "pytest", "random", "time", "datetime", "secrets", "os", "uuid", "threading"}
"""What would make a case depend on more than its steps, or a model on the fuzzer."""
MARKERS = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")


def name_of(path: Path) -> str:
    """A file as pytest shows it."""
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that a file imports, anywhere in it, for types too."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def imports_any(path: Path, *packages: str) -> list[str]:
    """The imports that lie in one of these packages."""
    return sorted(
        name for name in imports_of(path) if any(f"{name}.".startswith(f"{package}.") for package in packages)
    )


def yielded_names(path: Path) -> Iterator[str]:
    """The literals of ``yield "name"``."""
    for node in ast.walk(parsed(path)):
        if (
            isinstance(node, ast.Yield)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.value.value


def test_there_are_files_to_look_at() -> None:
    """If a directory moved, every test below would pass on nothing."""
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PACKAGES)
    assert len(BTRFS) > 10
    assert imports_of(ROOT / "models" / "world.py") >= {"models.btrfs.mkfs", "models.reference"}
    assert imports_any(ROOT / "fuzz" / "machine.py", "strategies")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    """If a model knew a strategy, or a strategy the machine, neither could be used without the other."""
    package = path.relative_to(ROOT).parts[0]
    assert imports_any(path, *set(PACKAGES) - MAY_KNOW[package]) == []
    assert imports_any(path, "tests") == []


@pytest.mark.parametrize("path", MODELS, ids=name_of)
def test_models_import_nothing_that_changes_between_runs(path: Path) -> None:
    """If the model drew, read a clock or the environment, a program would not be a reproducer."""
    assert imports_any(path, *UNREPRODUCIBLE) == []


@pytest.mark.parametrize(
    "name", ["simulation.py", "locks.py", "target.py", "sctbench", "geometry.py", "operations", "reference"]
)
def test_these_know_nothing_of_btrfs(name: str) -> None:
    """If the scheduler or the reference knew the kernel model, it would share the mistakes of the model."""
    place = ROOT / "models" / name
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    assert files
    for file in files:
        assert imports_any(file, "models.btrfs", "models.syscalls", "models.world") == []


@pytest.mark.parametrize("path", BTRFS, ids=name_of)
def test_the_kernel_model_knows_nobody_who_judges_it(path: Path) -> None:
    """If the kernel model could ask its judges, agreeing with them would prove nothing."""
    judges = ("reference", "properties", "world", "reverts", "operations", "syscalls")
    assert imports_any(path, *(f"models.{judge}" for judge in judges)) == []


@pytest.mark.parametrize("path", BTRFS, ids=name_of)
def test_the_kernel_model_does_not_know_which_fixes_can_be_taken_out(path: Path) -> None:
    """If a room asked for a revert, the fixed model would have switches in it.  Docstrings may cite them."""
    prose = {node.value for node in ast.walk(parsed(path)) if isinstance(node, ast.Expr)}
    code = {
        str(value)
        for node in ast.walk(parsed(path))
        if node not in prose
        for value in (getattr(node, name, None) for name in ("id", "attr", "arg", "name", "value"))
    }
    words = [word for revert in catalogue() for word in (revert.id, revert.name)]
    words += [override.__name__ for revert in catalogue() for override in revert.overrides]
    assert [word for word in words if word in code] == []


def test_every_preemption_point_belongs_to_an_operation() -> None:
    """If no operation named a point of the model, no program could stop there."""
    named = {point for operation in OPERATIONS for point in operation.points}
    assert {name for path in BTRFS for name in yielded_names(path)} - named == set()


def test_every_point_of_an_operation_is_in_the_model() -> None:
    """If a point were misspelt, an operation told to stop there would run through in silence."""
    yielded = {name for path in MODELS for name in yielded_names(path)}
    missing = {op.name: sorted(set(op.points) - yielded) for op in OPERATIONS if set(op.points) - yielded}
    assert missing == {}


@pytest.mark.parametrize("path", MODELS, ids=name_of)
def test_points_are_literals(path: Path) -> None:
    """If a point were computed, the two tests above would not see it."""
    computed = [
        node.lineno
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.JoinedStr | ast.BinOp | ast.Name)
    ]
    assert computed == []


def test_no_operation_has_a_point_twice() -> None:
    """If a point were listed twice, half of the draws for it would be another's."""
    twice = [op.name for op in OPERATIONS if len(set(op.points)) != len(op.points)]
    assert twice == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    """If files and functions grew, nobody could check the model against the kernel."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno + 1 <= 60, node.name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_left_to_do(path: Path) -> None:
    """If such a mark were left, something that the file promises would be missing."""
    assert [marker for marker in MARKERS if marker in path.read_text(encoding="utf-8")] == []
