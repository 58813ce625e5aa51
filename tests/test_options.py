"""What a run is asked to do: seeds, limits, names, and mistakes said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase
from programs import CREATION, RELOCATION

from fuzz.machines import TURNS
from fuzz.machines.creation import Handles
from fuzz.options import LIMITS, MAX_SEED, PROFILES, Run, make_run
from fuzz.shards import machine_of, seed_of
from models.reverts import catalogue


def run_for(
    tmp_path: Path,
    profile: str = "default",
    seed: int | None = 1,
    reverts: tuple[str, ...] = (),
    *,
    shards: int | None = None,
    examples: int | None = None,
    steps: int | None = None,
) -> Run:
    """A run as the options make it."""
    overrides = {"shards": shards, "examples": examples, "steps": steps}
    return make_run(profile, overrides, seed, reverts, [str(tmp_path)])


def test_shards_have_seeds_of_their_own(tmp_path: Path) -> None:
    """If two shards had one seed, one of them would do the other's work again."""
    run, next_run = run_for(tmp_path, seed=7), run_for(tmp_path, seed=8)
    seeds = [seed_of(run, shard) for shard in range(200)]
    seeds += [seed_of(next_run, shard) for shard in range(200)]
    assert len(set(seeds)) == 400
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


def test_the_seed_of_a_search_depends_on_the_seed_of_the_run_only(tmp_path: Path) -> None:
    """If it depended on anything else, a printed seed would not repeat a run."""
    other = run_for(tmp_path, "long", 7, (CREATION,), shards=2, examples=9, steps=9)
    for shard in range(5):
        assert seed_of(other, shard) == seed_of(run_for(tmp_path, seed=7), shard)


def test_the_searches_of_a_machine_are_counted_over_all_rounds(tmp_path: Path) -> None:
    """If a number were left out, adding a machine could change what the searches of another find."""
    run = run_for(tmp_path, seed=7)
    shards = [shard for shard in range(2 * len(TURNS)) if machine_of(shard) is Handles]
    expected = [run.search_seed("Handles", number) for number in range(2 * Handles.turns)]
    assert [seed_of(run, shard) for shard in shards] == expected


def test_the_seed_of_a_search_stays_what_it_is(tmp_path: Path) -> None:
    """If the derivation changed (or used hash()), seeds printed yesterday would mean other runs."""
    known = int.from_bytes(bytes.fromhex("157c93d5ac0c451f"), "big")
    assert run_for(tmp_path, seed=1).search_seed("Creation", 0) == known


@pytest.mark.parametrize("name", LIMITS)
def test_limits_hold_at_both_ends(tmp_path: Path, name: str) -> None:
    """If a limit were off by one or not checked, Hypothesis would cut cases short or run out of memory."""
    least, greatest = LIMITS[name]
    for value in (least, greatest):
        run = make_run("default", {name: value}, 1, [], [str(tmp_path)])
        assert getattr(run.profile, name) == value
    for value in (least - 1, greatest + 1, -1):
        with pytest.raises(ValueError, match=rf"^--fuzz-{name} is {value}, .*{least}.*{greatest}"):
            make_run("default", {name: value}, 1, [], [str(tmp_path)])


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1])
def test_a_seed_out_of_range(tmp_path: Path, seed: int) -> None:
    """If it were cut to size, two different seeds would be the same run."""
    with pytest.raises(ValueError, match=f"^--fuzz-seed is {seed}, "):
        run_for(tmp_path, seed=seed)
    assert run_for(tmp_path, seed=MAX_SEED).seed == MAX_SEED
    assert run_for(tmp_path, seed=0).seed == 0


def test_an_override_changes_that_and_nothing_else(tmp_path: Path) -> None:
    """If one override reset another, a short run would be a long one."""
    run = run_for(tmp_path, "long", shards=3, steps=20)
    long = PROFILES["long"]
    assert (run.profile.shards, run.profile.examples, run.profile.steps) == (3, long.examples, 20)
    assert PROFILES["long"] == long


