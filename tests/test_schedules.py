"""Schedule strategies: what each of them promises, on targets where it can be counted."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from models.sctbench import PROGRAMS
from models.simulation import Simulation, Steps
from models.target import Place, Run, in_turn, run
from strategies.schedules import (
    STRATEGIES,
    BoundedPreemption,
    Choose,
    Conflicts,
    DelayBounding,
    Pct,
    Pos,
    RandomWalk,
    ReadsFrom,
    Strategy,
    informed,
    search,
)
from strategies.schedules.bounded_preemption import PREEMPTIONS
from strategies.schedules.delay_bounding import DELAYS
from strategies.schedules.reads_from import Wish

BY_NAME = {program.name: program for program in PROGRAMS}


def seeded(seed: object) -> Choose:
    """Choices by a seed."""
    return random.Random(str(seed)).randrange  # noqa: S311 - equal seeds, equal schedules


def every_strategy() -> pytest.MarkDecorator:
    """A test for each strategy."""
    return pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)


class Steppers:
    """Three tasks, each of which touches something of its own five times and notes its steps."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim

    def tasks(self) -> Mapping[str, Steps[None]]:
        """Of three roles."""
        return {name: self.go(name) for name in ("c", "a", "b")}

    def go(self, name: str) -> Steps[None]:
        """Five steps."""
        points = {"a": "write x", "b": "write y", "c": "write z"}
        for _ in range(5):
            yield points[name]

    def properties(self) -> Mapping[str, bool]:
        """Nothing can break."""
        return {}


def runs(strategy: type[Strategy], count: int) -> list[Run]:
    """Schedules of the steppers, by a strategy that has seen one."""
    one, choose = informed(strategy, Steppers), seeded(strategy.name)
    return [run(Steppers, one.schedule(choose)) for _ in range(count)]


@every_strategy()
def test_the_simplest_schedule_is_in_turn(strategy: type[Strategy]) -> None:
    """If all zeros were anything else, a failing schedule would shrink towards that."""
    plain = run(Steppers, in_turn)
    assert run(Steppers, informed(strategy, Steppers).schedule(lambda count: count * 0)).steps == plain.steps


@every_strategy()
def test_equal_choices_give_equal_schedules(strategy: type[Strategy]) -> None:
    """If a schedule depended on more than its choices, it could not be replayed."""
    build = BY_NAME["twostage_20"].build
    first, second = (run(build, informed(strategy, build).schedule(seeded(1))) for _ in range(2))
    assert first.steps == second.steps


@every_strategy()
def test_every_order_of_the_tasks_is_tried(strategy: type[Strategy]) -> None:
    """If one task always went first, what needs another one first would never be found."""
    firsts = {done.steps[0].task for done in runs(strategy, 2_000)}
    assert firsts == {"a", "b", "c"}


@pytest.mark.parametrize(("strategy", "most"), [(BoundedPreemption, PREEMPTIONS), (DelayBounding, DELAYS)])
def test_a_bound_is_kept_and_used(strategy: type[Strategy], most: int) -> None:
    """If the bound were not kept, the strategy would be a random walk; if not used, it would be none."""
    assert max(done.preemptions for done in runs(strategy, 300)) == most


def test_pct_lowers_a_priority_twice_at_most() -> None:
    """If priorities changed more often, the bound of the paper would not hold."""
    preemptions = [done.preemptions for done in runs(Pct, 500)]
    assert max(preemptions) == 2
    assert min(preemptions) == 0


def test_pct_keeps_its_bound_on_a_race_of_depth_two() -> None:
    """If priorities or change points were not uniform, its promise would be broken: this deadlock of n tasks
    in k steps is hit by one schedule in n k at least."""
    program = BY_NAME["deadlock01"]
    strategy, choose = informed(Pct, program.build), seeded("bound")
    tries = 3_000
    hits = sum(bool(run(program.build, strategy.schedule(choose)).broken) for _ in range(tries))
    assert hits / tries >= 1 / (3 * (strategy.steps + 1))


def test_a_random_walk_is_uniform() -> None:
    """If it were not, it would be no baseline: each task has the first step in a third of the schedules."""
    firsts = [done.steps[0].task for done in runs(RandomWalk, 3_000)]
    assert all(900 < firsts.count(name) < 1_100 for name in "abc")


class Duel:
    """One writes x once; the other does much before, elsewhere."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.order: list[str] = []

    def tasks(self) -> Mapping[str, Steps[None]]:
        """Both."""
        return {"short": self.write("short", 0), "long": self.write("long", 20)}

    def write(self, name: str, before: int) -> Steps[None]:
        """Do so much elsewhere, then write x."""
        for _ in range(before):
            yield "write elsewhere"
        yield "write x"
        self.order.append(name)

    def properties(self) -> Mapping[str, bool]:
        """Who has done less comes first."""
        return {"the_short_one_is_first": self.order[:1] != ["long"]}


def test_pos_does_not_mind_how_much_is_done_before_a_conflict() -> None:
    """If priorities were drawn per task or at each step, one order would be rare: a random walk lets the long
    one win once in a million."""
    wins = {
        strategy: sum(bool(run(Duel, strategy().schedule(seeded(seed))).broken) for seed in range(1_000))
        for strategy in (Pos, RandomWalk)
    }
    assert wins[RandomWalk] <= 1
    assert wins[Pos] >= 20


class Contest:
    """One writes x five times, the other once."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.writes = 0
        self.once_was_last = False

    def tasks(self) -> Mapping[str, Steps[None]]:
        """Both."""
        return {"often": self.often(), "once": self.once()}

    def often(self) -> Steps[None]:
        """Write five times."""
        for _ in range(5):
            yield "write x"
            self.writes += 1

    def once(self) -> Steps[None]:
        """Write once."""
        yield "write x"
        self.once_was_last = self.writes == 5

    def properties(self) -> Mapping[str, bool]:
        """Not to be last."""
        return {"once_is_not_last": not self.once_was_last}


