"""The command line: ``python -m fuzz races`` lists the catalogue of reverts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from models.reverts import Revert, catalogue


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code.  A usage error exits with 2, as argparse does."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    races = commands.add_parser("races", help="the historical fixes that --revert can take out")
    races.add_argument("--json", action="store_true", help="as JSON, for machines")
    options = parser.parse_args(arguments)
    if options.json:
        json.dump([_as_data(revert) for revert in catalogue()], sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        Console().print(_as_table(catalogue()))
    return 0


def _as_data(revert: Revert) -> dict[str, object]:
    return {
        "id": revert.id,
        "name": revert.name,
        "subject": revert.subject,
        "version": revert.version,
        "confirmed": revert.confirmed,
        "wrong_fix_of": revert.wrong_fix_of,
        "chain": revert.chain,
        "mechanism": revert.mechanism,
        "symptom": revert.symptom,
        "operations": list(revert.operations),
        "expected": revert.expected,
    }


def _as_table(reverts: Sequence[Revert]) -> Table:
    table = Table("race", "since", "what", box=box.SIMPLE, show_lines=True)
    table.columns[0].no_wrap = True
    table.columns[2].overflow = "fold"
    for revert in reverts:
        table.add_row(
            f"{revert.id}\n{revert.name}",
            revert.version,
            f"{revert.subject}\n"
            f"symptom: {revert.symptom}\n"
            f"operations: {', '.join(revert.operations)}\n"
            f"expected to break: {revert.expected}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
