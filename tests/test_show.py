"""``python -m fuzz show``: every form of a trace, and mistakes without a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from runs import cli

from fuzz.__main__ import main
from fuzz.mermaid import mermaid
from fuzz.page import page
from fuzz.report import text
from fuzz.story import Story, as_data, tell
from fuzz.traces import load
from models.reverts import find_reverts

TRACES = Path(__file__).parent / "regressions"
TRACE = TRACES / "ff1f8250a9e4.json"


def story() -> Story:
    """The story of the trace."""
    trace = load(TRACE)
    return tell(trace.case, find_reverts(trace.reverts))


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What is said about a mistake: one line, exit code 2, nothing printed."""
    with pytest.raises(SystemExit) as caught:
        main(["show", *map(str, arguments)])
    told = capsys.readouterr()
    assert (caught.value.code, told.out) == (2, "")
    assert len(told.err.splitlines()) == 1
    return told.err


@pytest.mark.parametrize(
    ("option", "expected"), [([], text(story())), (["--mermaid"], mermaid(story()))], ids=["text", "mermaid"]
)
def test_what_is_printed_is_the_drawing(
    option: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the command printed anything else, what is tested elsewhere would not be what people see."""
    assert main(["show", str(TRACE), *option]) == 0
    assert capsys.readouterr().out == expected + "\n"


def test_json_has_the_state_after_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    """If it did not, a program could not draw what the page draws."""
    assert main(["show", str(TRACE), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == json.loads(json.dumps(as_data(story())))
    assert [group["number"] for group in data["frames"][0]["state"]["block_groups"]] == [0, 1, 2, 3]


def test_a_page_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it were not there whole, or not named, nobody could attach it."""
    path = tmp_path / "page.html"
    assert main(["show", str(TRACE), "--html", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == page(story())
    assert capsys.readouterr().out == f"{path}\n"
    assert list(path.parent.iterdir()) == [path], "nothing is left beside it"


def test_a_page_in_no_directory_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the directory were made, a misspelt one would hide the page."""
    with pytest.raises(SystemExit) as caught:
        main(["show", str(TRACE), "--html", str(tmp_path / "missing" / "page.html")])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.endswith(f"cannot be written: there is no directory {tmp_path / 'missing'}\n")
    assert said.count("\n") == 1


def test_a_picture_is_of_the_step_that_was_asked_for(tmp_path: Path) -> None:
    """If it were of another, or grew with the page, it would show the wrong thing, or be slow to load."""
    pictures = []
    for step in ("0", "3"):
        path = tmp_path / f"{step}.png"
        run = cli("show", str(TRACE), "--screenshot", str(path), "--step", step)
        if "--screenshot: no " in run.stderr:
            pytest.skip(run.stderr.strip())
        assert (run.returncode, run.stderr, run.stdout) == (0, "", f"{path}\n")
        pictures.append(path.read_bytes())
    assert pictures[0] != pictures[1]
    assert all(picture.startswith(b"\x89PNG\r\n") and len(picture) < 200_000 for picture in pictures)


def test_without_a_browser_it_says_what_to_install(tmp_path: Path) -> None:
    """If it ended in a traceback, nobody would know what is missing."""
    run = cli("show", str(TRACE), "--screenshot", str(tmp_path / "x.png"), PATH=str(tmp_path))
    assert (run.returncode, run.stdout) == (2, "")
    assert "--screenshot: no browser: install one of chromium, " in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_trace_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it were not, a typing error would look like a fault of the fuzzer."""
    assert "no such file" in complaint(capsys, tmp_path / "missing.json")
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    assert "other.json: not a trace" in complaint(capsys, tmp_path / "other.json")


def test_a_program_that_passes_has_nothing_to_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it were drawn, a mended race would still look broken."""
    document = json.loads(TRACE.read_text(encoding="utf-8"))
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps({**document, "reverts": []}), encoding="utf-8")
    assert "mended.json: the case does not fail any more" in complaint(capsys, mended)


def test_a_trace_that_ends_in_another_way_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it were not, somebody would compare the drawing with a report of something else."""
    document = json.loads(TRACE.read_text(encoding="utf-8"))
    document["outcome"]["symptom"]["property"] = "something_else_holds"
    old = tmp_path / "old.json"
    old.write_text(json.dumps(document), encoding="utf-8")
    assert main(["show", str(old)]) == 0
    told = capsys.readouterr()
    assert told.err == f"{old}: was something_else_holds, is {story().symptom.property}\n"
    assert told.out == text(story()) + "\n"


def test_options_that_do_not_fit_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If one were ignored, the wrong file would be written, or none."""
    assert "--step: only a --screenshot" in complaint(capsys, TRACE, "--step", "1")
    assert "not allowed with" in complaint(capsys, TRACE, "--mermaid", "--json")
    assert "--step 4: the last is 3" in complaint(
        capsys, TRACE, "--screenshot", tmp_path / "x.png", "--step", "4"
    )
    complaint(capsys)


@pytest.mark.skipif(os.name != "posix", reason="directories are no files here")
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it were not, somebody would look for a page that is not there."""
    assert f"{tmp_path}: cannot be written" in complaint(capsys, TRACE, "--html", tmp_path)