def test_pos_lets_who_lost_a_race_win_the_next() -> None:
    """If who lost kept its priority, it would lose all five in one of six schedules, not in one of 32."""
    lost = sum(bool(run(Contest, Pos().schedule(seeded(seed))).broken) for seed in range(2_000))
    assert 2_000 / 64 < lost < 2_000 / 16


READ, WRITE, OTHER = Place("reader", "read x"), Place("writer", "write x"), Place("other", "write x")


@pytest.mark.parametrize(
    ("wish", "spoilt", "last"),
    [
        (Wish(READ, WRITE, wanted=True), [READ], {}),
        (Wish(READ, WRITE, wanted=True), [OTHER], {"x": WRITE}),
        (Wish(READ, None, wanted=True), [WRITE, OTHER], {}),
        (Wish(READ, None, wanted=True), [READ], {"x": OTHER}),
        (Wish(READ, WRITE, wanted=False), [READ], {"x": WRITE}),
        (Wish(READ, WRITE, wanted=False), [], {}),
    ],
)
def test_who_would_spoil_a_wish(wish: Wish, spoilt: list[Place], last: dict[str, Place]) -> None:
    """If the wrong one were held up, an abstract schedule would be asked for and never come."""
    elsewhere = Place("writer", "write y")
    places = (READ, OTHER, elsewhere) if wish.writer == WRITE and last else (READ, WRITE, OTHER, elsewhere)
    assert [place for place in places if wish.is_spoilt_by(place, last)] == spoilt


class Readers:
    """One reads x three times, two write it once each."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim

    def tasks(self) -> Mapping[str, Steps[None]]:
        """All three."""
        return {"writer": self.write(), "other": self.write(), "reader": self.read()}

    def write(self) -> Steps[None]:
        """Once."""
        yield "write x"

    def read(self) -> Steps[None]:
        """Three times."""
        for _ in range(3):
            yield "read x"

    def properties(self) -> Mapping[str, bool]:
        """Nothing can break."""
        return {}


@pytest.mark.parametrize("writer", [None, WRITE, OTHER])
def test_a_wish_is_granted_once(writer: Place | None) -> None:
    """If a wish did not come true, or held others up for ever after, it would be of no use, or do harm."""
    strategy, choose = ReadsFrom(), seeded(str(writer))
    strategy.kept = [(Wish(READ, writer, wanted=True),)]
    orders = set()
    for _ in range(100):
        places = tuple(step.place for step in run(Readers, strategy.schedule(choose)).steps)
        before = places[: places.index(READ)]
        assert before[-1:] == (() if writer is None else (writer,))
        orders.add(places)
    afterwards = [places[places.index(READ) + 1 :] for places in orders]
    assert any(rest[0].writes for rest in afterwards)
    assert any(rest[0] == READ for rest in afterwards)


def test_what_led_to_news_is_kept_once() -> None:
    """If everything were kept, what was news once would be drowned; if nothing, nothing could be extended."""
    build = BY_NAME["twostage"].build
    strategy, choose = ReadsFrom(), seeded("news")
    first = run(build, strategy.schedule(choose))
    strategy.learn(first)
    known = set(strategy.seen)
    strategy.asked = (Wish(READ, WRITE, wanted=True),)
    strategy.learn(first)
    assert (strategy.seen, strategy.kept) == (known, [()])
    for _ in range(300):
        strategy.learn(run(build, strategy.schedule(choose)))
    assert len(strategy.seen) > len(known)
    assert 1 < len(strategy.kept) <= 1 + len(strategy.seen) - len(known)


def test_reads_from_finds_what_partial_order_sampling_does_not() -> None:
    """If wishes were not followed, the two would be the same."""
    assert search(BY_NAME["reorder_20"].build, ReadsFrom(), seeded(0), 400) is not None


def test_holding_up_at_a_conflict_finds_what_others_do_not() -> None:
    """If nobody were held up where tasks meet, this would be partial order sampling, which finds it never."""
    build = BY_NAME["reorder_20"].build
    assert search(build, Conflicts(), seeded(0), 200) is not None
    assert search(build, Pos(), seeded(0), 200) is None


def test_only_conflicts_are_held_up() -> None:
    """If places where nothing can race were held up too, most schedules would be spent on nothing."""
    strategy = Conflicts()
    strategy.learn(run(Duel, in_turn))
    assert strategy.contended == [Place("short", "write x"), Place("long", "write x")]
