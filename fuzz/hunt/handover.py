"""What becomes of a failure: an entry of the example database, and its shortest program if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fuzz.hunt.campaign import Campaign, Failure
from fuzz.hunt.choices import NotReplayedError, as_example, choices_of
from fuzz.minimise import case_of, minimise
from fuzz.options import Shrink, make_run
from fuzz.report import Reproducer, as_found, render
from fuzz.tally import Tally


@dataclass(frozen=True, slots=True)
class Handed:
    """A failure that was handed over; ``complaint`` says why it is not in the database, if it is not."""

    failure: Failure
    reproducer: Reproducer
    complaint: str = ""


def hand_over(campaign: Campaign, places: Sequence[str], failure: Failure, shrink: Shrink) -> Handed:
    """Save the case where ``pytest fuzz/`` looks for it first; then make it as short as it can be, unless
    nothing is to be made shorter.

    In this order: saving takes a moment, and must not be lost if the rest is interrupted.
    """
    run = make_run("default", {}, campaign.seed, campaign.taken_out, places)
    kind, complaint = campaign.kind(failure.number), ""
    mkfs, picks, found = campaign.run(failure.number, Tally())
    assert found is not None, "a case that failed fails again"
    choices = list(choices_of(mkfs, picks))
    try:
        run.database.of(failure.machine).save(b"", as_example(run, kind, choices, found.case))
    except (NotReplayedError, OSError) as error:
        complaint = str(error)
    if shrink is Shrink.NONE:
        return Handed(failure, as_found(found.case, found.violation, campaign.reverts), complaint)
    verdict = minimise(found.case, campaign.reverts)
    return Handed(failure, render(case_of(verdict), campaign.reverts), complaint)
