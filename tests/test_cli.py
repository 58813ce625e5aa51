"""``python -m fuzz``: the catalogue, for people and for programs, and mistakes without a traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console
from runs import ROOT, cli, environment

from fuzz.__main__ import main
from fuzz.commands import bench_races, hunt, races
from models.operations import OPERATIONS
from models.reverts import Revert, catalogue

HISTORICAL = [revert for revert in catalogue() if not revert.wrong_fix_of]
UNSURE = replace(HISTORICAL[0], id="0123456789ab", name="unsure", confirmed=False, chain="opened by another")
WRONG = replace(HISTORICAL[0], id="wrong/hasty", name="hasty", wrong_fix_of=HISTORICAL[0].id)


def printed(*reverts: Revert, width: int = 200) -> str:
    """The list of these reverts."""
    console = Console(file=io.StringIO(), width=width)
    for line in races.listing(reverts, width):
        console.print(line, soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("columns", ["60", "80", "200"])
@pytest.mark.parametrize("long", [True, False])
def test_the_list_has_everything_that_an_option_needs(columns: str, long: bool) -> None:
    """If an id were cut off in a narrow terminal, it could not be copied into --revert."""
    run = cli("races", *["--long"] * long, COLUMNS=columns)
    assert (run.returncode, run.stderr) == (0, "")
    words = run.stdout.split()
    for revert in catalogue():
        assert revert.id in words
        assert revert.name in words or (revert.wrong_fix_of and not long)
        assert revert.version in ("", *words)
        assert not revert.wrong_fix_of or not long or revert.wrong_fix_of in words
    lines = run.stdout.splitlines()
    assert max(len(line) for line in lines) <= int(columns)
    assert lines == [line.rstrip() for line in lines], "it is to be pasted somewhere"


def test_the_list_tells_the_whole_story() -> None:
    """If a subject or symptom were cut short, the commit could not be looked up."""
    told = "".join(cli("races", "--long", COLUMNS="60").stdout.split())
    for revert in catalogue():
        for text in (revert.expected, *revert.operations):
            assert text in told
    told = " ".join(cli("races", "--long", COLUMNS="2000").stdout.split())
    for revert in catalogue():
        for text in (revert.subject, revert.symptom, revert.chain):
            assert " ".join(text.split()) in told


def test_a_few_are_told_at_length() -> None:
    """If words chose too many or too few, nobody would see whether a race is known."""
    assert [revert.id for revert in races.chosen(["relocation-vs-nocow", "ff1f825"])] == [
        "ff1f8250a9e4",
        "f78c436c3931",
    ]
    scrubbed = races.chosen(["relocate", "scrub"])
    assert len(scrubbed) > 1
    assert set(scrubbed) == {r for r in catalogue() if {"relocate", "scrub"} <= set(r.operations)}
    assert "mechanism" not in cli("races", "scrub").stdout
    assert cli("races", "ff1f8250a9e4").stdout.count("symptom:") == 1
    assert cli("races").stdout.count("symptom:") == 0
    assert len(json.loads(cli("races", "scrub", "relocate", "--json").stdout)) == len(scrubbed)


def test_an_id_that_nobody_confirmed_is_marked() -> None:
    """If it looked like the others, somebody would look for a commit that is not there."""
    assert "0123456789ab ?" in printed(UNSURE)
    assert "not seen together with its subject" in printed(UNSURE)
    assert "?" not in printed(replace(UNSURE, confirmed=True))


def test_a_chain_is_told() -> None:
    """If it were not, nobody would know that one fix opened the next race."""
    assert "chain: opened by another" in printed(UNSURE)
    assert "chain" not in printed(replace(HISTORICAL[0], chain=""))


def test_wrong_fixes_come_last_with_what_they_are_a_wrong_fix_of() -> None:
    """If they stood among the others, they would be taken for history."""
    told = printed(WRONG, HISTORICAL[0])
    assert told.index(HISTORICAL[0].subject) < told.index("wrong fixes") < told.index("wrong/hasty")
    assert f"in the place of {HISTORICAL[0].id}" in told
    assert "wrong fixes" not in printed(HISTORICAL[0])


def test_markup_in_a_text_is_text() -> None:
    """If brackets were markup, part of a subject would be missing."""
    assert "[bold] block" in printed(replace(HISTORICAL[0], subject="[bold] block"))


def test_json_is_the_catalogue() -> None:
    """If a key were renamed or missing, scripts that go through all races would break."""
    run = cli("races", "--json")
    assert (run.returncode, run.stderr) == (0, "")
    data = json.loads(run.stdout)
    assert [race["id"] for race in data] == [revert.id for revert in catalogue()]
    keys = [field.name for field in fields(Revert) if field.name != "overrides"]
    assert {"confirmed", "chain", "wrong_fix_of", "mechanism"} < set(keys)
    for race, revert in zip(data, catalogue(), strict=True):
        assert list(race) == keys
        lists = {"operations", "signs"}
        assert all(race[key] == list(getattr(revert, key)) for key in lists)
        assert all(race[key] == getattr(revert, key) for key in keys if key not in lists)


def test_what_the_catalogue_names_exists() -> None:
    """If an operation in it were misspelt, the shortest program could not be checked against it."""
    names = {operation.name for operation in OPERATIONS}
    assert all(set(revert.operations) <= names for revert in catalogue())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["race"],
        ["races", "--xml"],
        ["races", "scrubb"],
        ["races", "scrub", "fsync"],
        ["--json"],
        ["bench"],
        ["bench", "race"],
        ["bench", "races", "0000000"],
        ["bench", "races", "--seeds", "0"],
        ["bench", "races", "--seeds", "many"],
        ["bench", "races", "--jobs", "-1"],
        ["bench", "races", "--output", "."],
        ["bench", "mutants", "--sample", "0"],
        ["bench", "mutants", "no_such_room"],
        ["bench", "mutants", "--seed", "-1"],
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """If a mistake exited with 0 or 1, a script would take it for a result; a traceback helps nobody."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    told = capsys.readouterr()
    assert caught.value.code == 2
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert told.err.startswith("python -m fuzz")
    assert ": error: " in told.err


