"""The end of a run: what was found, what was done, and what was never reached."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz.database import traces_folder
from fuzz.interleavings import Coverage, estimate
from fuzz.options import Run
from fuzz.report import Reproducer
from fuzz.shards import Outcome
from fuzz.tables import counted, plural, wrapped_lines
from fuzz.tally import Tally
from fuzz.targets import KERNEL, MODEL, QEMU
from fuzz.targets.kernel.report import count_lines as kernel_lines
from fuzz.targets.qemu.report import count_lines as qemu_lines
from fuzz.traces import TraceError, file_name, loads, save
from models.operations import ALL_POINTS, BY_NAME
from models.reverts import Revert, told
from models.sometimes import sentences

HIDDEN = "what was reached, and what never: -v"
"""Stands for the counts where something was found: they would push the reproducer off the screen."""


def summary_lines(
    run: Run,
    outcomes: Sequence[tuple[str, Outcome]],
    best: Sequence[Reproducer],
    elapsed: float,
    *,
    verbose: bool,
) -> Iterator[str]:
    """The ``best`` reproducers first, then counts; the seed last.

    What was reached and what was not matters where nothing was found: a search that finds something ends
    early.  So then it is told only if it is ``verbose``.
    """
    for reproducer in best:
        how = _how(reproducer, outcomes)
        yield from reproducer_lines(reproducer, how, run.reverts, run.places, run.target)
    replayed = [outcome for nodeid, outcome in outcomes if "test_saved_failures" in nodeid]
    saved = len(run.database.saved())
    if replayed:
        failed = sum(outcome.failed for outcome in replayed)
        result = f"{failed} of them {'fails' if failed == 1 else 'fail'}" if failed else "all pass"
        yield f"replayed {plural(saved, 'saved failure')}: {result}"
    else:
        yield "replayed 0 saved failures: none was saved when the run began"
    total = _total(outcomes)
    if total.examples:
        yield f"{total.examples} examples, {total.steps} steps, {total.steps / elapsed:.0f} steps per second"
        real = {KERNEL: kernel_lines, QEMU: qemu_lines}.get(run.target)
        hidden = real is None and best and not verbose
        if hidden:
            yield HIDDEN
        else:
            yield from real(total, elapsed) if real is not None else count_lines(total)
        if not total.steps:
            yield "no step was run, so nothing was tested: the first example of a search is the empty case"
        missing = never_reached(outcomes)
        if missing and run.profile.must_reach and not run.reverts and not hidden:
            yield (
                f"the profile {run.profile_name} must reach each: "
                "a run that finds nothing else fails for these"
            )
    yield f"profile {run.profile_name}, {told(run.reverts)}"
    yield f"fuzz seed: {run.seed}  (repeat with --fuzz-seed {run.seed})"


def _how(best: Reproducer, outcomes: Sequence[tuple[str, Outcome]]) -> str:
    """Who found it."""
    searches = [outcome for nodeid, outcome in outcomes if "test_shard" in nodeid]
    found = [outcome.reproducer.property for outcome in searches if outcome.reproducer is not None]
    if best.property not in found:
        return "found by replaying what is saved; made of the shortest case"
    how_many = f"{found.count(best.property)} of {len(searches)} searches"
    return f"found by {how_many}; the shortest that was found"


def found_in(outcomes: Sequence[tuple[str, Outcome]]) -> list[Reproducer]:
    """All reproducers of a run."""
    return [outcome.reproducer for _, outcome in outcomes if outcome.reproducer is not None]


def save_traces(run: Run, found: Sequence[Reproducer]) -> Iterator[str]:
    """Save the trace of everything that was found; a line where that cannot be."""
    for _, complaint in _saved(run, found):
        if complaint:
            yield complaint


def save_shown(run: Run, shown: Sequence[Reproducer]) -> Iterator[str]:
    """Save the traces that were shown; where they are, and how to replay them."""
    for path, complaint in _saved(run, shown):
        options = options_of(run.target, run.reverts)
        yield from where_saved(path, options) if not complaint else [complaint]


def _saved(run: Run, found: Sequence[Reproducer]) -> Iterator[tuple[Path, str]]:
    """Where each trace was saved, or why it could not be."""
    folder = traces_folder(run.places)
    for text in dict.fromkeys(reproducer.trace for reproducer in sorted(found)):
        try:
            yield save_trace(text, folder), ""
        except (OSError, TraceError) as error:
            yield folder, f"a trace cannot be saved in {folder}: {error}"


def save_trace(text: str, folder: Path) -> Path:
    """Save a trace under its own name.  Raises OSError or TraceError."""
    trace = loads(text)
    path = folder / file_name(trace)
    save(trace, path)
    return path


def where_saved(path: Path, options: str = "") -> Iterator[str]:
    """Where a trace is, and how to replay it."""
    yield f"saved: {path}"
    yield f"replay it with: python -m fuzz replay {shlex.quote(str(path))}{options}"


def options_of(target: str, reverts: Sequence[Revert]) -> str:
    """What a command has to be told to replay on a target: only there a fix is never out by itself."""
    taken_out = "".join(f" --revert {revert.id}" for revert in reverts)
    return "" if target == MODEL else f" --target {target}{taken_out}"


def reproducer_lines(
    best: Reproducer, how: str, reverts: Sequence[Revert], places: Sequence[str], target: str = MODEL
) -> Iterator[str]:
    """What is shown of a property that broke, ``how`` it was found, and how to replay all that is saved."""
    yield ""
    yield from best.text.splitlines()
    yield how
    options = "" if target == MODEL else f" --target {target}"
    options += "".join(f" --revert {revert.id}" for revert in reverts)
    options += "".join(f" --database {shlex.quote(place)}" for place in places)
    yield f"replay with: pytest fuzz/ --hypothesis-profile=replay{options}"
    yield ""


def did_nothing(outcomes: Sequence[tuple[str, Outcome]]) -> bool:
    """Whether searches ran without a single step: the first example of each is the empty case."""
    total = _total(outcomes)
    return total.examples > 0 and total.steps == 0


def _total(outcomes: Sequence[tuple[str, Outcome]]) -> Tally:
    total = Tally()
    for nodeid, outcome in outcomes:
        if "test_shard" in nodeid:
            total.merge(outcome.tally)
    return total


def never_reached(outcomes: Sequence[tuple[str, Outcome]]) -> list[str]:
    """The ``sometimes`` sentences that came true in no case of the search."""
    return _unreached(_total(outcomes))


def _unreached(total: Tally) -> list[str]:
    return [sentence.text for sentence in sentences() if sentence.name not in total.reached]


def count_lines(total: Tally) -> Iterator[str]:
    """How often each operation ran, where tasks were stopped, in how many cases each sentence came true;
    and what never happened."""
    yield from counted("operations", total.operations)
    yield from counted("stopped at", total.stops)
    never = sorted(ALL_POINTS - total.stops.keys()) + sorted(BY_NAME.keys() - total.operations.keys())
    yield from wrapped_lines("never reached", ", ".join(never) or "nothing")
    yield from counted("sometimes", Counter({name.replace("_", " "): n for name, n in total.reached.items()}))
    yield from wrapped_lines("never", ", ".join(_unreached(total)) or "nothing, each was reached")
    seen = estimate(total.interleavings, total.examples)
    yield f"interleavings: {seen}"
    yield f"pairs: {Coverage.total()}, reachable or not; kinds of waits: {len(total.waits)}"
