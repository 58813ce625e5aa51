"""Real runs of ``pytest fuzz/``, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TITLE = " block group fuzzer "
UNWANTED = ("CI", "GITHUB_TOKEN", "PYTEST_ADDOPTS", "PYTHONHASHSEED")


def environment(**changes: str) -> dict[str, str]:
    """This process's environment, without what changes runs (nor what tells of an outer run)."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in UNWANTED and not name.startswith(("PYTEST_XDIST", "HYPOTHESIS", "COVERAGE", "COV_"))
    }
    return {**kept, "COLUMNS": "100", **changes}


def command(*options: str) -> list[str]:
    """``pytest fuzz/`` with options, leaving nothing behind in the checkout."""
    return [sys.executable, "-m", "pytest", "fuzz/", "-p", "no:cacheprovider", *options]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run printed, and its exit code."""

    code: int
    out: str
    error: str

    @property
    def section(self) -> list[str]:
        """The lines of the fuzzer's own section."""
        lines = self.out.splitlines()
        start = next(index for index, line in enumerate(lines) if TITLE in line) + 1
        length = next(index for index, line in enumerate(lines[start:]) if line.startswith("==="))
        return "\n".join(lines[start : start + length]).strip("\n").splitlines()

    @property
    def reproducers(self) -> list[str]:
        """The section up to the certificate of the last reproducer."""
        lines = self.section
        ends = [index for index, line in enumerate(lines) if line.startswith("found by")]
        return lines[: ends[-1]] if ends else []

    def line(self, beginning: str) -> str:
        """The one line of the section that begins so."""
        (found,) = (line for line in self.section if line.startswith(beginning))
        return found


def fuzz(*options: str, **changes: str) -> Finished:
    """Run ``pytest fuzz/`` to its end."""
    done = subprocess.run(  # noqa: S603 - ourselves
        command(*options),
        cwd=ROOT,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    finished = Finished(done.returncode, done.stdout, done.stderr)
    assert "INTERNALERROR" not in finished.out + finished.error, finished
    assert "Traceback" not in finished.out + finished.error, finished
    return finished


def cli(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m fuzz``."""
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "fuzz", *arguments],
        cwd=ROOT,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )
