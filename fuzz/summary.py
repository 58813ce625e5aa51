"""The end of a run: what was found, what was done, and what was never reached."""

from __future__ import annotations

import shlex
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from fuzz.database import traces_folder
from fuzz.machine import Tally
from fuzz.options import Run
from fuzz.report import Reproducer
from fuzz.shards import Outcome
from fuzz.traces import TraceError, file_name, loads, save
from models.operations import OPERATIONS
from models.sometimes import sentences


def summary_lines(run: Run, outcomes: Sequence[tuple[str, Outcome]], elapsed: float) -> Iterator[str]:
    """Reproducers first, then counts; the seed last."""
    yield from _reproducers(run, found_in(outcomes), len(outcomes))
    replayed = [outcome for nodeid, outcome in outcomes if "test_saved_failures" in nodeid]
    saved = len(run.database.saved())
    if replayed:
        result = "one fails" if replayed[0].reproducer else "all pass"
        yield f"replayed {saved} saved failure{'' if saved == 1 else 's'}: {result}"
    else:
        yield "replayed 0 saved failures: none was saved when the run began"
    total = _total(outcomes)
    if total.examples:
        yield from _counts(total, elapsed)
        yield from _sentences(run, outcomes, total)
    fixes = ", ".join(f"{revert.id} ({revert.name})" for revert in run.reverts) or "none"
    yield f"profile {run.profile_name}, fixes taken out: {fixes}"
    yield f"fuzz seed: {run.seed}  (repeat with --fuzz-seed {run.seed})"


def found_in(outcomes: Sequence[tuple[str, Outcome]]) -> list[Reproducer]:
    """All reproducers of a run."""
    return [outcome.reproducer for _, outcome in outcomes if outcome.reproducer is not None]


def shortest(found: Sequence[Reproducer]) -> list[Reproducer]:
    """The shortest program for every property that broke; the same whatever worker found it first."""
    best: dict[str, Reproducer] = {}
    for reproducer in sorted(found):
        best.setdefault(reproducer.property, reproducer)
    return list(best.values())


def save_traces(run: Run, outcomes: Sequence[tuple[str, Outcome]]) -> Iterator[str]:
    """Save the trace of every reproducer; where those that were shown are, and how to replay them."""
    found, folder = found_in(outcomes), traces_folder(run.places)
    shown = [reproducer.trace for reproducer in shortest(found)]
    for text in dict.fromkeys([*shown, *(reproducer.trace for reproducer in sorted(found))]):
        try:
            trace = loads(text)
            path = folder / file_name(trace)
            save(trace, path)
        except (OSError, TraceError) as error:
            yield f"a trace cannot be saved in {folder}: {error}"
            continue
        if text in shown:
            yield f"saved: {path}"
            yield f"replay it with: python -m fuzz replay {shlex.quote(str(path))}"


def _reproducers(run: Run, found: Sequence[Reproducer], searches: int) -> Iterator[str]:
    """What is shown of each property that broke, and how to replay all that is saved."""
    for best in shortest(found):
        same = [reproducer for reproducer in found if reproducer.property == best.property]
        yield ""
        yield from best.text.splitlines()
        yield f"found by {len(same)} of {searches} searches; this is the shortest program"
        options = "".join(f" --revert {revert.id}" for revert in run.reverts)
        options += "".join(f" --database {shlex.quote(place)}" for place in run.places)
        yield f"replay with: pytest fuzz/ --hypothesis-profile=replay{options}"
        yield ""


def _total(outcomes: Sequence[tuple[str, Outcome]]) -> Tally:
    total = Tally()
    for nodeid, outcome in outcomes:
        if "test_shard" in nodeid:
            total.merge(outcome.tally)
    return total


def never_reached(outcomes: Sequence[tuple[str, Outcome]]) -> list[str]:
    """The ``sometimes`` sentences that came true in no case of the search."""
    reached = _total(outcomes).reached
    return [sentence.text for sentence in sentences() if sentence.name not in reached]


def _sentences(run: Run, outcomes: Sequence[tuple[str, Outcome]], total: Tally) -> Iterator[str]:
    """How many cases reached each sentence, and what none did."""
    yield from _table("sometimes", Counter({name.replace("_", " "): n for name, n in total.reached.items()}))
    missing = never_reached(outcomes)
    yield from _wrapped("never", ", ".join(missing) or "nothing, each was reached")
    if missing and run.profile.must_reach:
        yield f"the profile {run.profile_name} must reach each: a run that finds nothing else fails for these"


def _counts(total: Tally, elapsed: float) -> Iterator[str]:
    yield f"{total.examples} examples, {total.steps} steps, {total.steps / elapsed:.0f} steps per second"
    yield from _table("operations", total.operations)
    yield from _table("stopped at", total.stops)
    points = {point for operation in OPERATIONS for point in operation.points}
    names = {operation.name for operation in OPERATIONS}
    never = sorted(points - total.stops.keys()) + sorted(names - total.operations.keys())
    yield from _wrapped("never reached", ", ".join(never) or "nothing")


def _table(title: str, counts: Counter[str]) -> Iterator[str]:
    entries = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    yield from _wrapped(title, ", ".join(f"{name} {count}" for name, count in entries))


def _wrapped(title: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(f"{title}: {text}", 100, subsequent_indent="    ", break_long_words=False)
