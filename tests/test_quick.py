"""Quick looks never hide what a property would tell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from planted import DAMAGE
from watched import Damage, judged

import models.properties as registry
from fuzz.case import CONTENTS, Case, judge
from fuzz.machines import MACHINES
from fuzz.random_cases import STEPS, machines_for, run_machine
from models.properties import When, properties, to_be_asked
from models.reverts import Revert, catalogue
from models.world import Violation, World

ALL_DAMAGE = [(name, damage) for name, several in DAMAGE.items() for damage in several]
BEHIND_LOOKS = {prop.name for when in When for prop in properties(when) if prop.quick is not None}


class HiddenError(AssertionError):
    """A property has something to tell, and a look said that it holds."""


class Doubting(World):
    """A world that asks the properties that quick looks answer for, too; ``answered`` names them."""

    answered: frozenset[str] = frozenset()

    def check(self, when: When, *, of_history: bool = False) -> None:
        """As in any world, and what was passed over may have nothing to say, nor to remember."""
        passed_over = [prop for prop in properties(when) if prop not in to_be_asked(when, self.seen)]
        for prop in passed_over:
            before = dict(self.seen.states)
            if not (self.fs.error and prop.unless_aborted):
                for mismatch in prop.check(self.seen):
                    raise HiddenError(f"{prop.name}: {mismatch}")
            assert self.seen.states == before, prop.name
        self.answered |= {prop.name for prop in passed_over}
        super().check(when, of_history=of_history)


def walk(seed: str, reverts: tuple[Revert, ...], place: int) -> set[str]:
    """A random case in a doubting world, to its very end; the properties that looks answered for."""
    kinds = machines_for(reverts[0]) if reverts else MACHINES
    found, _ = run_machine(seed, STEPS, reverts, kind=kinds[place % len(kinds)])
    world = Doubting(found.world.geometry, reverts, run_on=True)
    judge(Case(found.world.geometry, tuple(found.world.program)), world)
    return set(world.answered)


def walks(cases: int) -> Iterator[set[str]]:
    """Of each machine, and of each race."""
    for number in range(cases):
        for place in range(len(MACHINES)):
            yield walk(f"fixed {number}", (), place)
        for revert in catalogue():
            yield walk(f"{revert.id} {number}", (revert,), number)


def walks_of(race: Revert, cases: int) -> Iterator[set[str]]:
    """Of one race."""
    for number in range(cases):
        yield walk(f"{race.id} {number}", (race,), number)


def test_looks_and_properties_agree_whatever_happens() -> None:
    """If a look said that all is well where a property would not, a failure would be missed."""
    assert set().union(*walks(1)) == BEHIND_LOOKS, "every look answers sometimes, or it is for nothing"


@pytest.mark.parametrize(
    ("name", "damage"), ALL_DAMAGE, ids=[f"{name}: {damage.what}" for name, damage in ALL_DAMAGE]
)
def test_no_look_hides_a_planted_defect(name: str, damage: Damage) -> None:
    """If the property were not asked, its defect would go unseen in a campaign."""
    world = damage.world()
    damage.plant(world)
    asked = {prop.name for when in judged(world) for prop in to_be_asked(when, world.seen)}
    assert {name, *damage.also} <= asked


def test_a_look_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the comparison could not fail, nobody would know that looks are right."""
    race = next(revert for revert in catalogue() if revert.expected == CONTENTS)
    look = next(prop.quick for when in When for prop in properties(when) if prop.name == CONTENTS)
    asked = [tuple(p for p in properties(when) if p.quick is not look) for when in When]
    monkeypatch.setattr(registry, "_behind", lambda when, _: asked[list(When).index(when)])
    with pytest.raises(HiddenError, match=CONTENTS):
        list(walks_of(race, 200))


def test_a_thorough_world_asks_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it trusted looks too, nothing would be left to compare them with."""
    damage = DAMAGE["space_info_is_the_sum_of_its_block_groups"][0]
    world = damage.world()
    damage.plant(world)
    monkeypatch.setattr("models.world.to_be_asked", lambda *_: ())
    world.check(When.ALWAYS)
    world.thorough = True
    with pytest.raises(Violation, match="space_info_is_the_sum"):
        world.check(When.ALWAYS)
