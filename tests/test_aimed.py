"""Cases that aim at an interleaving, and hunts that do nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from programs import CREATION, RELOCATION
from runs import cli

from fuzz.hunt import Campaign, State, load, machine_names
from fuzz.hunt.campaign import walk
from fuzz.interleavings import together
from fuzz.searches.aimed import Aim, aim_of, aims_among
from fuzz.tally import Tally
from models.operations import OPERATIONS, Relocate

MACHINES = tuple(machine_names())
SELDOM = Aim("commit", "btrfs_insert_item", "trim")
CASES = 30


def campaign(*aims: Aim, seed: int = 5, machines: tuple[str, ...] = MACHINES) -> Campaign:
    """With all fixes in."""
    return Campaign(seed, 50, (), machines, tuple(map(str, aims)))


def seen(hunt: Campaign, cases: int = CASES) -> Tally:
    """What its first cases saw."""
    tally = walk(hunt, range(cases)).tally
    assert tally.examples == cases
    return tally


def test_what_is_aimed_at_comes_about() -> None:
    """If cases went where they liked, aiming would show no more of a pair than chance does."""
    machines = ("Trimming",)
    aimed, plain = (
        seen(campaign(*aims, machines=machines)).interleavings[str(SELDOM)] for aims in ((SELDOM,), ())
    )
    assert aimed >= CASES // 4
    assert plain <= aimed // 4


def test_what_stands_in_the_way_is_told() -> None:
    """If a pair that cannot be were aimed at in silence, nobody would know why it was not reached."""
    never = Aim("relocate", "prepare_to_merge", "relocate")
    tally = seen(campaign(never))
    assert str(never) not in tally.interleavings
    assert tally.obstacles[f"{never}: it waits for balance_mutex, held by the other"]


def test_the_case_goes_on_at_random_once_it_was_reached() -> None:
    """If it did not, what comes of an interleaving would never be seen."""
    tally = seen(campaign(SELDOM, machines=("Trimming",)))
    assert len(tally.interleavings) > 100
    assert tally.steps > 30 * CASES


def test_aims_take_turns() -> None:
    """If some were passed over, a hunt would say that it tried what it did not."""
    aims = aims_among(("scrub", "clean"))
    assert (
        len(aims)
        == len(set(aims))
        == 2 * sum(len(k.points) for k in OPERATIONS if k.name in ("scrub", "clean"))
    )
    hunt = campaign(*aims)
    assert sorted(aim for aim, _ in hunt.aimed) == sorted(aims)
    assert [aim for aim, _ in hunt.aimed] != [aim for aim, _ in campaign(*aims, seed=6).aimed]
    kinds = Counter(hunt.kind(number) for number in range(8 * len(aims)))
    able = {kind for _, several in hunt.aimed for kind in several}
    assert set(kinds) == able
    assert all({"scrub", "clean"} & {op.name for op in kind.operations} for kind in able)


def test_names_of_aims() -> None:
    """If a name were read otherwise than coverage writes it, what was missed would not be what is tried."""
    for aim in aims_among(operation.name for operation in OPERATIONS):
        assert aim_of(str(aim)) == aim


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--aim", "nobody"), "there is no operation 'nobody'; there are: allocate, "),
        (("--aim", "commit @ nowhere / trim"), "commit has no preemption point 'nowhere'; it has: alloc_"),
        (("--aim", "crash"), "none of them has a preemption point"),
        (
            ("--aim", "relocate,scrub", "--machines", "Creation"),
            "no machine draws both operations of relocate",
        ),
        (("--missed", "nowhere.json"), "nowhere.json: there is no such file"),
        (("--resume", "--aim", "scrub"), "--aim: --resume goes on with what the hunt was begun with"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, options: tuple[str, ...], complaint: str) -> None:
    """If a name were misspelt in silence, a night would be spent on something else."""
    run = cli("hunt", "--state", str(tmp_path / "hunt.json"), "--cases", "1", *options)
    assert (run.returncode, run.stdout) == (2, "")
    assert complaint in run.stderr
    assert run.stderr.count("\n") == 1


def hunted(place: Path, *options: str) -> tuple[State, str]:
    """What a hunt of a seed says."""
    state = place / "hunt.json"
    run = cli("hunt", "--seed", "1", "--state", str(state), "--database", str(place / "failures"), *options)
    assert run.returncode in (0, 1), run.stderr
    return load(state), run.stdout


def test_operations_that_race_are_enough_to_be_told(tmp_path: Path) -> None:
    """If the hunt took other machines, or nothing were saved, a developer's suspicion would lead nowhere."""
    options = ("--aim", "relocate,start-nocow-dio", "--revert", RELOCATION, "-x", "--cases", "400")
    state, out = hunted(tmp_path, *options)
    assert state.campaign.machines == ("Overwriting",)
    assert state.handed
    assert not any(handed.complaint for handed in state.handed)
    aims = aims_among(("relocate", "start-nocow-dio"))
    reached = sum(str(aim) in state.tally.interleavings for aim in aims)
    assert f"aimed at {len(aims)} interleavings: {reached} reached\n" in out


def test_a_hunt_goes_for_what_others_missed(tmp_path: Path) -> None:
    """If it went for what is known, its cases would show nothing new."""
    (tmp_path / "before").mkdir()
    before, _ = hunted(tmp_path / "before", "--cases", "200")
    file = str(tmp_path / "before" / "hunt.json")
    state, out = hunted(
        tmp_path, "--missed", file, "--cases", "400", "--revert", CREATION, "--shrink", "none"
    )
    aims = [aim_of(name) for name in state.campaign.aims]
    assert not {str(aim) for aim in aims} & set(before.tally.interleavings)
    assert len(aims) + len(before.tally.interleavings) >= sum(len(k.points) for k in OPERATIONS) * 15
    new = sum(str(aim) in state.tally.interleavings for aim in aims)
    assert f"aimed at {len(aims)} interleavings: {new} reached\n" in out
    assert new > 100
    both = together([before.coverage, state.coverage])
    assert len(both.interleavings) >= len(before.tally.interleavings) + new


def test_all_was_reached(tmp_path: Path) -> None:
    """If a hunt without an aim began instead, it would seem that there was one."""
    state = State(campaign(machines=("Moving",)))
    state.tally.interleavings.update(map(str, aims_among(op.name for op in OPERATIONS)))
    state.save(tmp_path / "all.json")
    run = cli("hunt", "--state", str(tmp_path / "x.json"), "--missed", str(tmp_path / "all.json"))
    assert run.returncode == 2
    assert "all that these machines could show was reached" in run.stderr


def test_an_aimed_hunt_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """If aims were lost, going on would be another hunt."""
    state = State(campaign(SELDOM, Aim(Relocate.name, "prepare_to_merge", "scrub")))
    state.add(walk(state.campaign, range(6)), 6)
    state.save(tmp_path / "hunt.json")
    assert load(tmp_path / "hunt.json") == state
