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

INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit codes after Ctrl-C, and where whoever reads has gone, as shells have them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code.  A usage error is one line and exits with 2."""
    parser = Parser(prog="python -m fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    races.add_to(commands)
    hunt.add_to(commands)
    coverage.add_to(commands)
    replay.add_to(commands)
    show.add_to(commands)
    export.add_to(commands)
    minimise.add_to(commands)
    prove.add_to(commands)
    exhaust.add_to(commands)
    confirm.add_to(commands)
    agree.add_to(commands)
    benches = commands.add_parser("bench", help="measure what the fuzzer finds")
    measured = benches.add_subparsers(dest="bench", required=True)
    bench_races.add_to(measured)
    bench_hunt.add_to(measured)
    bench_mutants.add_to(measured)
    bench_minimal.add_to(measured)
    bench_proofs.add_to(measured)
    bench_schedules.add_to(measured)
    bench_sctbench.add_to(measured)
    bench_throughput.add_to(measured)
    bench_scale.add_to(measured)
    bench_time_to_failure.add_to(measured)
    options = parser.parse_args(arguments)
    try:
        code = cast("Callable[[object], int]", options.run)(options)
        sys.stdout.flush()
    except (UsageError, MissingLibraryError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; --resume goes on from here\n")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return BROKEN_PIPE
    return code


if __name__ == "__main__":
    sys.exit(main())
