"""``python -m fuzz bench time-to-failure``: how many cases each search needs to find each race."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from fuzz.bench.command import ROOT
from fuzz.bench.search_report import report
from fuzz.bench.survival import curve, stats
from fuzz.bench.time_to_failure import CASES, Result, Results, trials, try_search
from fuzz.commands import FOUND, Commands, UsageError, number
from fuzz.commands.benches import add_bench_options, add_races, open_log, publish, races_of, try_missing
from fuzz.commands.output import repeat, write
from fuzz.curves import Curve, matplotlib, svg
from fuzz.searches import SEARCHES, Search

DEFAULT_OUTPUT = ROOT / "fuzz" / "SEARCH.md"
COLOURS = 10
"""As many curves can be told apart by their colour."""


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "time-to-failure",
        help="try every search on every race: how many cases to the first failure",
        description="How many cases does each way to draw them need until the first fails?  Writes a table "
        "and a plot.  The exit code is 1 if some race was found by no search.",
    )
    add_races(parser, rare=True)
    parser.add_argument(
        "--trials", type=number(1, 10_000), default=20, metavar="N", help="trials of each (20)"
    )
    parser.add_argument("--search", default="", metavar="NAME,...", help="only these (default: all)")
    parser.add_argument(
        "--cases",
        type=number(1, 10_000_000),
        default=CASES,
        metavar="N",
        help=f"cases of a trial at most ({CASES:,})",
    )
    add_bench_options(parser, DEFAULT_OUTPUT)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the trials; write the report, and the plot beside it.  Raises UsageError."""
    reverts, searches = races_of(options), _searches(options.search)
    stats()
    matplotlib()
    log, limit = open_log(options), options.cases
    every = trials(reverts, [search.name for search in searches], options.trials, limit)
    try_missing("time to failure", log, every, try_search, workers=options.jobs, alone=True)
    results: dict[tuple[str, str], list[Result]] = {}
    for trial in every:
        results.setdefault((trial.race, trial.search), []).append(Result(**log.data(trial.key)))
    plot = options.output.with_suffix(".svg")
    command = repeat(
        "bench time-to-failure",
        options.ids,
        trials=options.trials,
        search=options.search or None,
        cases=None if limit == CASES else limit,
    )
    write(plot, picture(searches, results))
    publish(options, report(command, reverts, searches, results, limit, plot.name))
    found = {race for (race, _), several in results.items() if any(result.found for result in several)}
    return 0 if len(found) == len(reverts) else FOUND


def picture(searches: Sequence[Search], results: Results) -> str:
    """A curve for each search: which share of its trials, of all races, found something by when."""
    curves: dict[str, Curve] = {}
    for search in searches:
        every = [
            result for (_, name), several in results.items() if name == search.name for result in several
        ]
        cases, share = curve(every)
        curves[search.name] = Curve(cases, share, steps=True, dashed=len(curves) >= COLOURS)
    return svg(curves, x="cases", y="share of the trials that found something", logarithmic=True)


def _searches(names: str) -> list[Search]:
    """The ones of these names, in the order of those that there are."""
    known = {search.name: search for search in SEARCHES}
    wanted = [name.strip() for name in names.split(",")] if names else list(known)
    for name in wanted:
        if name not in known:
            raise UsageError(f"--search: {name!r} is no search: there are {', '.join(known)}")
    return [search for search in SEARCHES if search.name in wanted]
