"""Where failures are saved: any database that Hypothesis has, under one key for each machine.

Hypothesis would use a digest of the machine's source as the key; then every edit of the class would
orphan what is saved, and shards could not share.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    GitHubArtifactDatabase,
    InMemoryExampleDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
    choices_from_bytes,
)
from hypothesis.errors import HypothesisSideeffectWarning, HypothesisWarning

from fuzz.machines import MACHINES

MODEL_MACHINES = tuple(machine.__name__ for machine in MACHINES)
KEY = "block-groups"
"""What every key begins with."""
DEFAULT = ".hypothesis/examples"
TRACES = "traces"
"""The folder inside of it for the traces of what was found."""
ARTIFACTS = ".hypothesis/github-artifacts"
"""Where downloaded artifacts are kept."""
_SECOND_BEST = b".secondary"
_SUFFIXES = (_SECOND_BEST, b".pareto")


def key_of(machine: str) -> bytes:
    """The key under which the failures of a machine are saved."""
    return f"{KEY}/{machine}".encode()


class NamedDatabase(ExampleDatabase):
    """Another database, with the name of a machine in the place of every key.

    Without a machine it only lists what is saved, by any of the ``machines``: a failure that belongs to no
    machine could not be replayed.
    """

    def __init__(
        self, database: ExampleDatabase, machine: str = "", machines: Sequence[str] = MODEL_MACHINES
    ) -> None:
        super().__init__()
        self._database, self._machine, self._machines = database, machine, tuple(machines)

    def __repr__(self) -> str:
        return f"NamedDatabase({self._database!r}, {self._machine!r})"

    def of(self, machine: str) -> NamedDatabase:
        """The part that belongs to one machine."""
        return NamedDatabase(self._database, machine, self._machines)

    def alone(self, value: bytes) -> NamedDatabase:
        """A database of one of the machine's failures; changes are made to a copy."""
        copy = InMemoryExampleDatabase()
        copy.save(key_of(self._machine), value)
        return NamedDatabase(ReadOnlyDatabase(copy), self._machine, self._machines)

    def _named(self, key: bytes) -> bytes:
        assert self._machine, "of which machine?"
        return key_of(self._machine) + next((suffix for suffix in _SUFFIXES if key.endswith(suffix)), b"")

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Everything saved under the machine's name."""
        yield from self._database.fetch(self._named(key))

    def save(self, key: bytes, value: bytes) -> None:
        """Save under the machine's name."""
        self._database.save(self._named(key), value)

    def delete(self, key: bytes, value: bytes) -> None:
        """Delete under the machine's name."""
        self._database.delete(self._named(key), value)

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """Move between the machine's own keys."""
        self._database.move(self._named(src), self._named(dest), value)

    def saved(self) -> list[bytes]:
        """The saved failures, the best of each kind only, in a fixed order: those of the machine, or of all
        machines where none is named."""
        machines = [self._machine] if self._machine else self._machines
        return sorted(value for machine in machines for value in self._best(key_of(machine)))

    def _best(self, key: bytes) -> list[bytes]:
        """Hypothesis moves the best so far to the second best before it saves a better one: a search that
        is killed in between leaves only that."""
        second = sorted(self._database.fetch(key + _SECOND_BEST), key=lambda value: (len(value), value))
        return list(self._database.fetch(key)) or second[:1]


def traces_folder(places: Sequence[str]) -> Path:
    """Where traces are saved: in the directory that failures are saved in, or else in the default one."""
    first = places[0] if places else DEFAULT
    is_directory = not first.startswith(("readonly:", "redis://", "github:"))
    return Path(first if is_directory else DEFAULT) / TRACES


def open_database(
    places: Sequence[str], *, must_exist: bool, machines: Sequence[str] = MODEL_MACHINES
) -> NamedDatabase:
    """The database at ``places``: the first is written to, the others are only read.

    ``machines`` are those whose failures count as saved.

    A place is a directory, ``readonly:DIRECTORY``, ``redis://HOST:PORT/NUMBER`` (needs the extra
    ``databases``) or ``github:OWNER/REPO`` (reads the artifact ``hypothesis-example-db``; needs
    GITHUB_TOKEN).  Raises ValueError naming what is wrong with which place.
    """
    databases = [_open(place, must_exist=must_exist) for place in places or (DEFAULT,)]
    first, others = databases[0], [ReadOnlyDatabase(database) for database in databases[1:]]
    named = NamedDatabase(MultiplexedDatabase(first, *others) if others else first, machines=machines)
    where = ", ".join(places or (DEFAULT,))
    try:
        with warnings.catch_warnings():
            # How an artifact says that it is not there; that opening it slows pytest's start is no error.
            warnings.simplefilter("error", HypothesisWarning)
            warnings.simplefilter("ignore", HypothesisSideeffectWarning)
            saved = named.saved()
    except (HypothesisWarning, OSError) as error:
        raise ValueError(f"database {where}: {error}".splitlines()[0]) from error
    for value in saved:
        if choices_from_bytes(value) is None:
            raise ValueError(f"database {where}: a saved failure is corrupt ({value[:16]!r})")
    return named


def _open(place: str, *, must_exist: bool) -> ExampleDatabase:
    if place.startswith("readonly:"):
        return ReadOnlyDatabase(_directory(place.removeprefix("readonly:"), must_exist=True))
    if place.startswith("redis://"):
        return _redis(place)
    if place.startswith("github:"):
        owner, _, repo = place.removeprefix("github:").partition("/")
        if not owner or not repo or "/" in repo:
            raise ValueError(f"database {place!r}: expected github:OWNER/REPO")
        if not os.environ.get("GITHUB_TOKEN"):
            raise ValueError(f"database {place!r}: set GITHUB_TOKEN to read the artifact")
        return ReadOnlyDatabase(GitHubArtifactDatabase(owner, repo, path=Path(ARTIFACTS)))
    return _directory(place, must_exist=must_exist)


def _directory(place: str, *, must_exist: bool) -> ExampleDatabase:
    path = Path(place)
    if "://" in place:
        raise ValueError(f"database {place!r}: known are DIR, readonly:DIR, redis://… and github:OWNER/REPO")
    if not place:
        raise ValueError("database '': a directory needs a name")
    if not path.exists():
        if must_exist:
            raise ValueError(f"database {place!r}: there is no such directory")
    elif not path.is_dir():
        raise ValueError(f"database {place!r}: not a directory")
    elif not os.access(path, os.R_OK | os.X_OK):
        raise ValueError(f"database {place!r}: not readable")
    return DirectoryBasedExampleDatabase(path)


def _redis(place: str) -> ExampleDatabase:
    try:
        from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415 - an optional extra
        from redis import Redis, RedisError  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(f"database {place!r}: pip install 'bgfuzz[databases]' first") from error
    try:
        redis = Redis.from_url(place)
        redis.ping()
    except (RedisError, ValueError) as error:
        raise ValueError(f"database {place!r}: {error}") from error
    return RedisExampleDatabase(redis)
