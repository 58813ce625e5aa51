"""The benches of speed: every way does the same work, and the tables say what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz.bench import scale
from fuzz.bench.rounds import Measurement, ratio
from fuzz.bench.speed import WAYS, NoOp, Speed, Unwatched, Walk, on_file_systems, speed_of
from fuzz.machine import BlockGroupMachine
from fuzz.machines import MACHINES, Creation
from fuzz.random_cases import run_machine
from fuzz.tally import Tally
from models.geometry import Geometry
from models.operations import Allocate, Step
from models.properties import When
from models.world import Violation, World
from strategies.operations import Drawn, Resumed


def cells(table: str, first: str) -> list[str]:
    """The cells of the row that begins so."""
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


Made = list[tuple[BlockGroupMachine, Drawn | Resumed]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """The choices that machines are given from now on."""
    every: Made = []
    for kind in (BlockGroupMachine, NoOp):
        monkeypatch.setattr(kind, "advance", noting(every, kind.advance))
    monkeypatch.setattr("fuzz.bench.speed.MACHINES", [Creation])
    return every


def noting(
    every: Made, advance: Callable[[BlockGroupMachine, Drawn | Resumed], None]
) -> Callable[[BlockGroupMachine, Drawn | Resumed], None]:
    """The same, noted."""

    def noted(self: BlockGroupMachine, choice: Drawn | Resumed) -> None:
        every.append((self, choice))
        advance(self, choice)

    return noted


@pytest.mark.parametrize("way", WAYS)
def test_every_way_makes_the_choices_that_it_counts(way: str, made: Made) -> None:
    """If one did less, it would only seem to be faster."""
    assert speed_of(way, 1, 3, 7).choices == 21
    assert len(made) == 21
    assert all(isinstance(machine, NoOp) == (way == "no-op machine") for machine, _ in made)


def test_the_no_op_machine_draws_what_the_other_does(made: Made) -> None:
    """If it drew from elsewhere, drawing would not cost the same."""
    speed_of("machine", 1, 3, 7)
    drawn = [choice for _, choice in made]
    made.clear()
    speed_of("no-op machine", 1, 3, 7)
    assert [choice for _, choice in made] == drawn


def test_nobody_looks_at_an_unwatched_world() -> None:
    """If properties were asked, what they take would count as the kernel model's."""
    broken, unwatched = World(Geometry()), Unwatched(Geometry())
    for world in (broken, unwatched):
        assert world.apply(Step("CPU 1", Allocate()))
        world.fs.block_groups.tree[1].used += 1
    unwatched.check(When.ALWAYS)
    with pytest.raises(Violation):
        broken.check(When.ALWAYS)


def test_a_file_system_has_as_many_block_groups_as_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, made: Made
) -> None:
    """If it had fewer, cost would seem not to grow."""
    monkeypatch.setattr(BlockGroupMachine, "teardown", lambda _: None)
    monkeypatch.setattr(BlockGroupMachine, "apply", lambda *_: None)
    for groups in scale.SIZES[scale.GROUPS]:
        made.clear()
        on_file_systems(Geometry(2, 4, 64), groups, Walk(1, 1, 1), [Creation])
        assert [len(machine.world.fs.block_groups.tree) for machine, _ in made] == [groups]


def test_a_ratio_is_one_of_the_same_round() -> None:
    """If medians were divided, a round in which the machine was busy would count for one side only."""
    assert ratio([1.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == 2.0
    assert Speed(4, 1e-6) + Speed(1, 1e-6) == Speed(5, 2e-6)
    assert Speed(5, 2e-5).cost == pytest.approx(4.0)


def test_throughput_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If a ratio stood upside down, a slow way would look fast."""
    output = tmp_path / "SPEED.md"
    command = ["bench", "throughput", "--cases", "1", "--steps", "3", "--rounds", "1"]
    assert main([*command, "--output", str(output)]) == 0
    table = output.read_text(encoding="utf-8")
    assert str(output) in capsys.readouterr().out
    lines = output.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    measured = {line["key"].split("  ")[0].split(" :")[0]: line for line in map(json.loads, lines)}
    assert len(measured) == len(WAYS) + 2
    (hunt,) = (line for key, line in measured.items() if key.startswith("hunt"))
    (machine,) = (line for key, line in measured.items() if key.startswith("machine"))
    assert hunt["choices"] == machine["choices"] == 3 * len(MACHINES)
    assert cells(table, "hunt")[1] == f"{hunt['seconds'] / hunt['choices'] * 1e6:.0f}"
    assert cells(table, "hunt against machine")[1] == f"{machine['seconds'] / hunt['seconds']:.2f}"


def test_what_was_measured_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If --resume began anew, a long bench could not be interrupted."""
    output = tmp_path / "SPEED.md"
    command = ["bench", "throughput", "--cases", "1", "--steps", "3", "--output", str(output)]
    taken: list[str] = []

    def measure(one: Measurement, *_: int) -> Speed:
        taken.append(one.key)
        return Speed(1, 1e-4)

    monkeypatch.setattr("fuzz.commands.bench_throughput.measure", measure)
    assert main([*command, "--rounds", "1"]) == 0
    assert main([*command, "--rounds", "2", "--resume"]) == 0
    assert len(taken) == len(set(taken)) == 2 * (len(WAYS) + 2)
    assert "2 rounds" in output.read_text(encoding="utf-8")


def test_scale_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If growth were told against anything but the smallest, a steep one would look flat."""
    output = tmp_path / "SCALE.md"
    monkeypatch.setattr("fuzz.commands.bench_scale.measure", lambda one, _: Speed(1, int(one.size) * 1e-6))
    assert main(["bench", "scale", "--rounds", "2", "--workers", "2", "--output", str(output)]) == 0
    table = output.read_text(encoding="utf-8")
    for subject, sizes in scale.SIZES.items():
        _, _, part = table.partition(f"## {subject}\n")
        assert cells(part.partition("##")[0], str(sizes[-1])) == [
            str(sizes[-1]),
            str(sizes[-1]),
            f"{sizes[-1] / sizes[0]:.2f}",
        ]
    assert table.count("| 2 |") == 2, "two workers, two files"


@pytest.mark.parametrize("subject", scale.SIZES)
def test_each_size_is_measured_at_that_size(subject: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If sizes were mixed up, something would be flat that is not."""
    monkeypatch.setattr("fuzz.bench.speed.MACHINES", [Creation])
    monkeypatch.setattr("fuzz.bench.scale.SHORT", 4)
    (one,) = (
        o
        for o in scale.measurements(1, 1, 1)
        if (o.subject, o.size) == (subject, str(scale.SIZES[subject][0]))
    )
    expected = int(one.size) if subject == scale.STEPS else 4
    assert scale.measure(one, 1).choices % expected == 0


def test_a_walk_is_what_a_hunt_does() -> None:
    """If choices were counted twice, a case would not be as long as it says."""
    tally = Tally()
    run_machine("1/0", 7, kind=Creation, tally=tally)
    assert tally.examples == 1
    assert 0 < tally.steps <= 7
