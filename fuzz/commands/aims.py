"""What a hunt is to try on purpose."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fuzz.commands import UsageError
from fuzz.commands.campaigns import read
from fuzz.hunt import Campaign
from fuzz.interleavings import together
from fuzz.random_cases import machines_with
from fuzz.searches.aimed import Aim, aim_of, aims_among

AIMS = ("aim", "missed")
"""The options."""


def add_aims(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument(
        "--aim",
        action="append",
        metavar="WHAT",
        help="stop and begin on purpose what may race: operations (relocate,start-nocow-dio), or one "
        "interleaving (commit @ btrfs_insert_item / trim); repeatable",
    )
    parser.add_argument(
        "--missed",
        type=Path,
        action="append",
        metavar="FILE",
        help="try what this campaign never reached; several files are one campaign",
    )


def with_aims(campaign: Campaign, options: argparse.Namespace) -> Campaign:
    """The campaign with the aims that these options ask for.  Raises UsageError.

    If no machines were named, what is named is aimed at on the machine with the fewest operations that has
    all of it, and all that the races of the reverts need: it finds soonest what they do.
    """
    if options.aim and options.missed:
        raise UsageError("--aim and --missed: these are two hunts, on other machines")
    aims = [aim for what in options.aim or () for aim in _aims(what)]
    if aims and options.machines is None:
        needed = [name for revert in campaign.reverts for name in revert.operations]
        needed += [name for aim in aims for name in aim.operations]
        able = machines_with(needed, campaign.kinds)
        campaign = replace(campaign, machines=(able[0].__name__,))  # Everything has them all
    if options.missed:
        never = map(Aim.of, together(map(read, options.missed)).never())
        aims += [aim for aim in never if machines_with(aim.operations, campaign.kinds)]
        if not aims:
            raise UsageError("--missed: all that these machines could show was reached")
    campaign = replace(campaign, aims=tuple(dict.fromkeys(map(str, aims))))
    try:
        campaign.check()
    except ValueError as error:
        raise UsageError(f"--aim: {error}") from error
    return campaign


def _aims(what: str) -> Sequence[Aim]:
    """One interleaving, or those of operations."""
    try:
        aims = [aim_of(what)] if " @ " in what else aims_among(name.strip() for name in what.split(","))
    except ValueError as error:
        raise UsageError(f"--aim {what!r}: {error}") from error
    if not aims:
        raise UsageError(f"--aim {what!r}: none of them has a preemption point")
    return aims
