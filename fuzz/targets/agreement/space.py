"""Block groups on both sides, and how much of them is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fuzz.targets.agreement.difference import Aspect, Difference

if TYPE_CHECKING:
    from fuzz.targets.agreement.pair import Pair


def groups(pair: Pair) -> Iterator[Difference]:
    """Block groups that came and went."""
    model, kernel = pair.model.group_addresses(), pair.kernel.group_addresses()
    pair.counts.looks[Aspect.GROUPS] += 1
    new, other = pair.names.mate(model, kernel)
    mated = sorted(pair.names.groups.items())
    for at, mate in mated:  # they come first: what is gone may have come back as another
        if (at in model) != (mate in kernel):
            here, there = ("there" if is_there else "gone" for is_there in (at in model, mate in kernel))
            yield Difference(Aspect.GROUPS, f"group at {at}", here, there, number=at)
    if pair.names.apart:  # as one of them has just told
        return
    for at in new:
        yield Difference(Aspect.GROUPS, f"group at {at}", "there", "not made", number=at)
    for at in other:
        yield Difference(Aspect.GROUPS, f"group at {at:#x}", "not made", "there", number=at)


def used(pair: Pair) -> Iterator[Difference]:
    """Used blocks just after a commit, of all; and of each, while both use the same block groups."""
    pair.counts.looks[Aspect.USED] += 1
    model, kernel = pair.model.used(), pair.kernel.used()
    total, other = sum(model.values()), sum(kernel.values())
    if total != other:
        yield Difference(Aspect.USED, "used DATA blocks", f"{total}", f"{other}")
        return
    if pair.names.apart:
        return
    pair.counts.looks[Aspect.USED_OF_EACH] += 1
    for at, mate in sorted(pair.names.groups.items()):
        some, others = model.get(at, 0), kernel.get(mate, 0)
        if some != others and not pair.names.apart:
            yield Difference(Aspect.USED_OF_EACH, f"group at {at}", f"{some}", f"{others}", number=at)
