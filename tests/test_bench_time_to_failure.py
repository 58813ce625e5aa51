"""The bench of searches: its trials, what it says of those that were cut off, its report and its command."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz.bench.command import in_processes
from fuzz.bench.search_report import Against, Times, against, report
from fuzz.bench.survival import cases_a_failure, chance, curve, geometric_mean, middle
from fuzz.bench.time_to_failure import Result, Trial, trials, try_search
from fuzz.curves import Curve, svg
from fuzz.searches import SEARCHES, Search
from models.reverts import Revert, find_reverts

RACE = "promised-and-reserved"
(REVERT,) = find_reverts([RACE])


def of(*cases: int, cut: int = 0, limit: int = 100) -> list[Result]:
    """Trials that took so many cases, and some that were cut off."""
    return [Result(one, "broken", 0, 0.5) for one in cases] + [Result(limit, "", 0, 1.0)] * cut


# A trial


def test_a_trial_is_repeatable_and_trials_differ() -> None:
    """If a trial depended on more than its seed, or not on it, the median would be of nothing."""
    several = [Trial(REVERT.id, "uniform", number, 200) for number in range(4)]
    cases = [try_search(trial).cases for trial in several]
    assert cases == [try_search(trial).cases for trial in several]
    assert len(set(cases)) > 1


def test_the_limit_only_cuts_off() -> None:
    """If a trial with another limit were another search, figures of two limits could not be compared."""
    whole = next(
        result
        for number in range(20)
        if (result := try_search(Trial(REVERT.id, "subject", number, 200))).cases > 1
        and (first := number) >= 0
    )
    assert whole.broken == REVERT.expected
    assert try_search(Trial(REVERT.id, "subject", first, whole.cases)).found
    cut = try_search(Trial(REVERT.id, "subject", first, whole.cases - 1))
    assert (cut.found, cut.cases) == (False, whole.cases - 1)


def test_a_mistake_of_the_model_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a case in which the model itself fails counted, the worst model would be searched best."""

    def start(revert: Revert) -> Callable[[str], None]:
        def case(seed: str) -> None:
            if seed.endswith(("/1", "/3")):
                raise IndexError(revert.id)

        return case

    monkeypatch.setattr("fuzz.bench.time_to_failure.BY_NAME", {"mistaken": Search("mistaken", "", start)})
    result = try_search(Trial(REVERT.id, "mistaken", 0, 5))
    assert (result.cases, result.found, result.mistakes) == (5, False, 2)


def test_first_trials_come_first() -> None:
    """If one race were tried to its end before the next, a bench that is stopped would compare nothing."""
    two = find_reverts([RACE, "creation-vs-trim"])
    numbers = [trial.number for trial in trials(two, ["uniform", "default"], 3, 10)]
    assert numbers == [0] * 4 + [1] * 4 + [2] * 4


def who(job: int) -> tuple[int, int]:
    """A job that tells where it is done, and leaves something behind."""
    left = int(os.environ.get("LEFT", "0"))
    os.environ["LEFT"] = str(job)
    return os.getpid(), left


def test_each_job_has_a_process_of_its_own() -> None:
    """If two shared one, what a trial leaves in memory could reach the next."""
    done = dict(in_processes("jobs", [1, 2, 3], who, workers=2))
    assert sorted(done) == [1, 2, 3]
    assert len({process for process, _ in done.values()} | {os.getpid()}) == 4
    assert {left for _, left in done.values()} == {0}


def broken(job: int) -> int:
    """A job that fails."""
    raise ValueError(f"job {job} is broken")


def test_a_job_that_fails_is_told() -> None:
    """If it were passed over, the table would have a hole."""
    with pytest.raises(ValueError, match="job 7 is broken"):
        dict(in_processes("jobs", [7], broken, workers=1))


# Statistics


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (of(3, 1, 2), 2),
        (of(1, 2, 3, 8), 2),
        (of(1, 2, cut=1), 2),
        (of(*range(1, 11), cut=10), 10),
        (of(*range(1, 10), cut=11), inf),
        (of(cut=3), inf),
    ],
)
def test_what_was_not_found_is_later_than_all(results: list[Result], expected: float) -> None:
    """If what was cut off were left out, or counted as found, the median would be that of the lucky ones."""
    assert middle(results) == expected


def test_the_curve_goes_up_where_something_was_found() -> None:
    """If it went up where a trial was cut off, a search that finds nothing would look as if it did."""
    cases, share = curve(of(2, 5, cut=2))
    assert cases == [0, 2, 5, 100]
    assert share == pytest.approx([0, 0.25, 0.5, 0.5])


@pytest.mark.parametrize(
    ("results", "expected"),
    [(of(3, 1, 2), 2), (of(10, cut=2), 210), (of(cut=3), 300), (of(20, 40, cut=1), 80)],
)
def test_cases_to_a_failure_count_what_was_cut_off(results: list[Result], expected: float) -> None:
    """If cases of trials that found nothing did not count, a search that seldom finds would look fast."""
    assert cases_a_failure(results) == expected


def test_chances() -> None:
    """If the test did not know what was cut off, ten that were would be ten that were found late."""
    early, late = of(*range(1, 11)), of(*range(91, 100), cut=1)
    assert chance(early, late) < 0.001
    assert chance(early, early) == pytest.approx(1)
    assert chance(of(cut=5), of(cut=5)) == chance(of(1, 1), of(1, 1)) == 1
    assert chance(of(*range(1, 11), limit=11), of(cut=10, limit=11)) < 0.001


