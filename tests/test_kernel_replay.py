"""Replaying what searches on the live kernel saved: each failure by itself.  Needs no root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import Phase

from fuzz.database import NamedDatabase
from fuzz.options import Run, make_run
from fuzz.report import Reproducer
from fuzz.shards import Outcome
from fuzz.tally import Tally
from fuzz.targets import KERNEL
from fuzz.targets.kernel import runs
from fuzz.targets.kernel.machine import kernel_machines
from fuzz.targets.kernel.runs import Order, execute

if TYPE_CHECKING:
    import pytest

FIRST, SECOND = kernel_machines()[:2]
SAVED = {
    (FIRST.__name__, b"\x01"): Reproducer(steps=4, text="four", property="contents"),
    (FIRST.__name__, b"\x02"): Reproducer(steps=3, text="three", property="contents"),
    (SECOND.__name__, b"\x03"): Reproducer(steps=9, text="nine", property="durable"),
    (SECOND.__name__, b"\x04"): None,
}
"""What becomes of each value that is saved when it is run again."""


class NoMachinery:
    """Nothing below a case, as none is run."""

    def __init__(self, gate: Sequence[str]) -> None:
        del gate

    def close(self) -> None:
        """Nothing to close."""


def ended(
    run: Run,
    machinery: object,
    machine: type,
    number: int,
    phases: Sequence[Phase],
    database: NamedDatabase,
) -> Outcome:
    """What SAVED says of the one value that is there to be run."""
    del run, machinery
    assert (number, phases) == (0, (Phase.reuse,))
    (value,) = database.saved()
    found = SAVED[machine.__name__, value]
    return Outcome(Tally(examples=1), 0.5, found, failed=int(found is not None))


def test_every_property_is_shown_and_every_failure_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If a replay ended with the first failure, or showed the first only, the others would be lost."""
    place = str(tmp_path / "saved")
    run = make_run("default", {}, 1, (), (place,), target=KERNEL)
    for machine, value in SAVED:
        run.database.of(machine).save(b"digest", value)
    monkeypatch.setattr(runs, "Machinery", NoMachinery)
    monkeypatch.setattr(runs, "_search", ended)
    total, *found = execute(Order.of(run, -1))
    assert (total.tally.examples, total.failed, total.seconds, total.reproducer) == (4, 3, 2.0, None)
    assert [outcome.reproducer for outcome in found] == [
        SAVED[FIRST.__name__, b"\x02"],
        SAVED[SECOND.__name__, b"\x03"],
    ]
