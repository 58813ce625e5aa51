"""pytest's side of the fuzzer: options, shards, summary."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from fuzz.garbage import collect_seldom
from fuzz.options import LIMITS, MAX_SEED, PROFILES, Run, Shrink, make_run, register_profiles
from fuzz.report import Reproducer
from fuzz.shards import Outcome
from fuzz.shortest import finished
from fuzz.summary import did_nothing, found_in, never_reached, save_shown, save_traces, summary_lines
from fuzz.tally import Tally
from fuzz.targets import KERNEL, MODEL, QEMU, TARGETS, TargetUnavailable
from fuzz.targets.kernel.requirements import require
from fuzz.targets.qemu.requirements import ready


class WorkerNode(Protocol):
    """What pytest-xdist hands to its hook: a worker as the controller sees it."""

    config: pytest.Config
    workerinput: dict[str, object]


RUN: pytest.StashKey[Run] = pytest.StashKey()
OUTCOMES: pytest.StashKey[list[tuple[str, Outcome]]] = pytest.StashKey()
STARTED: pytest.StashKey[float] = pytest.StashKey()
LAST_LINES: pytest.StashKey[list[str]] = pytest.StashKey()
FOUND = "found something"
"""How pytest counts searches that did, in its last line."""

register_profiles()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of a run; the profile is Hypothesis's own option, --hypothesis-profile."""
    group = parser.getgroup("bgfuzz", "block group fuzzer")
    group.addoption(
        "--revert",
        action="append",
        default=[],
        metavar="ID",
        help="take this fix out (upstream commit or name; see python -m fuzz races); repeatable",
    )
    group.addoption("--fuzz-seed", type=int, metavar="N", help="the one seed of the run (default: a new one)")
    group.addoption(
        "--database",
        action="append",
        default=[],
        metavar="PLACE",
        help="where failures are saved: DIR, readonly:DIR, redis://..., github:OWNER/REPO; "
        "repeatable, all but the first are only read (default: .hypothesis/examples)",
    )
    group.addoption(
        "--fuzz-shrink",
        choices=[shrink.value for shrink in Shrink],
        default=Shrink.STEPS.value,
        help="what makes a failing case shorter: Hypothesis and then the minimiser (both), the minimiser "
        "alone (steps), or nothing (none)",
    )
    group.addoption(
        "--fuzz-outcomes",
        type=Path,
        metavar="FILE",
        help="append what each search did and found, and then what was shown, as JSON lines",
    )
    group.addoption(
        "--target",
        choices=TARGETS,
        default=MODEL,
        help="what is fuzzed: the model, btrfs of the kernel that runs here (needs root, and a machine "
        "that may be lost), or of Debian's in an emulated machine",
    )
    for name in LIMITS:
        group.addoption(f"--fuzz-{name}", type=int, metavar="N", help=f"{name} instead of the profile's")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything runs."""
    collect_seldom()
    if config.getoption("--hypothesis-seed", None) is not None:
        raise pytest.UsageError(
            "--hypothesis-seed gives all shards the same seed and turns the database off: "
            "use --fuzz-seed N, from which every shard's seed derives"
        )
    overrides = {name: config.getoption(f"--fuzz-{name}") for name in LIMITS}
    profile = config.getoption("--hypothesis-profile", None) or "default"
    seed = config.getoption("--fuzz-seed")
    if seed is None:
        known = PROFILES.get(profile)
        seed = known.seed if known else None
    if seed is None:
        sent = getattr(config, "workerinput", {}).get("fuzz_seed")
        seed = secrets.randbelow(MAX_SEED) if sent is None else sent
    try:
        reverts, places = config.getoption("--revert"), config.getoption("--database")
        shrink = Shrink(config.getoption("--fuzz-shrink"))
        target = config.getoption("--target")
        if target == KERNEL:
            require()
        run = make_run(profile, overrides, seed, reverts, places, shrink=shrink, target=target)
        if target == QEMU:
            ready()  # here, so that no two workers boot it
    except (ValueError, TargetUnavailable) as error:
        raise pytest.UsageError(str(error)) from error
    outcomes: Path | None = config.getoption("--fuzz-outcomes")
    if outcomes is not None and (outcomes.is_dir() or not outcomes.parent.is_dir()):
        raise pytest.UsageError(f"--fuzz-outcomes {outcomes}: must be a file in a directory that there is")
    if config.getoption("dist", "no") == "load":
        # Few heavy items: a worker that runs dry takes from the others.
        config.option.dist = "worksteal"
    config.stash[RUN] = run
    config.stash[OUTCOMES] = []
    config.stash[STARTED] = time.perf_counter()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerNode) -> None:
    """Every worker has the controller's seed."""
    node.workerinput["fuzz_seed"] = node.config.stash[RUN].seed


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item for each shard."""
    if "shard" in metafunc.fixturenames:
        metafunc.parametrize("shard", range(metafunc.config.stash[RUN].profile.shards))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A profile without shards has no shard item at all, rather than one that is skipped."""
    if config.stash[RUN].profile.shards == 0:
        items[:] = [item for item in items if "NOTSET" not in item.nodeid]


