"""The end of a hunt: what was found, what was done; in the words of ``pytest fuzz/``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz.hunt.state import State
from fuzz.report import Reproducer
from fuzz.shortest import shortest
from fuzz.summary import HIDDEN, count_lines, reproducer_lines, where_saved
from fuzz.tables import plural, wrapped_lines
from fuzz.traces import file_name, loads
from models.reverts import told


def report(state: State, places: Sequence[str], traces: Path, *, verbose: bool = False) -> Iterator[str]:
    """Reproducers first, then counts, then how fast it was, then where the traces are."""
    best = shortest([handed.reproducer for handed in state.handed])
    for reproducer in best:
        cases = plural(state.broken[reproducer.property], "case")
        how = f"fails in {cases} of {state.next}; the shortest that was found"
        yield from reproducer_lines(reproducer, how, state.campaign.reverts, places)
    yield from _not_handed(state)
    if best and not verbose:
        yield HIDDEN
    else:
        yield from count_lines(state.tally)
    campaign = state.campaign
    yield from wrapped_lines("machines", ", ".join(campaign.machines))
    if campaign.aims:
        reached = sum(name in state.tally.interleavings for name in campaign.aims)
        tried = min(state.next, len(campaign.aims))
        yield f"aims: {len(campaign.aims)} interleavings, {tried} tried, {reached} reached"
    yield f"{'' if state.found else 'nothing failed, '}{told(campaign.reverts)}"
    yield f"seed: {campaign.seed}, {campaign.steps} steps a case"
    speed = state.tally.steps / state.seconds if state.seconds else 0.0
    yield (
        f"{state.next} cases, {state.tally.steps} steps, {state.seconds:.1f} seconds, "
        f"{speed:.0f} steps per second"
    )
    for reproducer in best:
        yield from where_saved(traces / _name(reproducer))


def _not_handed(state: State) -> Iterator[str]:
    """What a reproducer does not tell."""
    for handed in state.handed:
        if handed.complaint:
            failure = handed.failure
            yield f"case {failure.number} ({failure.machine}) is not in the database: {handed.complaint}"
    for failure in state.pending:
        yield (
            f"{failure.property} broke in case {failure.number} ({failure.machine}), "
            "which is not minimal yet: --resume goes on with it"
        )
    for mistake in state.mistakes:
        yield f"the model itself fails in case {mistake.number} ({mistake.machine}):"
        yield from (f"    {line}" for line in mistake.text.splitlines())


def _name(reproducer: Reproducer) -> str:
    return file_name(loads(reproducer.trace))