def test_a_mistake_as_a_command() -> None:
    """If the entry were another than main, none of this would hold for who types it."""
    run = cli("bench", "races", "0000000")
    assert (run.returncode, run.stdout) == (2, "")
    assert len(run.stderr.splitlines()) == 1
    assert "unknown revert '0000000'" in run.stderr


def test_a_log_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it were overwritten, somebody would lose a file; if it were read, results would be nonsense."""
    (tmp_path / "report.jsonl").write_text("no\nresult\n", encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["bench", "races", "--resume", "--output", str(tmp_path / "report.md")])
    assert caught.value.code == 2
    assert "line 1: not a result" in capsys.readouterr().err
    assert (tmp_path / "report.jsonl").read_text(encoding="utf-8") == "no\nresult\n"


@pytest.mark.parametrize("arguments", [["--help"], ["bench", "--help"], ["bench", "races", "--help"]])
def test_help_names_the_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """If help did not name a command, nobody would find it."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "races" in capsys.readouterr().out


def test_called_from_python(capsys: pytest.CaptureFixture[str]) -> None:
    """If main() did not return its exit code, the command would always exit with 0."""
    assert main(["races", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(catalogue())


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (races, ["races"], "interrupted\n"),
        (hunt, ["hunt"], "interrupted; --resume goes on from here\n"),
        (bench_races, ["bench", "races"], "interrupted; --resume goes on from here\n"),
    ],
)
def test_an_interruption_is_no_traceback(
    command: ModuleType,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """If Ctrl-C printed a traceback, nobody would see whether --resume goes on."""

    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run", interrupted)
    assert main(arguments) == 130
    assert capsys.readouterr().err == said


def test_a_reader_that_has_enough_is_no_traceback() -> None:
    """If ``| head`` ended in a traceback, it would hide what was asked for."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        done = subprocess.run(
            [sys.executable, "-m", "fuzz", "races", "--json"],
            cwd=ROOT,
            env=environment(),
            stdout=nobody,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")
