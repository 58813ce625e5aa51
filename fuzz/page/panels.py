"""The file system after each step, ready to be shown: what is there, and what is not as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fuzz.changes import COUNTERS, FLAGS, by_identity, flags
from fuzz.story import Frame, Story
from models.btrfs.device import DISCARDED
from models.btrfs.state import BlockGroupState, BlockState, FsState
from models.geometry import STALE
from models.properties.values import value_text

Identity = tuple[int, int]

SHORT = (
    (re.compile(r".*?(\d*) ?file (\d+) block (\d+)"), r"\1f\2:\3"),
    (re.compile(r"relocation inode (\d+) block (\d+)"), r"r\1:\2"),
    (re.compile(r"pinned .*"), "pin"),
    (re.compile(r"extent .*"), "ext"),
    (re.compile(r"superblock copy"), "sb"),
)
"""Names of owners as they fit into a block."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A block: what it is used for, its owners in short and in full, and what it holds."""

    block: int
    use: str
    label: str
    value: str
    title: str
    changed: bool
    bio: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """A number or a word, and whether it is not what it was."""

    name: str
    value: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A block group: ``presence`` is ``there``, ``not yet`` or ``gone``."""

    number: int
    type: str
    where: str
    presence: str
    changed: bool
    facts: tuple[Fact, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """What is shown beside a step; ``frame`` is None for the fresh file system."""

    frame: Frame | None
    state: FsState
    before: FsState
    groups: tuple[Group, ...]

    @property
    def number(self) -> int:
        """Of the step; 0 before the first."""
        return self.frame.number if self.frame else 0


def panels(story: Story) -> Iterator[Panel]:
    """One before the first step, and one for each step.  All have the same block groups, in one order."""
    states = [story.start, *(frame.state for frame in story.frames)]
    known: dict[Identity, BlockGroupState] = {}
    for state in states:
        known |= {who: known.get(who, group) for who, group in by_identity(state).items()}
    seen: set[Identity] = set()
    before = story.start
    for frame, state in zip((None, *story.frames), states, strict=True):
        seen |= set(by_identity(state))
        groups = tuple(_group(known[who], who in seen, before, state) for who in sorted(known))
        yield Panel(frame, state, before, groups)
        before = state


def _group(known: BlockGroupState, was_there: bool, before: FsState, state: FsState) -> Group:
    who = (known.start, known.number)
    old, new = by_identity(before).get(who), by_identity(state).get(who)
    writing = {bio.block + i for bio in state.bios for i in range(len(bio.values))}
    presence = "there" if new else "gone" if was_there else "not yet"
    shown = new or known
    cells = tuple(_cells(shown, old, new, writing))
    where = f"blocks {known.start}-{known.start + known.length - 1}"
    facts = tuple(_facts(old, new)) if new else ()
    return Group(known.number, known.type, where, presence, bool(old) != bool(new), facts, cells)


def _cells(
    shown: BlockGroupState, old: BlockGroupState | None, new: BlockGroupState | None, writing: set[int]
) -> Iterator[Cell]:
    """The blocks.  For a block group that is not there, only the bios that write to its place are shown."""
    was: Mapping[int, BlockState] = {block.block: block for block in old.blocks} if old else {}
    for block in shown.blocks:
        bio = block.block in writing
        if new is None:
            title = f"block {block.block}: in no block group" + (", a bio is on its way to it" if bio else "")
            label = "bio" if bio else ""
            yield Cell(block.block, "nothing", label, "", title, changed=False, bio=bio)
            continue
        changed = bool(was) and was.get(block.block) != block
        yield Cell(block.block, block.use, _label(block), _value(block), _title(block, bio=bio), changed, bio)


def _label(block: BlockState) -> str:
    if block.use == "free" or not block.owners:
        return "" if block.use == "free" else block.use[:3]
    label = block.owners[0]
    for pattern, short in SHORT:
        if pattern.fullmatch(label):
            label = pattern.sub(short, label)
            break
    return label + "+" * (len(block.owners) > 1)


def _value(block: BlockState) -> str:
    """What it holds, in a character or two."""
    if block.content is None:
        return ""
    special = {0: "0", STALE: "\N{MIDDLE DOT}", DISCARDED: "\N{MULTIPLICATION SIGN}"}
    return special.get(block.content, f"w{block.content}" if block.content > 0 else "i")


def _title(block: BlockState, *, bio: bool) -> str:
    owners = f" ({', '.join(block.owners)})" if block.owners else ""
    holds = "in no chunk" if block.content is None else f"holds {value_text(block.content)}"
    return f"block {block.block}: {block.use}{owners}, {holds}" + (
        ", a bio is on its way to it" if bio else ""
    )


def _facts(old: BlockGroupState | None, new: BlockGroupState) -> Iterator[Fact]:
    """Counters that are not 0 or were not, then flags that are set or were, and where the item is missing."""
    for name in COUNTERS:
        now, was = getattr(new, name), getattr(old, name, 0)
        if now or was or name == "used":
            value = str(now) if now == was or old is None else f"{was} \N{RIGHTWARDS ARROW} {now}"
            yield Fact(name, value, changed=old is not None and now != was)
    had = flags(old) if old else flags(new)
    for name, is_set in flags(new).items():
        if is_set or had[name] or name == "item":
            yield Fact("", FLAGS[name][0 if is_set else 1], changed=had[name] != is_set)
    if new.new_bgs_of:
        yield Fact("new_bgs of", new.new_bgs_of, changed=old is None)
