"""How Hypothesis draws for us: evenly, and every example anew.

Hypothesis's own way of drawing is made for values that are interesting by themselves: small numbers, bounds,
constants of the program are drawn more often, and after each example up to five more that repeat parts of
it.  A choice here is a position in a list in which everything is there as often as it shall be drawn, so
that all of this only makes the examples alike.  Measured on the first two races, it takes over ten times
as many examples.

An alternative backend is what Hypothesis documents for that (``AVAILABLE_PROVIDERS``); what a failing
example drew is replayed, saved and shrunk by Hypothesis as ever.
"""

from __future__ import annotations

from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

BACKEND = "bgfuzz-even"
"""What :class:`EvenProvider` is called in Hypothesis's settings."""


class EvenProvider(HypothesisProvider):
    """As Hypothesis draws, but integers within bounds are all equally likely."""

    def draw_integer(
        self,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        weights: dict[int, float] | None = None,
        shrink_towards: int = 0,
    ) -> int:
        """An integer of the range; without both bounds, or with weights, what Hypothesis draws."""
        if min_value is None or max_value is None or weights is not None or self._random is None:
            return super().draw_integer(min_value, max_value, weights=weights, shrink_towards=shrink_towards)
        return self._random.randint(min_value, max_value)


AVAILABLE_PROVIDERS[BACKEND] = EvenProvider
