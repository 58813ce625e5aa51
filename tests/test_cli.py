"""``python -m fuzz``: the catalogue, for people and for programs, and mistakes without a traceback."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from runs import ROOT, environment

from fuzz.__main__ import main
from models.operations import OPERATIONS
from models.reverts import catalogue

KEYS = [
    *("id", "name", "subject", "version", "confirmed", "wrong_fix_of", "chain"),
    *("mechanism", "symptom", "operations", "expected"),
]


def cli(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run it as a command."""
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "fuzz", *arguments],
        cwd=ROOT,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_table_has_everything_that_an_option_needs(columns: str) -> None:
    """If an id were cut off in a narrow terminal, it could not be copied into --revert."""
    run = cli("races", COLUMNS=columns)
    assert (run.returncode, run.stderr) == (0, "")
    words = run.stdout.split()
    for revert in catalogue():
        assert revert.id in words
        assert revert.name in words
        assert revert.version in words
    assert max(len(line) for line in run.stdout.splitlines()) <= int(columns)


def test_the_table_tells_the_whole_story() -> None:
    """If a subject or symptom were cut short, the commit could not be looked up."""
    told = "".join(cli("races", COLUMNS="60").stdout.split())
    for revert in catalogue():
        for text in (revert.expected, *revert.operations):
            assert text in told
    told = " ".join(cli("races", COLUMNS="300").stdout.split())
    for revert in catalogue():
        assert revert.subject in told
        assert revert.symptom in told


def test_json_is_the_catalogue() -> None:
    """If a key were renamed or missing, scripts that go through all races would break."""
    run = cli("races", "--json")
    assert (run.returncode, run.stderr) == (0, "")
    races = json.loads(run.stdout)
    assert [race["id"] for race in races] == [revert.id for revert in catalogue()]
    for race, revert in zip(races, catalogue(), strict=True):
        assert list(race) == KEYS
        assert race["operations"] == list(revert.operations)
        assert all(race[key] == getattr(revert, key) for key in KEYS if key != "operations")


def test_what_the_catalogue_names_exists() -> None:
    """If an operation in it were misspelt, the shortest program could not be checked against it."""
    names = {operation.name for operation in OPERATIONS}
    assert all(set(race["operations"]) <= names for race in json.loads(cli("races", "--json").stdout))


@pytest.mark.parametrize(
    "arguments", [[], ["race"], ["races", "--xml"], ["races", "ff1f8250a9e4"], ["--json"]]
)
def test_a_mistake_is_a_usage_error(arguments: list[str]) -> None:
    """If a mistake exited with 0 or 1, a script would take it for an empty catalogue."""
    run = cli(*arguments)
    assert run.returncode == 2
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith("usage: python -m fuzz")
    assert "error: " in run.stderr.splitlines()[-1]


def test_help_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """If help did not name the command, nobody would find the catalogue."""
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "races" in capsys.readouterr().out


def test_called_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    """If main() did not return its exit code, the command would always exit with 0."""
    assert main(["races", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(catalogue())