@pytest.fixture
def fuzz_run(pytestconfig: pytest.Config) -> Run:
    """What this run is asked to do."""
    return pytestconfig.stash[RUN]


def _outcomes(report: pytest.TestReport) -> list[str]:
    """What a search or the replay has told, in JSON."""
    return [str(value) for name, value in report.user_properties if report.when == "call" and name == "fuzz"]


class _Collector:
    """Outcomes as they come in, on the side that prints the summary."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for told in _outcomes(report):
            self.config.stash[OUTCOMES].append((report.nodeid, Outcome.from_json(told)))
            _append(self.config, told)


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """What was found is shown once, in the summary; pytest would tell it for each search, twice."""
    if isinstance(report, pytest.CollectReport) or not report.failed:
        return None
    found = any(Outcome.from_json(told).reproducer for told in _outcomes(report))
    return (FOUND, "F", "FOUND") if found else None


def _append(config: pytest.Config, outcome: str) -> None:
    """Append an outcome to the file of --fuzz-outcomes, if there is one."""
    file: Path | None = config.getoption("--fuzz-outcomes")
    if file is not None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f"{outcome}\n")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Collect outcomes where the summary is printed: not in workers."""
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Collector(session.config))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that took no step has failed; so has one that must reach every ``sometimes`` sentence, and did
    not."""
    config = session.config
    if session.exitstatus == pytest.ExitCode.OK and not hasattr(config, "workerinput"):
        run, outcomes = config.stash[RUN], config.stash[OUTCOMES]
        too_weak = run.profile.must_reach and not run.reverts and never_reached(outcomes)
        if too_weak or did_nothing(outcomes):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the reproducers, and what the run did."""
    elapsed = time.perf_counter() - config.stash[STARTED]
    terminalreporter.section("block group fuzzer")
    outcomes: list[tuple[str, Outcome]] = config.stash[OUTCOMES]
    run, found = config.stash[RUN], found_in(outcomes)
    complaints = list(save_traces(run, found))  # first: what comes now may be interrupted
    best = _finished(terminalreporter, run, found)
    verbose = config.get_verbosity() > 0
    for line in summary_lines(run, outcomes, best, elapsed, verbose=verbose):
        terminalreporter.line(line)
    config.stash[LAST_LINES] = list(dict.fromkeys([*complaints, *save_shown(run, best)]))
    for reproducer in best:
        _append(config, Outcome(Tally(), 0.0, reproducer).to_json())


def _finished(terminal: pytest.TerminalReporter, run: Run, found: Sequence[Reproducer]) -> list[Reproducer]:
    """The reproducers to show, fully minimised.  Progress is told if the output is a terminal."""

    def tell(line: str) -> None:
        if found and terminal.isatty:
            terminal.rewrite(line, erase=True)

    shown = finished(run, found, lambda name: tell(f"looking for the least program that breaks {name} ..."))
    tell("")
    return shown


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print where the traces are saved, as the last lines of the run."""
    for line in config.stash.get(LAST_LINES, []):
        sys.stdout.write(f"{line}\n")
