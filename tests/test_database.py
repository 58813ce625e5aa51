"""Where failures are saved: one name for all keys, one place to write to, and mistakes said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis.database import DirectoryBasedExampleDatabase, InMemoryExampleDatabase, choices_to_bytes

from fuzz.database import DEFAULT, NamedDatabase, key_of, open_database
from fuzz.machines import MACHINES

ONE, OTHER = MACHINES[0].__name__, MACHINES[1].__name__
KEY = key_of(ONE)
GOOD, BETTER, CORRUPT = choices_to_bytes([1, 2]), choices_to_bytes([1]), b"\xff\xff\xff"


def directory(path: Path, *values: bytes) -> DirectoryBasedExampleDatabase:
    """A directory with failures saved in it."""
    database = DirectoryBasedExampleDatabase(path)
    for value in values:
        database.save(KEY, value)
    return database


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(file): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def complaint(*places: str, must_exist: bool = False) -> str:
    """What is said about places that cannot be opened."""
    with pytest.raises(ValueError, match=r"^database ") as caught:
        open_database(places, must_exist=must_exist)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [b"", b".secondary", b".pareto"])
def test_every_key_of_a_kind_is_the_same(suffix: bytes) -> None:
    """If the key followed the machine's source, every edit would orphan what is saved."""
    inner = InMemoryExampleDatabase()
    database = NamedDatabase(inner, ONE)
    database.save(b"one digest" + suffix, GOOD)
    assert list(database.fetch(b"another digest" + suffix)) == [GOOD]
    assert list(inner.fetch(KEY + suffix)) == [GOOD]
    database.delete(b"a third" + suffix, GOOD)
    assert list(inner.fetch(KEY + suffix)) == []


def test_kinds_of_keys_stay_apart() -> None:
    """If the steps of shrinking were among the failures, replay would run hundreds of them."""
    database = NamedDatabase(InMemoryExampleDatabase(), ONE)
    database.save(b"digest.pareto", GOOD)
    assert database.saved() == []
    database.save(b"digest.secondary", GOOD)
    database.save(b"digest", BETTER)
    assert database.saved() == [BETTER]
    database.delete(b"digest", BETTER)
    database.move(b"digest.secondary", b"digest", GOOD)
    assert database.saved() == [GOOD]
    assert list(database.fetch(b"digest.secondary")) == []
    assert list(database.fetch(b"digest.pareto")) == [GOOD]


def test_a_search_killed_while_it_saves_leaves_the_second_best() -> None:
    """If only the best counted, what was moved aside for a better one that never came would be lost."""
    database = NamedDatabase(InMemoryExampleDatabase(), ONE)
    database.save(b"digest", GOOD)
    database.save(b"digest.secondary", choices_to_bytes([1, 2, 3]))
    database.move(b"digest", b"digest.secondary", GOOD)
    assert database.saved() == [GOOD]
    database.save(b"digest", BETTER)
    assert database.saved() == [BETTER]


def test_every_machine_has_a_key_of_its_own() -> None:
    """If two machines shared a key, one would run the other's choices, which mean nothing to it."""
    names = [machine.__name__ for machine in MACHINES]
    assert len({key_of(name) for name in names}) == len(names)
    inner = InMemoryExampleDatabase()
    everybody = NamedDatabase(inner)
    everybody.of(ONE).save(b"digest", GOOD)
    everybody.of(OTHER).save(b"digest", BETTER)
    assert everybody.of(ONE).saved() == list(everybody.of(ONE).fetch(b"digest")) == [GOOD]
    assert everybody.of(OTHER).saved() == list(everybody.of(OTHER).fetch(b"digest")) == [BETTER]
    assert everybody.saved() == sorted([GOOD, BETTER])
    everybody.of(ONE).delete(b"digest", BETTER)
    assert everybody.of(OTHER).saved() == [BETTER]


def test_nothing_is_saved_for_no_machine() -> None:
    """If it were, no machine would ever run it again."""
    with pytest.raises(AssertionError, match="which machine"):
        NamedDatabase(InMemoryExampleDatabase()).save(b"digest", GOOD)


def test_what_is_replayed_alone_stays_as_it_is() -> None:
    """If a replay could delete, a failure that a change hid would be gone for good."""
    database = NamedDatabase(InMemoryExampleDatabase(), ONE)
    for value in (GOOD, BETTER):
        database.save(b"x", value)
    reader = database.alone(GOOD)
    assert reader.saved() == [GOOD]
    reader.save(b"x", CORRUPT)
    reader.delete(b"x", GOOD)
    assert reader.saved() == [GOOD]
    assert database.saved() == sorted([GOOD, BETTER])


def test_what_is_saved_comes_in_an_order_of_its_own() -> None:
    """If the order were that of a set or a directory, two replays would report different failures."""
    for values in ([GOOD, BETTER], [BETTER, GOOD]):
        database = NamedDatabase(InMemoryExampleDatabase(), ONE)
        for value in values:
            database.save(b"x", value)
        assert database.saved() == sorted(values)


