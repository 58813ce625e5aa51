"""Whether a hunt finds each race sooner than ``pytest fuzz/`` does, by the clock, both on every core.

Nothing is made shorter: what that takes is the same for both.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import geometric_mean, median

from fuzz.bench.command import ROOT, run_fuzz, wait_for
from fuzz.bench.results import row
from fuzz.bench.trials import Trial, tells_of
from fuzz.hunt import load
from fuzz.options import Shrink
from fuzz.report import Reproducer
from models.reverts import Revert

LIMIT = 300
"""Seconds that a hunt may take; and a run of pytest between two of its searches."""
SPARE = 60
"""Seconds that a hunt may take longer than it was told to."""
TIMES = 5.0
"""How many times as long as the hunt pytest gets."""
AT_LEAST = 15.0
"""Seconds that pytest gets anyway."""
ENDED = (0, 1)
"""Exit codes of a search that came to its end: nothing was found, something was."""
STOPPED = 2
"""Exit code of pytest where its first failure stopped other workers in the middle of theirs."""


class WayError(RuntimeError):
    """A process did not do what is measured.  The message is one line."""


@dataclass(frozen=True, slots=True)
class Way:
    """How one of the two went.

    ``property`` is what broke, the expected one if that is among what the first failures broke; empty if
    nothing was found.  ``seconds`` go by the clock, from the start of the process to its end.  ``cut``: it
    was not done then, and had found nothing so far.
    """

    property: str
    seconds: float
    cut: bool = False

    @classmethod
    def of(cls, revert: Revert, found: Sequence[Reproducer], seconds: float) -> Way:
        """From what was found; what is expected comes before anything else."""
        names = [name for one in found for name in (one.property, *one.broken)]
        expected = [name for name in (revert.expected, *revert.signs) if name in names]
        return cls(next(iter([*expected, *names]), ""), seconds)


@dataclass(frozen=True, slots=True)
class Result:
    """Both ways of a trial."""

    pytest: Way
    hunt: Way

    def as_data(self) -> dict[str, object]:
        """For the log."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Mapping[str, object]]) -> Result:
        """What :meth:`as_data` made."""
        return cls(Way(**data["pytest"]), Way(**data["hunt"]))  # type: ignore[arg-type]


def try_both(workers: int, trial: Trial) -> Result:
    """One after the other.  The hunt is first: a machine that is warm by then is to pytest's advantage.

    Where the hunt finds the race, pytest is given up when it has taken many times as long.  Raises WayError.
    """
    hunt = by_hunt(trial, workers)
    hunted = tells_of(trial.revert, hunt.property)
    limit = max(AT_LEAST, TIMES * hunt.seconds) if hunted else math.inf
    return Result(by_pytest(trial, workers, limit), hunt)


def by_pytest(trial: Trial, workers: int, limit: float) -> Way:
    """A default run, of so many seconds at most.  Raises WayError."""
    options = (
        "--fuzz-seed",
        str(trial.seed),
        "--revert",
        trial.revert.id,
        f"--fuzz-shrink={Shrink.NONE.value}",
    )
    run = run_fuzz(ROOT, options, patience=LIMIT, workers=workers, limit=limit)
    found = [outcome.reproducer for outcome in run.outcomes if outcome.reproducer is not None]
    if run.code is None and run.seconds > limit and not found:
        return Way("", run.seconds, cut=True)
    if run.code not in ENDED and not (run.code in (STOPPED, None) and found):
        raise WayError(f"{trial.key}: pytest exited with {run.code}: {run.error}")
    return Way.of(trial.revert, found, run.seconds)


