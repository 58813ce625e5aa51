"""``python -m fuzz confirm``: what is played, what is refused, and what counts as confirmed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from runs import ROOT, cli, environment

from fuzz.targets.qemu.cache import default_cache
from fuzz.targets.qemu.guest import GuestError, qemu
from fuzz.targets.qemu.initramfs import build
from fuzz.targets.qemu.package import MissingError, find
from fuzz.targets.qemu.play import Run
from fuzz.targets.qemu.saved import saved
from fuzz.targets.qemu.script import Script, ScriptError, cast, catalogue, script_for
from fuzz.targets.qemu.switches import Skip
from fuzz.targets.qemu.verdict import Judged, Verdict, faults, judge
from fuzz.traces import load
from models.operations import OPERATIONS, Step
from models.reverts import catalogue as reverts

TRACES = ROOT / "tests" / "regressions"
SCRIPTS = list(catalogue().values())
NOCOW = catalogue()["f78c436c3931"]


def id_of(script: Script) -> str:
    """A script as pytest shows it."""
    return script.race


def trace_of(script: Script) -> Path:
    """The known trace of its race."""
    return TRACES / f"{script.race}.json"


def seen(script: Script, *, fixed: bool) -> Run:
    """A run as it should be."""
    told = tuple(told.good if fixed else told.bad for told in script.observations)
    waited = tuple(move.waits_in[0] for move in script.moves if move.waits_in) if fixed else ()
    return Run(1, 0 if fixed else 1, waited, told, 1.0)


@pytest.mark.parametrize("script", SCRIPTS, ids=id_of)
def test_each_script_plays_the_known_trace(script: Script) -> None:
    """If the shortest program became another one, the script would confirm something else."""
    assert script.race in [revert.id for revert in reverts()]
    parts = cast(script, load(trace_of(script)).case.steps)
    assert [part.move for part in parts] == list(script.moves)
    assert sorted(part.vcpu for part in parts) == [1, 2]


@pytest.mark.parametrize("script", SCRIPTS, ids=id_of)
def test_each_script_can_tell_good_from_bad(script: Script) -> None:
    """If both outcomes looked alike, everything would be confirmed."""
    assert any(told.good != told.bad for told in script.observations)
    assert faults(script, seen(script, fixed=True), fixed=True) == []
    assert faults(script, seen(script, fixed=False), fixed=False) == []
    assert faults(script, seen(script, fixed=True), fixed=False)
    assert faults(script, seen(script, fixed=False), fixed=True)


def test_both_seeds_have_a_script() -> None:
    """If a file lost its name, nobody would miss the race."""
    assert list(catalogue()) == ["ff1f8250a9e4", "f78c436c3931"]


def test_tasks_may_change_places() -> None:
    """If the vCPU were typed in, a trace with the names the other way round would be another race."""
    steps = load(trace_of(NOCOW)).case.steps
    swap = {"CPU 1": "CPU 2", "CPU 2": "CPU 1"}
    swapped = [Step(swap[step.task], step.operation, step.until) for step in steps]
    assert [part.vcpu for part in cast(NOCOW, swapped)] == [2, 1]


def test_another_program_is_refused() -> None:
    """If it were played all the same, what is confirmed would not be what the trace says."""
    first, second = load(trace_of(NOCOW)).case.steps
    for steps in (
        [first],
        [first, second, second],
        [second, first],
        [Step("CPU 1", first.operation), second],
    ):
        with pytest.raises(ScriptError, match=r"plays \[start-nocow-dio until can_nocow_extent; relocate\]"):
            cast(NOCOW, steps)
    far = Step("CPU 9", first.operation, first.until)
    with pytest.raises(ScriptError, match="must be of one task, CPU 1 to CPU 2"):
        cast(NOCOW, [far, second])
    with pytest.raises(ScriptError, match="needs a task of its own"):
        cast(NOCOW, [first, Step(first.task, second.operation)])


@pytest.mark.parametrize("found", [[], ["020d5b7366fc"], ["f78c436c3931", "ff1f8250a9e4"]])
def test_a_race_without_a_script_is_refused(found: list[str]) -> None:
    """If another race's script were taken, it would be confirmed by what it is not."""
    with pytest.raises(ScriptError, match=r"^no script for .*; there are: .*; another needs a file in .*$"):
        script_for(found)


def test_the_words_of_scripts_are_the_models() -> None:
    """If an operation got another name, a script would fit no trace any more."""
    points = {operation.name: operation.points for operation in OPERATIONS}
    for script in SCRIPTS:
        for words in (words for move in script.moves for words in move.steps):
            name, _, point = words.partition(" until ")
            assert not point or point in points[name]
            assert name in points