def test_a_new_directory_is_made_when_something_is_saved(tmp_path: Path) -> None:
    """If a first run needed the directory to be there, nobody's first run would save anything."""
    place = tmp_path / "new" / "place"
    database = open_database([str(place)], must_exist=False)
    assert not place.exists()
    database.of(ONE).save(b"x", GOOD)
    assert open_database([str(place)], must_exist=True).saved() == [GOOD]


def test_one_failure_alone_is_read_and_nothing_else() -> None:
    """If others came with it, or it could be deleted, replaying one by one would tell and keep less."""
    database = NamedDatabase(InMemoryExampleDatabase())
    for machine, value in ((ONE, GOOD), (ONE, BETTER), (OTHER, third := choices_to_bytes([9]))):
        database.of(machine).save(b"x", value)
    alone = database.of(ONE).alone(BETTER)
    assert list(alone.fetch(b"x")) == alone.saved() == [BETTER]
    alone.delete(b"x", BETTER)
    alone.save(b"x", third)
    assert alone.saved() == [BETTER]
    assert len(database.saved()) == 3


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no place meant no database, failures would be lost without a word."""
    monkeypatch.chdir(tmp_path)
    open_database([], must_exist=False).of(ONE).save(b"x", GOOD)
    assert list(directory(tmp_path / DEFAULT).fetch(KEY)) == [GOOD]


def test_the_first_place_is_written_the_others_are_read(tmp_path: Path) -> None:
    """If a shared place were written to, one developer's run would delete what all others rely on."""
    mine, shared = tmp_path / "mine", tmp_path / "shared"
    directory(shared, GOOD)
    before = contents(shared)
    database = open_database([str(mine), str(shared)], must_exist=False).of(ONE)
    assert database.saved() == [GOOD]
    database.save(b"x", BETTER)
    assert database.saved() == sorted([GOOD, BETTER])
    database.delete(b"x", GOOD)
    database.delete(b"x", BETTER)
    assert database.saved() == [GOOD]
    assert contents(shared) == before
    assert list(directory(mine).fetch(KEY)) == []


def test_a_read_only_place_alone_keeps_nothing(tmp_path: Path) -> None:
    """If readonly: were ignored, a replay could change an artifact."""
    directory(tmp_path, GOOD)
    before = contents(tmp_path)
    database = open_database([f"readonly:{tmp_path}"], must_exist=False).of(ONE)
    database.save(b"x", BETTER)
    database.delete(b"x", GOOD)
    assert database.saved() == [GOOD]
    assert contents(tmp_path) == before


def test_a_corrupt_entry_is_reported_with_its_place(tmp_path: Path) -> None:
    """If it were passed over, a failure would be lost; if it crashed, nobody would know where it is."""
    directory(tmp_path, GOOD, CORRUPT)
    message = complaint(str(tmp_path))
    assert str(tmp_path) in message
    assert "corrupt" in message


def test_a_corrupt_entry_in_the_default_place_is_reported_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the message named no place here, it would help only those who know it anyway."""
    monkeypatch.chdir(tmp_path)
    directory(tmp_path / DEFAULT, CORRUPT)
    assert DEFAULT in complaint()


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    """If a file were taken for a directory, the run would fail when it saves: after the search."""
    file = tmp_path / "file"
    file.write_text("")
    assert str(file) in complaint(str(file))
    assert str(file) in complaint(f"readonly:{file}")
    assert str(file) in complaint(str(tmp_path / "new"), str(file))


def test_a_missing_directory_is_a_mistake_where_only_reading_makes_sense(tmp_path: Path) -> None:
    """If a misspelt place were empty instead, a replay of nothing would pass."""
    missing = tmp_path / "missing"
    assert str(missing) in complaint(str(missing), must_exist=True)
    assert str(missing) in complaint(f"readonly:{missing}")
    assert not missing.exists()


def test_no_place_at_all_is_a_mistake() -> None:
    """If an empty word (an unset variable) meant the current directory, failures would be saved there."""
    assert "''" in complaint("")


@pytest.mark.parametrize("place", ["github:", "github:owner", "github:/repo", "github:owner/"])
def test_a_malformed_repository(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it were asked for, the answer would be a puzzle about URLs."""
    monkeypatch.setenv("GITHUB_TOKEN", "not a token")
    message = complaint(place)
    assert place in message
    assert "OWNER/REPO" in message


def test_a_repository_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the token were found missing later, the artifact would count as empty."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    message = complaint("github:owner/repo")
    assert "github:owner/repo" in message
    assert "GITHUB_TOKEN" in message


@pytest.mark.parametrize("place", ["redis://127.0.0.1:1/0", "redis://127.0.0.1:port/0"])
def test_a_server_that_cannot_be_reached(place: str) -> None:
    """If it were found out later, the failure just found could not be saved."""
    assert place in complaint(place)
