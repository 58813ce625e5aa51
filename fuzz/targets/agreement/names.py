"""What the same file and the same block group are called on either side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from models.operations import Step


@dataclass(slots=True)
class Names:
    """From the model's numbers of files, and its addresses of block groups, to those of the other side.

    ``orphans`` are the model's block groups whose counterpart the other side has removed; ``apart`` says that
    the two use different block groups.
    """

    files: dict[int, int]
    groups: dict[int, int] = field(default_factory=dict)
    orphans: set[int] = field(default_factory=set)
    apart: bool = False

    def translated(self, step: Step, here: Mapping[int, int], there: Mapping[int, int]) -> Step:
        """A step of the model's in the numbers of the other side.

        ``here`` and ``there`` are their block groups' numbers by address.  Raises KeyError for what the other
        side has not.
        """
        names: dict[str, Any] = {}
        if step.operation is not None:
            kind: Any = step.operation
            names = {one.name: getattr(kind, one.name) for one in fields(kind)}
        if "file" in names:
            names["file"] = self.files[names["file"]]
        if "group" in names:
            if self.apart:
                raise KeyError(names["group"])
            address = {number: at for at, number in here.items()}[names["group"]]
            names["group"] = there[self.groups[address]]
        return replace(step, operation=replace(step.operation, **names)) if names else step  # type: ignore[type-var]

    def mate(self, here: Mapping[int, int], there: Mapping[int, int]) -> tuple[list[int], list[int]]:
        """Pair new block groups in the order of their addresses; those of each side that are left over."""
        gone = [at for at, mate in self.groups.items() if at not in here and mate not in there]
        for at in gone:
            del self.groups[at]
        self.orphans &= here.keys()
        new = [at for at in sorted(here) if at not in self.groups and at not in self.orphans]
        other = [at for at in sorted(there) if at not in self.groups.values()]
        pairs = min(len(new), len(other))
        self.groups |= dict(zip(new[:pairs], other[:pairs], strict=True))
        return new[pairs:], other[pairs:]

    def adopt(self, orphan: int, mate: int) -> None:
        """A new block group of the other side is from now on the counterpart of an orphan of the model's."""
        self.orphans.remove(orphan)
        self.groups[orphan] = mate

    def part(self, at: int) -> None:
        """The other side has removed its counterpart."""
        self.groups.pop(at, None)
        self.orphans.add(at)
