"""The command line: the catalogue of races, traces and how they are drawn, benches."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import cast

from fuzz.commands import (
    Parser,
    UsageError,
    agree,
    bench_hunt,
    bench_minimal,
    bench_mutants,
    bench_proofs,
    bench_races,
    bench_scale,
    bench_schedules,
    bench_sctbench,
    bench_throughput,
    bench_time_to_failure,
    confirm,
    coverage,
    exhaust,
    export,
    hunt,
    minimise,
    prove,
    races,
    replay,
    show,
)
from fuzz.libraries import MissingLibraryError
from models.reverts import EntryError

COMMANDS = (races, hunt, coverage, replay, show, export, minimise, prove, exhaust, confirm, agree)
"""In the order of the help."""
BENCHES = (
    bench_races,
    bench_hunt,
    bench_mutants,
    bench_minimal,
    bench_proofs,
    bench_schedules,
    bench_sctbench,
    bench_throughput,
    bench_scale,
    bench_time_to_failure,
)
"""In the order of the help of ``bench``."""
INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit codes after Ctrl-C, and when the reader of a pipe has gone, as shells have them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code.  A usage error is one line and exits with 2."""
    parser = Parser(prog="python -m fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    benches = commands.add_parser("bench", help="measure what the fuzzer finds")
    measured = benches.add_subparsers(dest="bench", required=True)
    for bench in BENCHES:
        bench.add_to(measured)
    options = parser.parse_args(arguments)
    try:
        code = cast("Callable[[object], int]", options.run)(options)
        sys.stdout.flush()
    except (UsageError, MissingLibraryError, EntryError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        hint = "; --resume goes on from here" if hasattr(options, "resume") else ""
        sys.stderr.write(f"interrupted{hint}\n")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return BROKEN_PIPE
    return code


if __name__ == "__main__":
    sys.exit(main())
