"""``python -m fuzz coverage``: which interleavings a hunt or a run reached, and which never."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fuzz.bench.coverage_report import TOGETHER, report
from fuzz.commands import Commands, UsageError
from fuzz.commands.campaigns import STATE, read
from fuzz.commands.output import repeat, say, write
from fuzz.interleavings import growth
from fuzz.interleavings.page import page
from fuzz.interleavings.text import listing


def add_to(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "coverage",
        help="which interleavings were reached, and which never",
        description="Shows a hunt, or a run of pytest: what ran while what else stood where, who waited for "
        "whom, and why the rest never came about.",
    )
    parser.add_argument(
        "results",
        type=Path,
        nargs="*",
        default=[STATE],
        metavar="FILE",
        help=f"the state of a hunt, or what --fuzz-outcomes wrote ({STATE}); several for --markdown",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with every pair instead")
    parser.add_argument(
        "--growth",
        type=Path,
        metavar="FILE",
        help="write a plot instead: how many were reached by how many cases",
    )
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="write a report instead, on each file and all together, and beside it the plot of the last",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print every wait, and every pair that never came about"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print it, or write the page, the plot or the report.  Raises UsageError."""
    if options.markdown is not None:
        if options.html is not None or options.growth is not None:
            raise UsageError("--markdown writes its own plot, and goes with no other option")
        return _report(options.results, options.markdown)
    if len(options.results) > 1:
        raise UsageError("several files are for --markdown only: what is left is estimated for each of them")
    coverage = read(options.results[0])
    if options.growth is not None:
        write(options.growth, growth.picture(coverage))
        say(f"{options.growth}")
    if options.html is not None:
        write(options.html, page(coverage))
        say(f"{options.html}")
    if options.growth is options.html is None:
        console = Console(highlight=False)
        for part in listing(coverage, every=options.verbose):
            console.print(part, soft_wrap=isinstance(part, Text))
    return 0


def _report(results: Sequence[Path], file: Path) -> int:
    """Every campaign goes by its file's name."""
    if file.suffix != ".md" or file.is_dir():
        raise UsageError(f"--markdown {file}: must be a file with a name that ends in .md")
    campaigns = {path.stem: read(path) for path in results}
    if len(campaigns) < len(results):
        raise UsageError("the files must have names of their own: a campaign goes by its file's name")
    if TOGETHER in campaigns:
        raise UsageError(f"a file must not be named {TOGETHER}: that is what all of them are called")
    plot = file.with_suffix(".svg")
    command = repeat("coverage", [path.name for path in results], markdown=file.name)
    write(file, report(command, campaigns, plot.name))
    write(plot, growth.picture(list(campaigns.values())[-1]))
    say(f"{file}")
    return 0
