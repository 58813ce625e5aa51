"""Whether ``pytest fuzz/`` notices a wrong protocol: one changed statement in a copy of the tree, one run.

A mutant is killed by any search of the default profile, with one seed; nothing is shrunk.
"""

from __future__ import annotations

import compileall
import random
import shutil
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from subprocess import DEVNULL, TimeoutExpired, run
from tempfile import TemporaryDirectory
from typing import Self

from fuzz.bench.command import ROOT, run_fuzz
from fuzz.bench.operators import Mutant, mutants_of

MUTATED = "models/btrfs"
COPIED = ("models", "strategies", "fuzz", "pyproject.toml", "README.md")
REVIEWED = Path(__file__).with_name("equivalent.toml")
"""Mutants that were reviewed and cannot be noticed, with the reason."""
PATIENCE = 900.0
"""Seconds that one search of the unchanged tree may take."""
LEAST_PATIENCE = 30.0
"""Seconds that any search of a mutant may take: one may go round in circles."""
SLOWER = 4
"""How many times as long as the slowest search of the unchanged tree a search may take, if that is more."""
SMOKE = "from models.geometry import Geometry; from models.world import World; World(Geometry()).finish()"
"""A mutant that cannot even do this is broken: that it is noticed says nothing."""

KILLED, SURVIVED, UNREACHED, BROKEN = "killed", "survived", "unreached", "broken"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant: ``outcome`` is one of the four above, ``by`` the property that broke, the
    error, or that it hung; ``examples`` is the number of cases until then."""

    outcome: str
    by: str = ""
    examples: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An entry of the list of equivalent mutants.  ``before`` empty: everything in the function; ``operator``
    empty: every operator; ``function`` empty: the file."""

    file: str
    reason: str
    function: str = ""
    before: str = ""
    operator: str = ""

    def is_about(self, mutant: Mutant) -> bool:
        """Whether it names this mutant."""
        return (
            self.file == mutant.file
            and self.function in ("", mutant.function)
            and self.operator in ("", mutant.operator)
            and self.before in ("", mutant.before)
        )


def read_reviewed(path: Path) -> list[Reviewed]:
    """The list.  Raises ValueError where an entry has no reason, or a key that there is not."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
    try:
        reviewed = [Reviewed(**entry) for entry in entries]
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error
    if any(not entry.reason for entry in reviewed):
        raise ValueError(f"{path}: an entry gives no reason")
    return reviewed


def all_mutants(root: Path, files: Sequence[str]) -> list[Mutant]:
    """Every mutant of these files of the kernel model (paths, or names of rooms); of all files if none is
    named."""
    found = []
    for path in sorted((root / MUTATED).glob("*.py")):
        name = path.relative_to(root).as_posix()
        if not files or {name, path.name, path.stem} & set(files):
            found += mutants_of(name, path.read_text(encoding="utf-8"))
    return found


def sample(mutants: Iterable[Mutant], size: int, seed: int) -> list[Mutant]:
    """So many, the operators taking turns, so that rare ones are there; in the order of their lines."""
    by_operator: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_operator[mutant.operator].append(mutant)
    source = random.Random(seed)  # noqa: S311 - equal seeds, equal samples
    for name in sorted(by_operator):
        source.shuffle(by_operator[name])
    taken: list[Mutant] = []
    while len(taken) < size and any(by_operator.values()):
        for name in sorted(by_operator):
            if by_operator[name] and len(taken) < size:
                taken.append(by_operator[name].pop())
    return sorted(taken, key=lambda mutant: (mutant.file, mutant.line, mutant.key))


class Tree:
    """A copy of what a run needs, to change one file of it at a time.  Use as a context manager."""

    def __init__(self, root: Path = ROOT) -> None:
        self._place = TemporaryDirectory(prefix="bgfuzz-tree-")
        self.path = Path(self._place.name) / "tree"
        self.path.mkdir()
        for name in COPIED:
            if (root / name).is_dir():
                shutil.copytree(root / name, self.path / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif (root / name).exists():
                shutil.copy2(root / name, self.path / name)
        compileall.compile_dir(self.path, quiet=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._place.cleanup()

    def try_mutant(self, mutant: Mutant, options: Sequence[str], patience: float) -> Fate:
        """Run the mutant in a copy of the copy, as several may be tried at once."""
        with TemporaryDirectory(prefix="bgfuzz-mutant-") as place:
            tree = Path(place) / "tree"
            shutil.copytree(self.path, tree)
            changed = tree / mutant.file
            changed.write_text(mutant.apply(changed.read_text(encoding="utf-8")), encoding="utf-8")
            # The length and the second of the change may be those of the original.
            Path(cache_from_source(str(changed))).unlink(missing_ok=True)
            return fate(tree, options, patience)


def fate(tree: Path, options: Sequence[str], patience: float) -> Fate:
    """What becomes of the (changed) sources in ``tree``."""
    try:
        smoke = run(  # noqa: S603 - ourselves
            [sys.executable, "-c", SMOKE],
            cwd=tree,
            check=False,
            stdout=DEVNULL,
            stderr=DEVNULL,
            timeout=patience,
        )
    except TimeoutExpired:
        return Fate(BROKEN, "hangs before the first operation")
    if smoke.returncode != 0:
        return Fate(BROKEN, "fails before the first operation")
    done = run_fuzz(tree, ("--fuzz-shrink=none", *options), patience=patience)
    examples = sum(outcome.tally.first_failure or outcome.tally.examples for outcome in done.outcomes)
    found = next((o.reproducer for o in done.outcomes if o.reproducer is not None), None)
    if found is not None:
        return Fate(KILLED, found.property, examples, done.seconds)
    if done.code is None:
        return Fate(KILLED, "hangs", examples, done.seconds)
    if done.code == 0:
        return Fate(SURVIVED, "", examples, done.seconds)
    return Fate(KILLED, done.error or f"pytest exited with {done.code}", examples, done.seconds)
