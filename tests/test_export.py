"""Exported traces: tests that need nothing but the model, say what is so, and read well."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from known_traces import DIRECTORY, path_of
from programs import CREATION, RELOCATION, reverts, shortest
from runs import ROOT, environment
from traced import example

from fuzz.__main__ import main
from fuzz.traces import dumps, load, record, save
from fuzz.traces.export import exported
from models.operations import Step
from models.reverts import catalogue


def in_process(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module in a directory that knows nothing of this one."""
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", *command],
        cwd=place,
        env=environment(PYTHONPATH=str(place)),
        capture_output=True,
        text=True,
        check=False,
    )


def pytest_in(place: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of a directory."""
    return in_process(place, "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(place), str(place))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the model, and nothing else of this project; a test for every race."""
    place = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(ROOT / "models", place / "models", ignore=shutil.ignore_patterns("__pycache__"))
    for path in sorted(DIRECTORY.glob("*.json")):
        name = path.stem.replace("-", "_")
        assert main(["export", str(path), "-o", str(place / f"test_{name}.py")]) == 0
    return place


def test_every_race_can_be_tested_with_the_model_alone(elsewhere: Path) -> None:
    """If an exported test needed this fuzzer, or did not hold, nobody could take it along."""
    done = pytest_in(elsewhere)
    assert done.returncode == 0, done.stdout
    assert f"{2 * len(catalogue())} passed" in done.stdout
    assert "fuzz" not in "".join(path.read_text(encoding="utf-8") for path in elsewhere.glob("test_*.py"))


def test_exported_tests_are_formatted_and_clean(elsewhere: Path) -> None:
    """If a linter complained, who pastes a test into a tree would have to rewrite it first."""
    settings = ("--config", str(ROOT / "pyproject.toml"), "--no-cache")
    files = [path.name for path in sorted(elsewhere.glob("test_*.py"))]
    for command in (("check",), ("format", "--check", "--line-length", "88")):
        done = in_process(elsewhere, "ruff", *command, *settings, *files)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("damage", "failed"),
    [
        (('"f78c436c3931",', '"ff1f8250a9e4",'), "test_it_fails_without_the_fix"),
        (('until="can_nocow_extent"', "until=None"), "test_it_fails_without_the_fix"),
        (('Step("CPU 2", Rel', 'Step("CPU 1", Rel'), "test_it_fails_without_the_fix"),
        (("run_without().violations", "run_without(*FIXES).violations"), "test_it_passes_with_the_fix"),
    ],
)
def test_an_exported_test_can_fail(damage: tuple[str, str], failed: str, tmp_path: Path) -> None:
    """If it passed whatever the model does, it would test nothing."""
    (tmp_path / "models").symlink_to(ROOT / "models")
    text = exported(example())
    assert damage[0] in text
    (tmp_path / "test_race.py").write_text(text.replace(*damage), encoding="utf-8")
    done = pytest_in(tmp_path)
    assert done.returncode == 1
    assert f"FAILED test_race.py::{failed}" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_it_tells_the_story() -> None:
    """If it did not say what broke, the reader would have to find the trace again."""
    trace = example()
    text = exported(trace)
    (revert,) = reverts(RELOCATION)
    told = " ".join(text.split())
    for words in (
        revert.id,
        revert.name,
        revert.subject,
        trace.outcome.observed,
        trace.outcome.first.observed,
    ):
        assert words in told
    assert '    Step("CPU 2", Relocate(group=2)),\n' in text


def test_a_failure_of_the_fixed_protocol_has_one_test() -> None:
    """If it had the other too, that would run the same program and say that it passes."""
    text = exported(replace(example(), reverts=()))
    assert text.count("\ndef test_") == 1
    assert text.startswith('"""every_block_reads_as_its_last_write_or_a_concurrent_one breaks.\n')


def test_several_fixes_can_be_out(tmp_path: Path) -> None:
    """If only the first were named, the test would not fail."""
    trace = record(shortest(RELOCATION), reverts(RELOCATION, CREATION))
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "test_race.py").write_text(exported(trace), encoding="utf-8")
    assert "2 passed" in pytest_in(tmp_path).stdout


def test_text_stays_text(tmp_path: Path) -> None:
    """If a trace could put code into the test, replaying what somebody sent would not be safe."""
    marker = tmp_path / "marker"
    bad = f'"""\nopen({str(marker)!r}, "w")\n"""'.replace("\n", ";") + "\\"
    trace = example()
    symptom = replace(trace.outcome.symptom, observed=bad, expected=bad)
    (tmp_path / "models").symlink_to(ROOT / "models")
    text = exported(replace(trace, outcome=replace(trace.outcome, symptom=symptom)))
    (tmp_path / "test_race.py").write_text(text, encoding="utf-8")
    assert "2 passed" in pytest_in(tmp_path).stdout
    assert not marker.exists()


def test_it_is_printed_where_no_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If print and file differed, what was looked at would not be what is kept."""
    path = DIRECTORY / f"{RELOCATION}.json"
    assert main(["export", str(path)]) == 0
    assert main(["export", str(path), "--output", str(tmp_path / "test_race.py")]) == 0
    assert capsys.readouterr().out == (tmp_path / "test_race.py").read_text(encoding="utf-8")
    assert capsys.readouterr().out == ""


def refused(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What is said of a trace that cannot be exported."""
    with pytest.raises(SystemExit) as caught:
        main(["export", str(path), *options])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_is_not_so_is_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it were, the test would fail from the first day on."""
    path, trace = tmp_path / "trace.json", example()
    assert "there is no such file" in refused(path, capsys)
    save(replace(trace, then=("done", "done")), path)
    assert "does not fail as recorded any more" in refused(path, capsys)
    told = json.loads(dumps(trace))
    told["steps"][0]["operation"] = "defragment"
    path.write_text(json.dumps(told), encoding="utf-8")
    assert "unknown operation" in refused(path, capsys)
    save(trace, path)
    assert "cannot be written" in refused(path, capsys, "-o", str(path / "test.py"))


def test_steps_that_resume_are_exported() -> None:
    """If they were left out, the program would be another one."""
    text = exported(load(path_of(reverts("5037b342825d")[0])))
    assert '    Step("CPU 2"),\n' in text
    assert Step("CPU 2") in load(path_of(reverts("5037b342825d")[0])).case.steps
