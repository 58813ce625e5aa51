"""The parts of a hunt: its options, its file, its workers, and what it does with a mistake of the model."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from programs import ABORTS, CONTENTS, CREATION
from runs import cli

from fuzz.commands.hunt import UNITS, duration
from fuzz.hunt import Campaign, State, StateError, load
from fuzz.hunt.campaign import Batch, Failure, Mistake, walk
from fuzz.hunt.handover import Handed
from fuzz.hunt.report import report
from fuzz.hunt.workers import WorkerLostError, Workers
from fuzz.report import Reproducer
from models.world import World

TRIM = "trim @ btrfs_trim_fs / trim"
CAMPAIGN = Campaign(2, 30, (CREATION,), ("Creation", "Committing"))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--for", "soon"), "'soon' is no duration: 90s, 15m, 8h or 2d"),
        (("--for", "0s"), "'0s' is no duration"),
        (("--cases", "0"), "'0' is no number from 1"),
        (("--steps", "401"), "'401' is no number from 1 to 400"),
        (("--machines", "Creation,Nobody"), "there is no 'Nobody'; there are: Creation, "),
        (("--machines", "Creation,Creation"), "each has one turn"),
        (("--revert", "nothing"), "unknown revert 'nothing'"),
        (("--database", "github:nobody"), "expected github:OWNER/REPO"),
        (("--resume", "--seed", "1"), "--seed: --resume goes on with what the hunt was begun with"),
        (("--resume", "--revert", CREATION), "--revert: --resume goes on"),
        (("--resume",), "hunt.json: cannot be read: No such file"),
        (("--workers", "x"), "'x' is no number"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, options: tuple[str, ...], complaint: str) -> None:
    """If a mistake were a traceback, or passed over, a night would be spent on something else."""
    run = cli("hunt", "--state", str(tmp_path / "hunt.json"), "--cases", "1", *options)
    assert (run.returncode, run.stdout) == (2, "")
    assert complaint in run.stderr
    assert run.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    """If a hunt found out in the morning that it could save nothing, the night would be lost."""
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "hunt.json"):
        run = cli("hunt", "--state", str(place), "--cases", "1", "--database", str(tmp_path / "failures"))
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.count("\n") == 1, run.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_durations(unit: str) -> None:
    """If a unit were another, a hunt for eight hours would end after eight minutes."""
    assert duration(f"3{unit}") == {"s": 3, "m": 180, "h": 10_800, "d": 259_200}[unit]
    assert duration("45") == 45


def failing_batch() -> Batch:
    """Cases that fail, of three kinds."""
    kinds = [("Creation", ABORTS), ("Committing", ABORTS), ("Creation", ABORTS), ("Creation", CONTENTS)]
    failures = [Failure(number, *kind) for number, kind in enumerate(kinds)]
    return Batch(0, failures=failures, mistakes=[Mistake(4, "Creation", "Traceback\nAssertionError: x")])


def test_the_first_of_each_kind_is_handed_over() -> None:
    """If each failure were, a common one would stop the hunt; if one were forgotten, a bug would be lost."""
    state, batch = State(CAMPAIGN), failing_batch()
    assert state.add(batch, 5) == state.pending == [batch.failures[0], batch.failures[1], batch.failures[3]]
    state.hand(Handed(batch.failures[1], Reproducer(1, "text", ABORTS)))
    assert state.pending == [batch.failures[0], batch.failures[3]]
    assert (
        state.add(Batch(5, failures=[Failure(6, "Committing", ABORTS), Failure(7, "Creation", ABORTS)]), 9)
        == []
    )
    assert state.broken == {ABORTS: 5, CONTENTS: 1}
    assert state.next == 9


def test_a_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """If a count were lost on the way, going on would not be the same as never having stopped."""
    state, path = State(CAMPAIGN), tmp_path / "hunt.json"
    state.add(walk(CAMPAIGN, range(30)), 30)
    assert state.pending
    state.next = 0
    state.add(failing_batch(), 5)
    state.hand(Handed(state.pending[0], Reproducer(1, "text", ABORTS, broken=(ABORTS, CONTENTS)), "no"))
    state.seconds = 1.5
    state.save(path)
    assert load(path) == state
    state.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["hunt.json"]


DAMAGES: list[tuple[Callable[[dict[str, object]], object], str]] = [
    (lambda data: data.pop("next"), "'next' is a required property"),
    (lambda data: data.update(next=-1), "next: -1 is less"),
    (lambda data: data.update(version=2), "version: 1 was expected"),
    (lambda data: data.update(campaign={**asdict(CAMPAIGN), "machines": ["Nobody"]}), "no machine Nobody"),
    (lambda data: data.update(campaign={**asdict(CAMPAIGN), "taken_out": ["x"]}), "unknown revert 'x'"),
    (lambda data: data.update(campaign={**asdict(CAMPAIGN), "aims": ["x"]}), "is written OPERATION @ POINT"),
    (lambda data: data.update(campaign={**asdict(CAMPAIGN), "aims": [TRIM]}), "no machine draws both"),
    (lambda data: data.update(tally={"unheard": 3}), "unheard"),
    (lambda data: data.update(tally={"interleavings": 5}), "interleavings: 5 are no counts"),
    (lambda data: data.update(tally={"examples": {"a": 1}}), "examples: .* are no counts"),
]


@pytest.mark.parametrize(("damage", "complaint"), DAMAGES)
def test_a_damaged_state(
    tmp_path: Path, damage: Callable[[dict[str, object]], object], complaint: str
) -> None:
    """If a state were believed, a hunt would go on with what somebody never began."""
    path = tmp_path / "hunt.json"
    State(CAMPAIGN).save(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    damage(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(StateError, match=complaint) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_other_sources_are_other_cases(tmp_path: Path) -> None:
    """If a hunt went on with a changed model, half of its cases would be of another one."""
    path = tmp_path / "hunt.json"
    State(CAMPAIGN, made_by="0" * 16).save(path)
    run = cli("hunt", "--state", str(path), "--resume", "--cases", "1")
    assert run.returncode == 2
    assert "the sources have changed since" in run.stderr


def test_a_mistake_of_the_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it ended the hunt, or passed for a failure of the file system, nobody would know whose it is."""
    original = World.finish

    def finish(self: World) -> None:
        if len(self.program) % 2:
            raise ValueError("a mistake of the model")
        original(self)

    monkeypatch.setattr(World, "finish", finish)
    state = State(Campaign(2, 30, (), ("Creation",)))
    state.add(walk(state.campaign, range(6)), 6)
    assert 0 < len(state.mistakes) < 6
    assert not state.broken
    assert state.found
    lines = list(report(state, (), Path("traces")))
    assert f"the model itself fails in case {state.mistakes[0].number} (Creation):" in lines
    assert "    ValueError: a mistake of the model" in lines


def nap_or_end(seconds: float) -> float:
    """Sleeps; a worker that is to sleep for a negative time ends."""
    if seconds < 0:
        os._exit(7)
    time.sleep(seconds)
    return seconds


def test_a_worker_that_ends_is_missed() -> None:
    """If nobody noticed, the hunt would wait for ever for cases that nobody runs."""
    with Workers(2, nap_or_end) as pool:
        pool.start(0.0)
        pool.start(-1.0)
        assert pool.idle == 0
        both = (list(pool.finished(60.0)) for _ in range(2))
        with pytest.raises(WorkerLostError, match=r"\(exit code 7\) during -1.0"):
            list(both)


def test_workers_are_not_waited_for() -> None:
    """If leaving meant to wait for what is being done, Ctrl-C would take as long as a hand-over does."""
    started = time.monotonic()
    with Workers(1, nap_or_end) as pool:
        pool.start(600.0)
        assert list(pool.finished(0.1)) == []
        assert pool.busy == [600.0]
    assert time.monotonic() - started < 60
