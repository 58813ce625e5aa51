"""What a hunt chooses is what Hypothesis could have chosen: it replays it, and saves the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis.database import choices_from_bytes
from programs import CREATION, RELOCATION, reverts

from fuzz.hunt import Campaign
from fuzz.hunt.choices import NotReplayedError, as_example, choices_of
from fuzz.machine import BlockGroupMachine, FoundFailure
from fuzz.machines import MACHINES
from fuzz.options import Run, make_run
from fuzz.random_cases import STEPS, random_choices, run_machine
from fuzz.searches.aimed import aims_among
from fuzz.tally import Tally
from models.properties import Mismatch
from models.world import World

TAKEN_OUT = (CREATION, RELOCATION, "678886bdc637", "2d6cd791e63e")
Found = tuple[type[BlockGroupMachine], str, FoundFailure]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of pytest with these fixes out."""
    return make_run("default", {}, 0, TAKEN_OUT, [str(tmp_path_factory.mktemp("failures"))])


def failing(run: Run, steps: int, cases: int) -> Iterator[Found]:
    """Random cases that fail, the machines taking turns."""
    for number in range(cases):
        kind, seed = MACHINES[number % len(MACHINES)], f"choices/{number}"
        _, failure = run_machine(seed, steps, run.reverts, kind=kind)
        if failure is not None:
            yield kind, seed, failure


def test_hypothesis_runs_the_same_case(run: Run) -> None:
    """If a choice were written down wrongly, the saved entry would be of another case, or of none."""
    several, lengths = set(), set()
    for kind, seed, failure in failing(run, STEPS, 400):
        mkfs, picks = random_choices(seed, STEPS, kind)
        entry = as_example(run, kind, list(choices_of(mkfs, picks)), failure.case)
        chosen = choices_from_bytes(entry)
        assert chosen is not None
        assert chosen == tuple(choices_of(mkfs, picks))[: len(chosen)], "and no more than it takes"
        several.add(mkfs.several)
        lengths.add(len(mkfs.files))
    assert several == {False, True}
    assert lengths >= {1, 3}, "a list that ends by itself, and one that cannot be longer"


def test_hypothesis_runs_an_aimed_case(run: Run) -> None:
    """If an aimed case made a choice that no machine draws, what it finds could not be saved."""
    without_the_fix = replace(run, reverts=reverts(RELOCATION))
    ways = tuple(map(str, aims_among(("start-nocow-dio", "relocate"))))
    campaign = Campaign(0, STEPS, (RELOCATION,), ("Overwriting",), ways)
    replayed = 0
    for number in range(200):
        mkfs, picks, failure = campaign.run(number, Tally())
        if failure is not None:
            choices = list(choices_of(mkfs, picks))
            assert as_example(without_the_fix, campaign.kind(number), choices, failure.case)
            replayed += 1
    assert replayed > 3


def test_a_case_that_fails_at_its_very_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the end were not among the choices, Hypothesis would run on, past what was found."""
    original = World.finish

    def finish(self: World) -> None:
        original(self)
        self.complain("planted", Mismatch("nothing", "this"))

    monkeypatch.setattr(World, "finish", finish)
    kind, seed, steps = MACHINES[0], "choices/end 3", 7  # its last step does something
    _, failure = run_machine(seed, steps, kind=kind)
    assert failure is not None
    assert failure.violation.property == "planted"
    everything_in = make_run("default", {}, 0, (), run.places)
    choices = list(choices_of(*random_choices(seed, steps, kind)))
    entry = as_example(everything_in, kind, choices, failure.case)
    assert list(choices_from_bytes(entry) or ()) == choices
    with pytest.raises(NotReplayedError, match="in another way"):
        as_example(everything_in, kind, [*choices[:-1], *choices[-5:]], failure.case)


def test_another_case_is_refused(run: Run) -> None:
    """If nothing were compared, whatever Hypothesis makes of the choices would be saved as what was found."""
    kind, seed, failure = next(failing(run, STEPS, 400))
    mkfs, picks = random_choices(seed, STEPS, kind)
    with pytest.raises(NotReplayedError, match="finds nothing"):
        as_example(run, kind, list(choices_of(mkfs, picks[:0])), failure.case)
    other = mkfs._replace(shape=(mkfs.shape + 1) % 5)
    with pytest.raises(NotReplayedError):
        as_example(run, kind, list(choices_of(other, picks)), failure.case)


def test_a_longer_case_is_replayed_to_its_end(tmp_path: Path) -> None:
    """If a replay stopped after as many steps as the profile has, what a longer case found would pass."""
    run = make_run("default", {}, 0, TAKEN_OUT, [str(tmp_path)])
    long = next(found for found in failing(run, 200, 200) if len(found[2].case.steps) > run.profile.steps)
    kind, seed, failure = long
    assert as_example(run, kind, list(choices_of(*random_choices(seed, 200, kind))), failure.case)
