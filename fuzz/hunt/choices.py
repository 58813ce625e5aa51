"""A case of a hunt as Hypothesis's choices, so that ``pytest fuzz/`` replays it.

Hypothesis saves a failure as the sequence of what it chose.  A hunt chooses the same by itself, so the
sequence can be written down (:func:`choices_of`); what stands between our choices is Hypothesis's own
affair and may change from version to version.  So nothing is believed: the sequence is run by Hypothesis,
from a database of its own, before it is saved, and what is saved is what Hypothesis made of it
(:func:`as_example`).

Source: hypothesis/stateful.py (run_state_machine, RuleStrategy), strategies/_internal/featureflags.py and
internal/conjecture/utils.py (many), 6.170.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import Phase
from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
from hypothesis.stateful import run_state_machine_as_test

from fuzz.case import Case
from fuzz.database import NamedDatabase
from fuzz.machine import BlockGroupMachine, FoundFailure
from fuzz.machines import machine_factory
from fuzz.options import Run
from fuzz.random_cases import Mkfs, Pick
from fuzz.tally import Tally

Choice = bool | int


class NotReplayedError(Exception):
    """Hypothesis makes another case of the choices.  The message is one line."""


def choices_of(mkfs: Mkfs, picks: Sequence[Pick]) -> Iterator[Choice]:
    """What Hypothesis would have chosen, to the end of the case."""
    yield False  # no end yet
    yield mkfs.layout
    yield mkfs.shape
    yield int(mkfs.several)
    yield from _files(mkfs)
    for number, pick in enumerate(picks):
        yield False  # no end yet
        if number == 0:
            yield 0  # how likely it is that a rule is switched off (swarm testing)
        yield False  # the one rule is not
        yield from pick
    yield True  # the end


def _files(mkfs: Mkfs) -> Iterator[Choice]:
    """One file is a list without a choice of how long it is; others say before each whether it comes."""
    for position in mkfs.files:
        if mkfs.several:
            yield True
        yield position
    if mkfs.several:
        yield False  # no more; chosen even where there could be no more


def as_example(run: Run, kind: type[BlockGroupMachine], choices: Sequence[Choice], case: Case) -> bytes:
    """The database entry of that failing case: of the choices, those that it takes to fail.

    Raises NotReplayedError where Hypothesis runs another case when it is given these choices.
    """
    memory = NamedDatabase(InMemoryExampleDatabase(), kind.__name__)
    memory.save(b"", choices_to_bytes(choices))
    settings = run.settings((Phase.reuse,), memory)
    try:
        run_state_machine_as_test(machine_factory(kind, run.reverts, Tally()), settings=settings)
    except FoundFailure as failure:
        if failure.case == case:
            return min(memory.saved(), key=lambda entry: (len(entry), entry))
        raise NotReplayedError("Hypothesis fails in another way with the same choices") from failure
    raise NotReplayedError("Hypothesis finds nothing with the same choices")
