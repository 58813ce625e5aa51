"""Proofs that a failing program is as short as one can be: every shorter one is run.

Shorter means fewer steps and preemptions together, on the same file system.  What "every" covers is said by
:data:`COVERAGE`, in the words that are printed.
"""

from __future__ import annotations

from fuzz.prove.fingerprint import fingerprint
from fuzz.prove.proof import COVERAGE, Proof, prove
from fuzz.prove.search import FailingProgram, LimitReached, ProgramsCovered, ProgramSearch

__all__ = [
    "COVERAGE",
    "FailingProgram",
    "LimitReached",
    "ProgramSearch",
    "ProgramsCovered",
    "Proof",
    "fingerprint",
    "prove",
]
