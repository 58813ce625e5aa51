"""How much is left to see, from how often the rare was seen.

A campaign is a sample of cases, and a pair a species that a case may show.  As in ecology, those seen in one
case only and in two say how many were seen in none (M. Böhme, *STADS: Software testing as species
discovery*, TOSEM 27(2), 2018, which shows that it works for fuzzers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """``reached`` species were seen; about ``left`` more could be (no fewer are likely, maybe more);
    ``new`` is how many of them the next case is expected to show."""

    reached: int
    left: float
    new: float

    def __str__(self) -> str:
        return (
            f"{self.reached} reached, about {self.left:.0f} left to see, {self.new:.3f} new in the next case"
        )


def estimate(seen: Mapping[str, int], cases: int) -> Estimate:
    """What a number of ``cases`` says of those to come; ``seen`` has in how many of them each species was.

    ``left`` is Chao2 in its bias-corrected form: (m - 1)/m * Q1 (Q1 - 1) / (2 (Q2 + 1)), for m cases, and
    Q1 and Q2 species seen in one and in two (A. Chao, *Estimating the population size for capture-recapture
    data with unequal catchability*, Biometrics 43, 1987; N. J. Gotelli, R. K. Colwell, 2011).  ``new`` is
    Good and Turing's Q1/m (I. J. Good, *The population frequencies of species and the estimation of
    population parameters*, Biometrika 40, 1953).
    """
    if not cases:
        return Estimate(0, 0.0, 0.0)
    once = sum(number == 1 for number in seen.values())
    twice = sum(number == 2 for number in seen.values())  # noqa: PLR2004 - two is what it says
    left = (cases - 1) / cases * (once * (once - 1)) / (2 * (twice + 1))
    return Estimate(len(seen), left, once / cases)