def test_a_search_against_another() -> None:
    """If a median that was not reached were left out, the races that are hardest would not count."""
    one, two = find_reverts([RACE, "creation-vs-trim"])
    results = {
        (one.id, "default"): of(*range(1, 11)),
        (one.id, "uniform"): of(*range(90, 100)),
        (two.id, "default"): of(20, 20, 20),
        (two.id, "uniform"): of(20, cut=2),
    }
    ratio = geometric_mean([94 / 5, 100 / 20])
    found = against(results, [one, two], "default", "uniform", 100)
    assert tuple(found.medians) == pytest.approx((ratio, 2, 1))
    assert tuple(found.means) == pytest.approx((geometric_mean([94.5 / 5.5, 220 / 20]), 2, 0))
    assert (found.better, found.worse) == (1, 0)
    back = against(results, [one, two], "uniform", "default", 100)
    assert back.medians.ratio == pytest.approx(1 / ratio)
    assert back.means.ratio == pytest.approx(1 / found.means.ratio)
    assert (back.better, back.worse) == (0, 1)
    nothing = {key: of(cut=2) for key in results}
    assert against(nothing, [one, two], "default", "uniform", 100) == Against(
        Times(1, 0, 0), Times(1, 0, 0), 0, 0
    )


def test_a_search_that_found_nothing_is_a_bound() -> None:
    """If it were infinitely worse, or left out, what is hardest would decide alone, or have no say."""
    results = {(REVERT.id, "default"): of(10, 30), (REVERT.id, "uniform"): of(cut=3)}
    found = against(results, [REVERT], "default", "uniform", 100)
    assert tuple(found.means) == pytest.approx((300 / 20, 1, 1))
    assert tuple(found.medians) == pytest.approx((100 / 10, 1, 1))


# What it writes


def test_the_report_says_what_was_measured() -> None:
    """If a cell were another trial's, or a bound looked like a figure, the table would be wrong."""
    searches = [search for search in SEARCHES if search.name in ("uniform", "default")]
    results = {(REVERT.id, "uniform"): of(*range(90, 99), cut=1), (REVERT.id, "default"): of(*range(1, 11))}
    text = report("the command", [REVERT], searches, results, 100, "plot.svg")
    assert "Generated by `the command`" in text
    assert "**uniform needs 19.1 times as many cases as default**" in text
    assert "By medians it is 18.8 times over 1 races,\n0 of them bounds" in text
    assert "as many cases as subject" not in text
    assert f"| `{REVERT.id}` | {REVERT.name} | 94 (9/10) | 5* |" in text
    assert "| default | 10/10 | 19.11, 18.80 (+1 -0 of 1) | 91 |" in text
    assert "![which share of the trials found something, by cases](plot.svg)" in text


def test_a_picture_is_the_same_every_time_and_reads_as_text() -> None:
    """If it held a date or made up names, each run of a bench would be a change."""
    curves = {"one": Curve([0, 1, 2], [0, 0.5, 1], steps=True), "two": Curve([0, 2], [1, 1], dashed=True)}
    first = svg(curves, x="cases", y="share", logarithmic=True)
    assert first == svg(curves, x="cases", y="share", logarithmic=True)
    assert not re.search(r"<dc:date>|[ \t]\n", first)
    for text in ("one", "two", "cases", "share"):
        assert f">{text}</text>" in first


def arguments(output: Path, *more: str) -> list[str]:
    """A tiny bench."""
    return [
        *("bench", "time-to-failure", RACE, "--trials", "2", "--cases", "30", "--jobs", "2"),
        *("--search", "subject,uniform", "--output", str(output), *more),
    ]


def test_the_command_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the report were of other trials than those of the log, --resume would mix them."""
    output = tmp_path / "report.md"
    files = [output.with_suffix(suffix) for suffix in (".md", ".svg", ".jsonl")]
    assert main(arguments(output)) == 0
    first = [file.read_text(encoding="utf-8") for file in files]
    keys = [json.loads(line)["key"] for line in first[2].splitlines()]
    assert keys == [f"{REVERT.id} {name} {n} of 30" for n in (0, 1) for name in ("uniform", "subject")]
    assert main(arguments(output, "--resume")) == 0
    assert [file.read_text(encoding="utf-8") for file in files] == first
    assert str(output) in capsys.readouterr().out


def test_a_race_that_no_search_finds_is_a_failure(tmp_path: Path) -> None:
    """If the exit code were 0, a search that finds nothing any more would pass."""
    few = ["bench", "time-to-failure", "pending-ordered-before-writers", "--trials", "1", "--cases", "1"]
    assert main([*few, "--search", "uniform", "--output", str(tmp_path / "report.md")]) == 1


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["luck"], "unknown revert 'luck'; python -m fuzz races"),
        (["--search", "subject,luck"], "'luck' is no search: there are uniform, "),
        (["--cases", "0"], "'0' is no number from 1 to "),
        (["--output", "."], "must be a file"),
    ],
)
def test_a_usage_error_is_one_line(extra: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """If a name that is not there were passed over, less would be measured than was asked for."""
    with pytest.raises(SystemExit) as stop:
        main(["bench", "time-to-failure", *extra])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("missing", ["scipy.stats", "matplotlib"])
def test_a_missing_library_is_told_before_hours_are_spent(
    missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it were told at the end, or as a traceback, nobody would know what to install, or too late."""
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(SystemExit) as stop:
        main(arguments(tmp_path / "report.md"))
    assert stop.value.code == 2
    name = missing.partition(".")[0]
    assert capsys.readouterr().err == f"python -m fuzz: error: no {name}: pip install -e '.[bench]'\n"
    assert not list(tmp_path.iterdir())
