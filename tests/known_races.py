"""The programs that are known by hand, of all subjects."""

from __future__ import annotations

import log_races
import programs
import upkeep_races
import write_races

from fuzz.case import Case

PROGRAMS: dict[str, Case] = {
    **{race: programs.shortest(race) for race in programs.SHORTEST},
    **write_races.SHORTEST,
    **upkeep_races.SHORTEST,
    **log_races.SHORTEST,
}
"""A program that shows a race, by the race's id; random search has to find those that are not here."""
