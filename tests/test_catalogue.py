"""The catalogue of reverts: every entry says what it has to, is about what exists, and can be named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from watched import NAMES, OF_THE_WORLD

from fuzz.__main__ import main
from fuzz.machines import MACHINES
from models import reverts
from models.btrfs.block_group import BlockGroup
from models.btrfs.fs_info import FsInfo
from models.btrfs.mkfs import mkfs
from models.btrfs.writeout import Writeout
from models.geometry import Geometry
from models.operations import OPERATIONS
from models.reverts import EntryError, Revert, catalogue, find_reverts
from models.simulation import Simulation, Steps

ENTRIES = [pytest.param(revert, id=revert.id) for revert in catalogue()]
COMMIT = re.compile(r"[0-9a-f]{12}")
HISTORICAL = re.compile(r"[0-9a-f]{12}(/[a-z-]+)?")
UNKNOWN = re.compile(r"[a-z]+(-[a-z]+)+")
"""The id of a fix whose commit nobody could look up."""
WRONG = re.compile(r"wrong/[a-z0-9-]+")
VERSION = re.compile(r"v\d\.\d+(-rc\d+)?(\.\d+)?")
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def entry(identity: str, *, name: str = "") -> Revert:
    """A revert as there might be one."""
    return replace(catalogue()[0], id=identity, name=name or identity.replace("/", "-"))


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with suffixes and a wrong fix."""
    known = tuple(
        entry(identity)
        for identity in (
            "aaaaaaaaaaaa",
            "aaaaaaaaaaaa/buffered",
            "abcdef012345/one",
            "abcdef012345/two",
            "wrong/abcdef0-too-late",
            "wrong/other",
        )
    )
    monkeypatch.setattr(reverts, "catalogue", lambda: known)


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("aaaaaaaaaaaa", ["aaaaaaaaaaaa"]),
        ("aaaaaaa", ["aaaaaaaaaaaa"]),
        ("aaaaaaaaaaaa/buffered", ["aaaaaaaaaaaa/buffered"]),
        ("aaaaaaaaaaaa-buffered", ["aaaaaaaaaaaa/buffered"]),
        ("abcdef012345", ["abcdef012345/one", "abcdef012345/two"]),
        ("abcdef0", ["abcdef012345/one", "abcdef012345/two"]),
        ("abcdef012345/two", ["abcdef012345/two"]),
        ("wrong/abcdef0-too-late", ["wrong/abcdef0-too-late"]),
        ("wrong-other", ["wrong/other"]),
    ],
)
def test_a_word_finds_what_it_names_and_no_more(word: str, found: list[str]) -> None:
    """If the whole commit and its beginning meant different kernels, a shortened command would lie."""
    assert [revert.id for revert in find_reverts([word])] == found
    assert [revert.id for revert in find_reverts([word, *found])] == found


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(
    "word",
    [
        "aaaaaa",
        "aaaaaaaaaaaa/",
        "aaaaaaaaaaaa/buff",
        "abcdef012345/",
        "wrong/",
        "wrong/o",
        "wrong/oth",
        "",
        "/",
    ],
)
def test_a_word_that_names_nothing_is_refused(word: str) -> None:
    """If the beginning of a name were enough, one letter after wrong/ would take out several fixes."""
    with pytest.raises(ValueError, match=r"^unknown revert"):
        find_reverts([word])


def test_every_entry_is_found_by_its_id_and_its_name() -> None:
    """If two had the same, one of them could not be taken out alone."""
    for revert in catalogue():
        assert find_reverts([revert.id]) == find_reverts([revert.name]) == (revert,)
        commit = revert.id.partition("/")[0]
        if COMMIT.fullmatch(commit):
            assert all(other.id.startswith(commit) for other in find_reverts([commit[:7]])), "too short"
    assert find_reverts([revert.id for revert in reversed(catalogue())]) == catalogue()
    assert find_reverts([]) == ()


class Nothing(Writeout):
    """A method that its author misspelt."""

    def write_outside_the_critical_section(self) -> None:
        """Nobody calls it."""


class Nowhere(Writeout):
    """A preemption point that its author made up."""

    def write_one_cache_group(self, group: BlockGroup) -> Steps[None]:
        """Nobody would be told to stop there."""
        yield "my_lock"
        yield from super().write_one_cache_group(group)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"overrides": (Nothing,)}, "Nothing replaces no method of its room"),
        ({"overrides": (Nowhere,)}, "Nowhere stops at my_lock, which no operation has"),
        ({"operations": ("commit", "alocate")}, "there is no operation alocate"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], complaint: str
) -> None:
    """If it were taken, a fix that is not there, or that nobody interrupts, would hold in every schedule."""
    known = (*catalogue(), replace(catalogue()[0], id="wrong/my-fix", name="my-fix", **changes))
    monkeypatch.setattr(reverts, "catalogue", lambda: known)
    with pytest.raises(EntryError, match=complaint):
        find_reverts(["my-fix"])