def test_the_ci_profile_has_its_own_seed_unless_told(tmp_path: Path) -> None:
    """If CI drew a seed, a red run on an unrelated change would be nobody's fault."""
    assert run_for(tmp_path, "ci", None).seed == PROFILES["ci"].seed
    assert run_for(tmp_path, "ci", 5).seed == 5


@pytest.mark.parametrize("profile", ["nightly", "", "Default", "hypothesis"])
def test_an_unknown_profile(tmp_path: Path, profile: str) -> None:
    """If it fell back to the default, a misspelt nightly run would be a short one."""
    with pytest.raises(ValueError, match=r"^unknown profile") as caught:
        run_for(tmp_path, profile)
    assert all(name in str(caught.value) for name in PROFILES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("revert", "meant"),
    [
        ("ff1f82", ""),
        ("f78c436c39310", "do you mean f78c436c3931 (relocation-vs-nocow) or "),
        ("", ""),
        ("relocation-vs-nocov", "do you mean f78c436c3931"),
        ("ff1f8250a9e4 ", "do you mean ff1f8250a9e4 (creation-vs-writeout)? "),
    ],
)
def test_an_unknown_revert(tmp_path: Path, revert: str, meant: str) -> None:
    """If it were ignored, the control run would pass and prove nothing."""
    with pytest.raises(ValueError, match=r"^unknown revert") as caught:
        run_for(tmp_path, reverts=(revert,))
    told = str(caught.value)
    assert told.startswith(f"unknown revert {revert!r}; {meant}")
    assert told.endswith("python -m fuzz races lists them all")
    assert len(told) < 250
    assert "\n" not in told


@pytest.mark.parametrize(
    "words", [(CREATION,), ("ff1f825",), ("creation-vs-writeout", CREATION, "ff1f8250a")]
)
def test_a_revert_by_id_beginning_or_name(tmp_path: Path, words: tuple[str, ...]) -> None:
    """If naming a revert twice took it out twice, its overrides would be applied twice."""
    assert [revert.id for revert in run_for(tmp_path, reverts=words).reverts] == [CREATION]


def test_the_order_of_reverts_does_not_matter(tmp_path: Path) -> None:
    """If it did, the same fixes taken out could be two different kernels."""
    one, other = ((CREATION, RELOCATION), (RELOCATION, CREATION))
    first, second = (run_for(tmp_path, reverts=words).reverts for words in (one, other))
    assert first == second == tuple(r for r in catalogue() if r.id in one)


@pytest.mark.parametrize("name", LIMITS)
def test_replay_generates_nothing(tmp_path: Path, name: str) -> None:
    """If limits were accepted, somebody would wait for a search that never comes."""
    with pytest.raises(ValueError, match=f"^--fuzz-{name} means nothing"):
        make_run("replay", {name: LIMITS[name][0]}, 1, [], [str(tmp_path)])
    run = run_for(tmp_path, "replay")
    assert run.replay_only
    assert run.profile.shards == 0
    assert run.settings((Phase.reuse,), None).max_examples >= 10_000, "it also ends the reuse phase"
    assert run.settings((Phase.reuse,), None).stateful_step_count == LIMITS["steps"][1], "of whatever length"


def test_replay_of_a_place_that_is_not_there(tmp_path: Path) -> None:
    """If a misspelt place were an empty one, replay would pass; a search may begin a new one."""
    with pytest.raises(ValueError, match="no such directory"):
        make_run("replay", {}, 1, [], [str(tmp_path / "x")])
    assert make_run("default", {}, 1, [], [str(tmp_path / "x")]).database.saved() == []


@pytest.mark.parametrize("name", PROFILES)
def test_settings_of_a_shard(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If settings were inherited, a machine with CI set would derandomize all shards to the same search."""
    monkeypatch.setenv("CI", "true")
    run = run_for(tmp_path, name)
    settings = run.settings((Phase.generate,), run.database)
    assert settings.derandomize is False
    assert settings.deadline is None
    assert settings.database is run.database
    longest = LIMITS["steps"][1]
    assert settings.stateful_step_count == (longest if run.replay_only else run.profile.steps)
    assert settings.max_examples == run.profile.examples or run.replay_only
    assert HealthCheck.filter_too_much not in settings.suppress_health_check
