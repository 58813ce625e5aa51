"""How the interleavings that were reached grow with the cases.

Rarefaction: how many are to be expected in fewer cases, chosen among those that were run.  Interleaving i,
seen in y_i of m cases, is among t of them with the hypergeometric probability 1 - C(m - y_i, t) / C(m, t)
(R. K. Colwell, C. X. Mao, J. Chang, *Interpolating, extrapolating, and comparing incidence-based species
accumulation curves*, Ecology 85(10), 2004).  So the curve needs no more than what a campaign saves, and does
not depend on which case happened to come first.
"""

from __future__ import annotations

from collections import Counter

from fuzz.curves import Curve, svg
from fuzz.interleavings.coverage import Coverage
from fuzz.libraries import library

POINTS = 200
"""Of the curve, at most."""


def expected(coverage: Coverage, cases: int) -> float:
    """How many interleavings so many of its cases show.  Raises MissingLibraryError."""
    hypergeometric = library("scipy.stats", "bench").hypergeom
    alike = Counter(count for count in coverage.interleavings.values() if count)
    return sum(
        number * float(hypergeometric.sf(0, coverage.cases, count, cases))
        for count, number in sorted(alike.items())
    )


def picture(coverage: Coverage) -> str:
    """The curve as SVG, and the estimate of how many there are (Chao2) as a line.

    Raises MissingLibraryError.
    """
    step = max(1, -(-coverage.cases // POINTS))
    cases = [*range(0, coverage.cases, step), coverage.cases]
    known = coverage.estimate
    curves = {
        "reached": Curve(cases, [expected(coverage, number) for number in cases]),
        f"there are about {known.reached + known.left:.0f} (Chao2)": Curve(
            [0, coverage.cases], [known.reached + known.left] * 2, dashed=True
        ),
    }
    return svg(curves, x="cases", y="interleavings")
