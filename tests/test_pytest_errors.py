"""Mistakes on the command line of ``pytest fuzz/``: exit code 4, one clear line, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis.database import DirectoryBasedExampleDatabase
from runs import Finished, fuzz

from fuzz.database import key_of

MISTAKES = {
    "hypothesis-seed": (["--hypothesis-seed", "1"], "--fuzz-seed"),
    "profile": (["--hypothesis-profile", "nightly"], "nightly"),
    "revert": (["--revert", "0123456789ab"], "0123456789ab"),
    "shards-negative": (["--fuzz-shards", "-1"], "--fuzz-shards"),
    "shards-none": (["--fuzz-shards", "0"], "--fuzz-shards"),
    "shards-too-many": (["--fuzz-shards", "1000000000"], "--fuzz-shards"),
    "examples-none": (["--fuzz-examples", "0"], "--fuzz-examples"),
    "steps-none": (["--fuzz-steps", "0"], "--fuzz-steps"),
    "seed-negative": (["--fuzz-seed", "-1"], "--fuzz-seed"),
    "replay-with-steps": (["--hypothesis-profile", "replay", "--fuzz-steps", "5"], "--fuzz-steps"),
    "github": (["--database", "github:owner"], "github:owner"),
    "redis": (["--database", "redis://127.0.0.1:1/0"], "redis://127.0.0.1:1/0"),
}
"""Options, and what the message must name."""


def refused(*options: str, **environment: str) -> str:
    """The one line in which a run is refused."""
    run: Finished = fuzz(*options, **environment)
    assert run.code == 4, run
    assert "test session starts" not in run.out, "nothing runs"
    lines = [line for line in (run.out + run.error).splitlines() if "error: " in line.lower()]
    assert len(lines) == 1, run
    return lines[0]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    """If a mistake were passed over, the run would not be the one that was asked for."""
    options, named = MISTAKES[name]
    place = [] if "--database" in options else ["--database", str(tmp_path / "database")]
    assert named in refused(*options, *place)
    assert not (tmp_path / "database").exists()


@pytest.mark.parametrize("name", ["hypothesis-seed", "revert", "shards-none"])
def test_workers_are_not_even_started(name: str, tmp_path: Path) -> None:
    """If workers found the mistake, it would be told once for each, in the middle of their output."""
    options, named = MISTAKES[name]
    assert named in refused(*options, "-n", "2", "--database", str(tmp_path))


def test_a_file_as_a_database(tmp_path: Path) -> None:
    """If it were found out when a failure is saved, the search would have been for nothing."""
    file = tmp_path / "file"
    file.write_text("")
    assert str(file) in refused("--database", str(file))


def test_a_misspelt_kind_of_database() -> None:
    """If it were taken for a directory, failures would be saved where nobody looks for them."""
    assert "'reddis://localhost'" in refused("--database", "reddis://localhost")


@pytest.mark.parametrize("place", [".", "missing/outcomes"])
def test_outcomes_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    """If it were found out when the first search ends, that search would have been for nothing."""
    assert "must be a file" in refused("--fuzz-outcomes", str(tmp_path / place))


def test_a_corrupt_database(tmp_path: Path) -> None:
    """If a corrupt entry were passed over, a failure would be lost."""
    DirectoryBasedExampleDatabase(tmp_path).save(key_of("Everything"), b"\xff\xff\xff")
    assert str(tmp_path) in refused("--database", str(tmp_path))


def test_replay_of_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """If a misspelt place were an empty one, replay would pass."""
    missing = str(tmp_path / "missing")
    assert missing in refused("--hypothesis-profile=replay", "--database", missing)


def test_a_repository_that_cannot_be_reached() -> None:
    """If artifacts could not be read at all, a place that the help names would be of no use."""
    nowhere = "http://127.0.0.1:1"
    options = ("--hypothesis-profile=replay", "--database", "github:owner/repo")
    line = refused(*options, GITHUB_TOKEN="no token", https_proxy=nowhere, HTTPS_PROXY=nowhere)  # noqa: S106
    assert "github:owner/repo" in line