def by_hunt(trial: Trial, workers: int) -> Way:
    """A default hunt.  Raises WayError."""
    with tempfile.TemporaryDirectory(prefix="bgfuzz-") as place:
        state, log = Path(place) / "hunt.json", Path(place) / "log"
        command = [
            sys.executable,
            "-m",
            "fuzz",
            "hunt",
            "--revert",
            trial.revert.id,
            "--seed",
            str(trial.seed),
        ]
        command += ["--exitfirst", "--shrink", Shrink.NONE.value, "--for", f"{LIMIT}s"]
        command += [
            "--workers",
            str(workers),
            "--database",
            str(Path(place) / "failures"),
            "--state",
            str(state),
        ]
        started = time.monotonic()
        with log.open("w", encoding="utf-8") as output:
            code = wait_for(command, ROOT, output.fileno(), log, LIMIT + SPARE)
        if code not in ENDED:
            last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            raise WayError(f"{trial.key}: the hunt exited with {code}: {last}")
        seconds = time.monotonic() - started
        return Way.of(trial.revert, [handed.reproducer for handed in load(state).handed], seconds)


HEAD = ("race", "name", "pytest found", "hunt found", "pytest, s", "hunt, s", "pytest / hunt")


def report(
    command: str, reverts: Sequence[Revert], results: Mapping[str, Sequence[Result]], cores: int
) -> str:
    """The Markdown file."""
    every = [result for revert in reverts for result in results[revert.id]]
    ratios = [ratio for revert in reverts if (ratio := times(revert, results[revert.id])) is not None]
    lines = [
        "# How soon a hunt finds each race, and pytest",
        "",
        f"Generated by `{command}`; edit nothing here.",
        "",
        f"`pytest fuzz/ -n {cores} -x` and `python -m fuzz hunt -x` with the fix out, every machine in turn,",
        "with the same seeds, the hunt first and then the other on the same cores: seconds by the clock from",
        "the start of the process to its end, with the first failing case saved and nothing made shorter.",
        "Found: with a property that the catalogue names.  Medians over the seeds; the ratio is that of",
        f"trials in which the hunt found it.  A hunt is given up after {LIMIT} s, a run of pytest",
        f"after {TIMES:.0f} times as long as the hunt took, {AT_LEAST:.0f} s at least (>: it had found",
        "nothing by then, and nobody knows how long it would have taken).",
        "",
        row(*HEAD),
        row("---", "---", *("---:" for _ in HEAD[2:])),
    ]
    lines += [_row(revert, results[revert.id]) for revert in reverts]
    sooner = sum(ratio > 1 for ratio in ratios)
    totals = [
        sum(way.seconds for way in ways) for ways in zip(*((r.pytest, r.hunt) for r in every), strict=True)
    ]
    mean = f"{geometric_mean(ratios):.2f}" if ratios else "-"
    lines += [
        "",
        f"The hunt is sooner for {sooner} of {len(ratios)} races; geometric mean of the ratios {mean},",
        f"bounds among them; all trials together {totals[0]:.0f} s and {totals[1]:.0f} s.",
    ]
    return "\n".join(lines) + "\n"


def times(revert: Revert, of_one: Sequence[Result]) -> float | None:
    """How many times as long pytest takes as the hunt, where it has something to find; None if it never has.

    A run that was cut off would have taken longer.
    """
    hunted = [r for r in of_one if tells_of(revert, r.hunt.property)]
    both = [r for r in hunted if tells_of(revert, r.pytest.property) or r.pytest.cut]
    return median(result.pytest.seconds / result.hunt.seconds for result in both) if both else None


def found_by(revert: Revert, ways: Sequence[Way]) -> int:
    """How often, with a property that the catalogue names."""
    return sum(tells_of(revert, way.property) for way in ways)


def _row(revert: Revert, of_one: Sequence[Result]) -> str:
    ratio = times(revert, of_one)
    pytest, hunt = [result.pytest for result in of_one], [result.hunt for result in of_one]
    cut = "> " if any(way.cut for way in pytest) else ""
    return row(
        f"`{revert.id}`",
        revert.name,
        *(f"{found_by(revert, ways)}/{len(ways)}" for ways in (pytest, hunt)),
        *(f"{bound}{median(way.seconds for way in ways):.1f}" for bound, ways in ((cut, pytest), ("", hunt))),
        "-" if ratio is None else f"{cut}{ratio:.2f}",
    )
