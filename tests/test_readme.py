"""What the README shows is what the fuzzer prints."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from runs import command, environment

from fuzz.case import run
from fuzz.database import traces_folder
from fuzz.exhaust import exhaust, parse
from fuzz.options import PROFILES
from fuzz.report import text
from fuzz.story import tell
from fuzz.traces import file_name, load
from models import reverts
from models.reverts import catalogue, find_reverts

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LARGEST_PICTURE = 200_000
"""Bytes: a page that shows it has to load quickly."""


def test_the_reproducer_is_a_real_one() -> None:
    """If the README showed an old report, readers would look for what is not printed any more."""
    trace = load(ROOT / "tests" / "regressions" / "ff1f8250a9e4.json")
    assert f"```\n{text(tell(trace.case, find_reverts(trace.reverts)))}\n```\n" in README
    path = traces_folder([]) / file_name(trace)
    assert f"\nsaved: {path}\nreplay it with: python -m fuzz replay {path}\n" in README


def test_the_fix_of_ones_own_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file did not run as it stands, or what is said of it were not so, nobody could try a fix."""
    code = re.findall(r"```python\n(\"\"\"The item of a new block group.*?)```", README, re.DOTALL)[0]
    mine: dict[str, Any] = {"__name__": "my_fix", "__doc__": "told"}
    exec(compile(code, "my_fix.py", "exec"), mine)  # noqa: S102 - ours
    known = (*catalogue(), *mine["RACES"])
    monkeypatch.setattr(reverts, "catalogue", lambda: known)
    taken = find_reverts(["wrong/my-fix"])
    trace = load(ROOT / "tests" / "regressions" / "ff1f8250a9e4.json")
    assert run(trace.case, taken) is None
    program = parse("CPU 1: create-bg; allocate blocks 1; end-transaction\nCPU 2: commit")
    result = exhaust(program, taken, 3, limit=10_000)
    assert result.preemptions == 1
    assert result.failing is not None
    verdict = run(result.failing, taken)
    assert verdict is not None
    assert verdict.symptom.property == "committed_used_bytes_are_the_extents"


def test_the_protocol_that_is_brought_along_is_searched() -> None:
    """If the example did not run as it stands, or printed something else, nobody could start from it."""
    code, printed = re.findall(r"```(?:python)?\n(import random\n.*?)```.*?```\n(.*?)```", README, re.DOTALL)[
        0
    ]
    example: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "README.md", "exec"), example)  # noqa: S102 - ours
    assert f"{example['look_for_a_bug']().run}\n" == printed
    with pytest.raises(AssertionError, match="where_a_is_set_b_is_too"):
        settings(database=None, derandomize=True)(example["test_reorder"])()


LINKS = [
    (page.relative_to(ROOT), link)
    for page in sorted(ROOT.glob("[!.]*/**/*.md")) + sorted(ROOT.glob("*.md"))
    for link in re.findall(r"\]\(([^):#]+)\)", page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_what_is_linked_is_there(page: Path, link: str) -> None:
    """If a file were renamed, its link would lead nowhere; a picture has to be one, and small."""
    target = (ROOT / page).parent / link
    assert target.exists()
    if target.suffix == ".png":
        picture = target.read_bytes()
        assert picture.startswith(b"\x89PNG\r\n")
        assert len(picture) < LARGEST_PICTURE


def test_every_option_and_profile_is_named() -> None:
    """If an option were missing, nobody would find it."""
    printed = subprocess.run(  # noqa: S603 - ourselves
        command("--help"), cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    ).stdout
    group = printed.partition("block group fuzzer:\n")[2].partition("\n\n")[0]
    options = re.findall(r"^  (--[a-z-]+)", group, re.MULTILINE)
    profiles = [f"--hypothesis-profile={name}" for name in PROFILES if name != "default"]
    assert options
    assert profiles
    assert [name for name in (*options, *profiles) if name not in README] == []