def test_a_fault_is_never_passed_over() -> None:
    """If a window that was missed, or a switch that did nothing, counted, luck would confirm."""
    good, bad = seen(NOCOW, fixed=True), seen(NOCOW, fixed=False)
    assert faults(NOCOW, replace(good, window=0), fixed=True) == ["the window of the race was not reached"]
    assert faults(NOCOW, replace(good, waited=()), fixed=True) == [
        "nobody waited in btrfs_wait_nocow_writers"
    ]
    assert faults(NOCOW, replace(bad, switched=0), fixed=False) == ["the fix was not switched off"]
    assert faults(NOCOW, replace(bad, observed=("0", "N")), fixed=False) == ["the file reads: N, expected O"]


def test_one_run_that_fails_is_enough() -> None:
    """If four of five were enough, the fifth would be the real behaviour."""
    runs = [Judged(fixed, seen(NOCOW, fixed=fixed), ()) for fixed in (True, False)]
    assert Verdict(NOCOW, tuple(runs)).confirmed
    assert not Verdict(NOCOW, (runs[0],)).confirmed
    assert not Verdict(NOCOW, (runs[1],)).confirmed
    verdict = Verdict(NOCOW, (*runs, Judged(fixed=True, run=None, faults=("QEMU ended",))))
    assert not verdict.confirmed
    assert list(verdict.lines()) == [
        "with the fix as shipped: the outcome is good, 1 of 2, 1.0 s each",
        "    a task waits in btrfs_wait_nocow_writers",
        "    the write is acknowledged: 0",
        "    the file reads: N",
        "    run 2: QEMU ended",
        "with the fix switched off: the historical failure, 1 of 1, 1.0 s each",
        "    the write is acknowledged: 0",
        "    the file reads: O",
        "not confirmed",
    ]


def test_usage_errors_are_one_line(tmp_path: Path) -> None:
    """If one ended in a traceback, or in 1, a script could not tell it from a race that is not there."""
    for options, said in (
        ((str(trace_of(NOCOW)), "--cache", str(tmp_path)), "apt-get download"),
        ((str(trace_of(NOCOW)), "--kernel", str(tmp_path / "none.deb")), "there is no such package"),
        ((str(TRACES / "020d5b7366fc.json"),), "no script for 020d5b7366fc"),
        ((str(tmp_path / "none.json"),), "there is no such file"),
        ((str(trace_of(NOCOW)), "--times", "0"), "is no number from 1"),
    ):
        run = cli("confirm", *options)
        assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
        assert said in run.stderr


def skip_without_a_guest() -> None:
    """Skip where nothing can be booted, with what to install."""
    try:
        qemu()
        build(find(default_cache(), None))
    except MissingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("script", SCRIPTS, ids=id_of)
def test_a_seed_race_is_confirmed_on_a_real_kernel(script: Script) -> None:
    """If the model had invented the race, or the fix, the kernel would do something else."""
    skip_without_a_guest()
    run = cli("confirm", str(trace_of(script)), "--times", "1", "--json")
    told = json.loads(run.stdout)
    assert (run.returncode, told["confirmed"], told["race"]) == (0, True, script.race)
    assert [(one["fix"], one["faults"]) for one in told["runs"]] == [("as shipped", []), ("switched off", [])]


def emulators(tag: str) -> list[str]:
    """The emulators, and what else runs under that tag but Python."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            tagged = f"TAG={tag}".encode() in (place / "environ").read_bytes().split(b"\0")
            name = (place / "comm").read_text(encoding="utf-8").strip()
            if tagged and not name.startswith("python"):
                found.append(name)
    return found


@pytest.mark.parametrize("seconds", [0.0, 0.2, 1.0, 3.0])
def test_a_kill_leaves_no_emulator(seconds: float) -> None:
    """If one stayed, it would take a core for ever, and nobody would know whose it is."""
    skip_without_a_guest()
    tag = f"{os.getpid()}-{seconds}"
    command = [sys.executable, "-m", "fuzz", "confirm", str(trace_of(NOCOW))]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, cwd=ROOT, env=environment(TAG=tag), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as killed:
        deadline = time.monotonic() + 120
        while not any(name.startswith("qemu") for name in emulators(tag)):
            assert time.monotonic() < deadline
            assert killed.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        killed.kill()
        end = time.monotonic() + 1
        while emulators(tag) and time.monotonic() < end:
            time.sleep(0.01)
        assert emulators(tag) == []


def test_a_switch_that_does_nothing_confirms_nothing() -> None:
    """If the failure did not come from the missing fix, it would appear here as well."""
    skip_without_a_guest()
    machine = saved(default_cache(), find(default_cache(), None))
    harmless = replace(NOCOW, switch_off=Skip("btrfs_rename2"))
    parts = cast(harmless, load(trace_of(NOCOW)).case.steps)
    told: list[Judged] = []
    verdict = judge(machine, harmless, parts, 1, told.append)
    assert [bool(one.faults) for one in told] == [False, True]
    assert told[1].faults == ("the fix was not switched off", "the file reads: N, expected O")
    assert not verdict.confirmed
    with machine.guest() as guest, pytest.raises(GuestError, match="refuses nonsense"):
        guest.ask("nonsense")