def test_a_name_that_two_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If both were taken, the older bug would be found instead of that of a copied file."""
    known = (*catalogue(), replace(catalogue()[0], id="wrong/my-fix"))
    monkeypatch.setattr(reverts, "catalogue", lambda: known)
    with pytest.raises(EntryError, match="have the same name"):
        find_reverts([catalogue()[0].name])


def test_an_unfinished_file_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it were a traceback, the author would look for a bug of the fuzzer."""

    def broken(_: str) -> NoReturn:
        raise TypeError("Revert.__init__() missing 1 required positional argument: 'symptom'")

    reverts.catalogue.cache_clear()
    monkeypatch.setattr(reverts, "import_module", broken)
    try:
        with pytest.raises(SystemExit) as caught:
            main(["races"])
    finally:
        reverts.catalogue.cache_clear()
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert "models/reverts/abort_with_new_groups.py: Revert.__init__() missing 1 required" in told
    assert len(told.splitlines()) == 1


def test_every_file_is_in_the_catalogue() -> None:
    """If a file were left out, its race would not be there, and nobody would miss it."""
    files = {path.stem for path in reverts_directory() if path.stem != "__init__"}
    told = {type_.__module__.rpartition(".")[2] for revert in catalogue() for type_ in revert.overrides}
    assert files == told


def reverts_directory() -> list[Path]:
    """The files of the catalogue."""
    return sorted(Path(next(iter(reverts.__path__))).glob("*.py"))


def test_the_oldest_fix_comes_first_and_wrong_ones_last() -> None:
    """If the order were that of files, the list would tell no history."""
    wrong = [bool(revert.wrong_fix_of) for revert in catalogue()]
    assert wrong == sorted(wrong)
    assert [revert.age for revert in catalogue()] == sorted(revert.age for revert in catalogue())
    assert replace(catalogue()[0], version="v4.10").age > replace(catalogue()[0], version="v4.9").age


@pytest.mark.parametrize("revert", ENTRIES)
def test_an_entry_has_an_id_of_its_kind(revert: Revert) -> None:
    """If an id were of another form, --revert could not find it, or not tell a wrong fix from a real one."""
    if revert.wrong_fix_of:
        assert WRONG.fullmatch(revert.id)
        assert revert.wrong_fix_of in {other.id for other in catalogue() if not other.wrong_fix_of}
    else:
        assert (
            HISTORICAL if revert.confirmed else re.compile(f"{HISTORICAL.pattern}|{UNKNOWN.pattern}")
        ).fullmatch(revert.id)
        assert VERSION.fullmatch(revert.version), "the kernel that got the fix"
    assert re.fullmatch(r"[a-z0-9-]+", revert.name)


@pytest.mark.parametrize("revert", ENTRIES)
def test_an_entry_tells_its_story(revert: Revert) -> None:
    """If something were left empty, a reader would know less than the one who wrote it."""
    assert revert.subject.strip()
    assert revert.symptom.strip()
    assert len(revert.mechanism.split()) >= 12
    assert revert.subject != revert.symptom
    assert "\n" not in revert.subject + revert.symptom + revert.chain


@pytest.mark.parametrize("revert", ENTRIES)
def test_what_an_entry_names_exists(revert: Revert) -> None:
    """If a property or operation were misspelt, a control would look for what never comes."""
    assert revert.expected in (*NAMES, *OF_THE_WORLD)
    assert {*revert.signs} <= {*NAMES, *OF_THE_WORLD} - {revert.expected}
    assert revert.operations
    assert len(set(revert.operations)) == len(revert.operations)
    assert set(revert.operations) <= BY_NAME.keys()


@pytest.mark.parametrize("revert", ENTRIES)
def test_a_machine_of_a_subject_can_run_it(revert: Revert) -> None:
    """If no machine had its operations together, no campaign could find it."""
    needed = {BY_NAME[name] for name in revert.operations}
    able = [machine for machine in MACHINES if needed <= set(machine.operations)]
    assert len(able) > 1, "more than the one that does everything"


@pytest.mark.parametrize("revert", ENTRIES)
def test_taking_it_out_replaces_a_room_and_nothing_else(revert: Revert) -> None:
    """If an override were of no room that is there, taking the fix out would change nothing."""
    assert revert.overrides
    fixed = FsInfo(Simulation(), mkfs(Geometry()))
    broken = FsInfo(Simulation(), mkfs(Geometry()), revert.overrides)
    used = {type(room) for room in vars(broken).values()}
    before = {type(room) for room in vars(fixed).values()}
    for override in revert.overrides:
        assert override.__module__.startswith("models.reverts."), override
        assert override.__doc__, override
        assert any(issubclass(room, override) for room in used - before), override


def test_all_of_it_can_be_taken_out_at_once() -> None:
    """If two reverts replaced the same room and one got lost, two fixes out would be one."""
    overrides = [override for revert in catalogue() for override in revert.overrides]
    broken = FsInfo(Simulation(), mkfs(Geometry()), overrides)
    rooms = [type(room) for room in vars(broken).values()]
    assert all(any(issubclass(room, override) for room in rooms) for override in overrides)
