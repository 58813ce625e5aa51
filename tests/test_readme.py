"""What the README shows is what the fuzzer prints."""

from __future__ import annotations

from pathlib import Path

from programs import RELOCATION, reverts

from fuzz.case import Case
from fuzz.database import traces_folder
from fuzz.report import render
from fuzz.traces import file_name, loads
from models.geometry import File, FileKind, Geometry
from models.operations import Relocate, StartNocowDio, Step

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_reproducer_is_a_real_one() -> None:
    """If the README showed an old report, readers would look for what is not printed any more."""
    geometry = Geometry(1, 2, 1, (File(FileKind.NODATACOW, 1),))
    steps = (Step("CPU 1", StartNocowDio(), "can_nocow_extent"), Step("CPU 2", Relocate()))
    found = render(Case(geometry, steps), reverts(RELOCATION))
    assert found.text in README
    path = traces_folder([]) / file_name(loads(found.trace))
    assert f"\nsaved: {path}\nreplay it with: python -m fuzz replay {path}\n" in README


def test_every_option_and_profile_is_named() -> None:
    """If an option were missing, nobody would find it."""
    for name in ("--revert", "--fuzz-seed", "--database", "--fuzz-shards", "long", "ci", "replay"):
        assert name in README
