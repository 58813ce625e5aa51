"""Whether a program fails under any schedule: all of them are run, up to a number of preemptions."""

from __future__ import annotations

from fuzz.exhaust.program import Program, program_of
from fuzz.exhaust.result import Exhausted, exhaust
from fuzz.exhaust.search import SchedulesCovered, ScheduleSearch
from fuzz.exhaust.system import COVERAGE, Run
from fuzz.exhaust.text import parse, read_program

__all__ = [
    "COVERAGE",
    "Exhausted",
    "Program",
    "Run",
    "ScheduleSearch",
    "SchedulesCovered",
    "exhaust",
    "parse",
    "program_of",
    "read_program",
]
