"""The two seed races: the story here is that of the commit messages, point by point."""

from __future__ import annotations

import re

import pytest
from seeds import DOCUMENT, SEEDS, Seed, document


def squeezed(words: str) -> str:
    """Without what a line break may change."""
    return re.sub(r"\s+", "", words)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.commit)
@pytest.mark.parametrize("side", [0, 1], ids=["upstream", "here"])
def test_every_point_is_told_in_this_order(seed: Seed, side: int) -> None:
    """If a quote were wrong, or the order another, the two would not tell one story."""
    rest = squeezed((seed.upstream, seed.report)[side])
    for point in seed.points:
        quote = squeezed(point[side])
        assert quote in rest, f"{point[side]!r} does not come here"
        rest = rest[rest.index(quote) + len(quote) :]


def test_the_document_is_what_is_printed() -> None:
    """If it were old, it would compare the commits with what is not drawn any more."""
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run python tests/seeds.py"
