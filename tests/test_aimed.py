"""Cases that aim at an interleaving, and hunts that do nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from programs import CREATION, RELOCATION
from runs import cli

from fuzz.hunt import Campaign, State, load, machine_names
from fuzz.hunt.campaign import walk
from fuzz.interleavings import Coverage
from fuzz.random_cases import Pick
from fuzz.searches.aimed import NEVER_THERE, Aim, Aimed, aim_of, aims_among
from fuzz.tally import Tally
from models.operations import OPERATIONS, Relocate
from strategies.operations import Drawn

MACHINES = tuple(machine_names())
NEVER = Aim("relocate", "prepare_to_merge", "relocate")
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
    tally = seen(campaign(NEVER))
    assert str(NEVER) not in tally.interleavings
    assert tally.obstacles[f"{NEVER}: it waits for balance_mutex, held by the other"] > CASES // 2


def test_who_never_comes_to_the_point_is_told() -> None:
    """If it were not, a point that nobody passes would seem not to have been tried."""
    nowhere = Aim("run-delayed-refs", "btrfs_finish_chunk_alloc", "commit")
    assert seen(campaign(nowhere)).obstacles[f"{nowhere}: {NEVER_THERE}"] == CASES
    assert seen(campaign(NEVER)).obstacles[f"{NEVER}: {NEVER_THERE}"] < CASES


def test_the_case_goes_on_at_random_once_it_was_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it did not, what comes of an interleaving would never be seen."""
    hunt = campaign(SELDOM, machines=("Trimming",))
    goes_on = len(seen(hunt).interleavings)
    original = Aimed._next

    def never_content(case: Aimed) -> Pick | None:
        reached = case.machine.world.interleavings.reached
        before = set(reached)
        reached.discard(str(case.aim))
        try:
            return original(case)
        finally:
            reached |= before

    monkeypatch.setattr(Aimed, "_next", never_content)
    assert len(seen(hunt).interleavings) < goes_on * 0.85


def test_who_stands_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """If what makes no sense were drawn meanwhile, the one that stands there would go on in its place."""
    drawn, senseless = 0, 0
    original = Aimed._meanwhile

    def meanwhile(case: Aimed, standing: list[str]) -> Pick | None:
        nonlocal drawn, senseless
        pick = original(case, standing)
        choice = pick and pick.of(type(case.machine))
        step = case.machine.start(choice) if isinstance(choice, Drawn) else None
        drawn += 1
        senseless += pick is None or (step is not None and not case.machine.world.makes_sense(step))
        return pick

    monkeypatch.setattr(Aimed, "_meanwhile", meanwhile)
    seen(campaign(*aims_among(("commit", "trim", "clean"))), 90)
    assert drawn > 100
    assert senseless < drawn // 5


def test_aims_take_turns() -> None:
    """If some were passed over, a hunt would say that it tried what it did not."""
    aims = aims_among(("scrub", "clean"))
    assert len(aims) == 2 * sum(len(kind.points) for kind in OPERATIONS if kind.name in ("scrub", "clean"))
    hunt, other = campaign(*aims), campaign(*aims, seed=6)
    numbers = range(len(aims))
    assert sorted(map(hunt.aim, numbers)) == sorted(aims)  # type: ignore[type-var]
    assert list(map(hunt.aim, numbers)) == [hunt.aim(number + len(aims)) for number in numbers]
    assert list(map(hunt.aim, numbers)) != list(map(other.aim, numbers))


