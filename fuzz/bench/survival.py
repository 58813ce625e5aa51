"""What trials say that were cut off: medians after Kaplan and Meier, and whether two searches differ.

All statistics are SciPy's (``scipy.stats.ecdf`` and ``logrank``, which know of censored data).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan
from typing import Any

from fuzz.bench.time_to_failure import Result
from fuzz.libraries import library

HALF = 0.5 - 1e-9
"""Shares are products of fractions: half of them may come out a little less."""


def stats() -> Any:  # noqa: ANN401 - a module
    """SciPy's.  Raises MissingLibraryError."""
    return library("scipy.stats", "bench")


def _times(results: Sequence[Result]) -> Any:  # noqa: ANN401 - a CensoredData
    """The cases that each took; what found nothing would have taken more."""
    censored = [not result.found for result in results]
    return stats().CensoredData.right_censored([result.cases for result in results], censored)


def curve(results: Sequence[Result]) -> tuple[list[float], list[float]]:
    """Kaplan and Meier's: which share of the trials has found something after how many cases.

    It begins with none after no case, and goes up to the last case of the longest trial.
    """
    survival = stats().ecdf(_times(results)).sf
    found = [1 - share for share in survival.probabilities.tolist()]
    return [0.0, *survival.quantiles.tolist()], [0.0, *found]


def middle(results: Sequence[Result]) -> float:
    """The median of the cases to the first failure; infinity where it was not reached."""
    for cases, share in zip(*curve(results), strict=True):
        if share > HALF:
            return cases
    return inf


def cases_a_failure(results: Sequence[Result]) -> float:
    """How many cases there are to a failure: all that were run, by the trials that found something; as if one
    had, where none did.

    The most likely mean, whatever was cut off, if every case fails with the same chance: that holds for
    searches that do not learn.
    """
    return sum(result.cases for result in results) / max(1, sum(result.found for result in results))


def chance(results: Sequence[Result], others: Sequence[Result]) -> float:
    """The probability of a difference like theirs if there were none (log-rank test).

    1 where there is nothing to tell them apart by: nothing was found, or all at once.
    """
    with library("numpy", "bench").errstate(invalid="ignore"):
        found = float(stats().logrank(_times(results), _times(others)).pvalue)
    return 1.0 if isnan(found) else found


def geometric_mean(ratios: Sequence[float]) -> float:
    """Of at least one."""
    return float(stats().gmean(ratios))
