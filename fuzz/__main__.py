"""The command line: the catalogue of races, what can be done with a trace, and benches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import cast

from fuzz.commands import Parser, UsageError, bench_mutants, bench_races, minimise, prove, races

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code.  A usage error is one line and exits with 2."""
    parser = Parser(prog="python -m fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    races.add_to(commands)
    minimise.add_to(commands)
    prove.add_to(commands)
    benches = commands.add_parser("bench", help="measure what the fuzzer finds")
    measured = benches.add_subparsers(dest="bench", required=True)
    bench_races.add_to(measured)
    bench_mutants.add_to(measured)
    options = parser.parse_args(arguments)
    try:
        return cast("Callable[[object], int]", options.run)(options)
    except UsageError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; --resume goes on from here\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