def test_a_case_aims_at_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it went for another pair, or had a machine without one of the two, that one would go untried."""
    hunt = campaign(*aims_among(("scrub", "clean")))
    tried: list[tuple[Aim, set[str]]] = []

    def picks(case: Aimed, steps: int) -> list[Pick]:
        assert steps == hunt.steps
        tried.append((case.aim, {operation.name for operation in case.machine.operations}))
        return []

    monkeypatch.setattr(Aimed, "picks", picks)
    machines = Counter(hunt.kind(number) for number in range(3 * len(hunt.aims)))
    walk(hunt, range(3 * len(hunt.aims)))
    assert [aim for aim, _ in tried] == [hunt.aim(number) for number in range(3 * len(hunt.aims))]
    assert all(set(aim.operations) <= drawn for aim, drawn in tried)
    assert len(machines) > 2


def test_names_of_aims() -> None:
    """If a name were read otherwise than coverage writes it, what was missed would not be what is tried."""
    for aim in aims_among(operation.name for operation in OPERATIONS):
        assert aim_of(str(aim)) == aim


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--aim", "nobody"), "there is no operation 'nobody'; there are: allocate, "),
        (("--aim", "commit @ nowhere / trim"), "commit has no preemption point 'nowhere'; it has: alloc_"),
        (("--aim", "commit @ dirty_bgs: trim"), "is written OPERATION @ POINT / OPERATION"),
        (("--aim", "scrub", "--missed", "x.json"), "--aim and --missed: these are two hunts"),
        (("--aim", "crash"), "none of them has a preemption point"),
        (
            ("--aim", "relocate,scrub", "--machines", "Creation"),
            "no machine draws both operations of ",
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


def hunted(place: Path, *options: str, **changes: str) -> tuple[State, str]:
    """What a hunt of a seed says."""
    state = place / "hunt.json"
    place.mkdir(exist_ok=True)
    where = ("--state", str(state), "--database", str(place / "failures"))
    run = cli("hunt", "--seed", "1", *where, *options, **changes)
    assert run.returncode in (0, 1), run.stderr
    return load(state), run.stdout


def test_operations_that_race_are_enough_to_be_told(tmp_path: Path) -> None:
    """If the hunt took other machines, or nothing were saved, a developer's suspicion would lead nowhere."""
    options = ("--aim", "relocate, start-nocow-dio", "--revert", RELOCATION, "-x", "--cases", "400")
    state, out = hunted(tmp_path, *options)
    assert state.campaign.machines == ("Overwriting",)
    assert state.handed
    assert not any(handed.complaint for handed in state.handed)
    aims = aims_among(("relocate", "start-nocow-dio"))
    reached = sum(str(aim) in state.tally.interleavings for aim in aims)
    tried = min(len(aims), state.next)
    assert f"aims: {len(aims)} interleavings, {tried} tried, {reached} reached\n" in out


def test_a_race_has_all_that_it_needs(tmp_path: Path) -> None:
    """If only what is aimed at were drawn, a race that needs more would be passed over without a word."""
    state, _ = hunted(tmp_path, "--aim", "create-bg,commit", "--revert", CREATION, "-x", "--cases", "200")
    assert state.handed
    alone, _ = hunted(tmp_path, "--aim", "create-bg,commit", "--cases", "1")
    assert alone.campaign.machines != state.campaign.machines


def test_any_number_of_workers_and_goes_says_the_same(tmp_path: Path) -> None:
    """If an aimed case depended on more than its number, nobody could repeat it."""
    one, other = tmp_path / "one", tmp_path / "other"
    whole, _ = hunted(one, "--aim", "scrub,clean,trim", "--cases", "66", "--workers", "1")
    hunted(other, "--aim", "scrub,clean,trim", "--cases", "22", "--workers", "3", PYTHONHASHSEED="1")
    state = other / "hunt.json"
    again = cli("hunt", "--state", str(state), "--resume", "--cases", "66", PYTHONHASHSEED="2")
    assert again.returncode == 0, again.stderr
    parts = load(state)
    assert (parts.tally, parts.next, parts.campaign) == (whole.tally, 66, whole.campaign)


def test_a_hunt_goes_for_what_others_missed(tmp_path: Path) -> None:
    """If it went for what is known, its cases would show nothing new."""
    before, _ = hunted(tmp_path / "before", "--cases", "200")
    file = str(tmp_path / "before" / "hunt.json")
    state, out = hunted(
        tmp_path, "--missed", file, "--cases", "400", "--revert", CREATION, "--shrink", "none"
    )
    aims = [aim_of(name) for name in state.campaign.aims]
    assert not {str(aim) for aim in aims} & set(before.tally.interleavings)
    assert len(aims) + len(before.tally.interleavings) == Coverage.total()
    new = sum(str(aim) in state.tally.interleavings for aim in aims)
    assert f"aims: {len(aims)} interleavings, 400 tried, {new} reached\n" in out
    assert new > 100


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
