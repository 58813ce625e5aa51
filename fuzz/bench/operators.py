"""Mutation operators for protocol code: what an author might forget, or write the wrong way round.

A tool of its own: those that are kept (mutmut, cosmic-ray, mutatest) change expressions, and have no
operator for a wait, for a lock with its release or for the order of two statements, which is what a
protocol is made of; nor do they run ``pytest fuzz/``.  An operator finds sites in a syntax tree; a mutant is
a few edits of the text, so that the rest of the file stays as it is.

Not mutated: what only tells or judges (``sim.note``, ``history``, ``warn_on``, ghosts), preemption points,
and counters in local variables, which would make loops endless.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from fuzz.bench.locks import TAKES, locks_of
from fuzz.bench.statements import (
    Blocks,
    Edit,
    blocks_of,
    called,
    is_point,
    may_block,
    replaced,
    simple,
    stored,
    untouchable,
    used,
)

WAITS = {"btrfs_start_ordered_extent"}
"""Functions that wait and have no ``wait`` in their name."""
NOTHING, NO_STEPS = "pass", "yield from ()"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file.

    ``before`` and ``after`` are the source of what changes; ``nth`` tells equal ones in one function apart.
    ``reached`` are the lines of which one has to run for the change to be seen.
    """

    operator: str
    file: str
    function: str
    line: int
    before: str
    after: str
    edits: tuple[Edit, ...]
    reached: tuple[int, ...]
    nth: int = 0

    @property
    def key(self) -> str:
        """Names the mutant, wherever it stands in its file."""
        return f"{self.file}: {self.function}: {self.operator}: {self.before} -> {self.after} #{self.nth}"

    def apply(self, source: str) -> str:
        """The file with the change."""
        lines = source.encode().splitlines(keepends=True)
        for edit in sorted(self.edits, reverse=True):
            (first, left), (last, right) = edit.start, edit.end
            text = lines[first - 1][:left] + edit.text.encode() + lines[last - 1][right:]
            lines[first - 1 : last] = [text]
        return b"".join(lines).decode()


class Site(NamedTuple):
    """Where something can be changed, before it has a name."""

    before: str
    after: str
    edits: tuple[Edit, ...]
    node: ast.stmt


Operator = Callable[[Blocks], Iterator[Site]]


def _dropped(statement: ast.stmt) -> Site:
    found = called(statement)
    text = NO_STEPS if found is not None and found[2] else NOTHING
    return Site(ast.unparse(statement), text, (replaced(statement, text),), statement)


def _is_wait(name: str) -> bool:
    return "wait" in name or name in WAITS


def drop_wait(blocks: Blocks) -> Iterator[Site]:
    """A task goes on where it had to wait."""
    for statement in (s for block in blocks for s in block):
        found = called(statement)
        if found is not None and found[2] and _is_wait(found[0]) and not untouchable(statement):
            yield _dropped(statement)


def drop_call(blocks: Blocks) -> Iterator[Site]:
    """Something is not done.  Waits and locks have operators of their own."""
    locks = {*TAKES, *TAKES.values()}
    for statement in (s for block in blocks for s in block):
        found = called(statement)
        if found is None or untouchable(statement) or found[0] in locks or (found[2] and _is_wait(found[0])):
            continue
        yield _dropped(statement)


def _counters(blocks: Blocks) -> Iterator[ast.AugAssign]:
    for statement in (s for block in blocks for s in block):
        if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add | ast.Sub):
            shared = isinstance(statement.target, ast.Attribute | ast.Subscript)
            if shared and not untouchable(statement):
                yield statement


def drop_counter(blocks: Blocks) -> Iterator[Site]:
    """A counter that others look at is not changed."""
    for statement in _counters(blocks):
        yield _dropped(statement)


def flip_counter(blocks: Blocks) -> Iterator[Site]:
    """A counter goes the other way."""
    for statement in _counters(blocks):
        sign = "-" if isinstance(statement.op, ast.Add) else "+"
        text = f"{ast.unparse(statement.target)} {sign}= {ast.unparse(statement.value)}"
        yield Site(ast.unparse(statement), text, (replaced(statement, text),), statement)


def drop_state(blocks: Blocks) -> Iterator[Site]:
    """An attribute or an item keeps its old value, or is not deleted."""
    for statement in (s for block in blocks for s in block):
        if not isinstance(statement, ast.Assign | ast.Delete) or untouchable(statement):
            continue
        targets = [
            element
            for target in statement.targets
            for element in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets):
            yield _dropped(statement)


def swap_statements(blocks: Blocks) -> Iterator[Site]:
    """Two neighbours change places; a preemption point between them stays where it is.

    Only where the order can matter: across a point or a call that may block, or where one writes what
    the other uses.  What else stands in one atomic section may stand there in any order.
    """
    for block in blocks:
        movable = [(index, s) for index, s in enumerate(block) if not is_point(s)]
        for (index, one), (next_index, other) in pairwise(movable):
            if not (simple(one) and simple(other)) or stored(one, ast.Name) & used(other):
                continue
            apart = next_index > index + 1 or may_block(one) or may_block(other)
            if apart or stored(one) & used(other) or stored(other) & used(one):
                first, second = ast.unparse(one), ast.unparse(other)
                edits = (replaced(one, second), replaced(other, first))
                yield Site(f"{first}; {second}", f"{second}; {first}", edits, one)


def negate_condition(blocks: Blocks) -> Iterator[Site]:
    """An ``if`` takes the other branch."""
    for statement in (s for block in blocks for s in block):
        if isinstance(statement, ast.If) and not untouchable(statement.test):
            test = ast.unparse(statement.test)
            after = f"not ({test})"
            yield Site(f"if {test}", f"if {after}", (replaced(statement.test, after),), statement)


OPERATORS: dict[str, Operator] = {
    "drop wait": drop_wait,
    "drop counter": drop_counter,
    "flip counter": flip_counter,
    "drop state": drop_state,
    "swap statements": swap_statements,
    "negate condition": negate_condition,
    "drop call": drop_call,
}
"""Those that look at one function at a time."""
DROP_LOCK = "drop lock"
"""Looks at a class: a lock may be taken in one method and given up in another."""


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    for owner in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
        functions = {node.name: node for node in owner.body if isinstance(node, ast.FunctionDef)}
        for name, function in functions.items():
            if name in ("__init__", "__repr__"):
                continue
            for operator, sites in OPERATORS.items():
                found += [
                    _mutant(operator, file, f"{owner.name}.{name}", site)
                    for site in sites(blocks_of(function))
                ]
        found += _lock_mutants(file, owner.name, functions)
    seen: Counter[str] = Counter()
    numbered = []
    for mutant in sorted(found, key=lambda mutant: (mutant.line, mutant.operator, mutant.edits)):
        numbered.append(replace(mutant, nth=seen[mutant.key]))
        seen[mutant.key] += 1
    return numbered


def _mutant(operator: str, file: str, function: str, site: Site) -> Mutant:
    lines = tuple(sorted({line for edit in site.edits for line in range(edit.start[0], edit.end[0] + 1)}))
    return Mutant(operator, file, function, site.node.lineno, site.before, site.after, site.edits, lines)


def _lock_mutants(file: str, owner: str, functions: dict[str, ast.FunctionDef]) -> Iterator[Mutant]:
    """A lock that is neither taken nor given up: in one method if that has both, else in the class."""
    for (receiver, take), uses in locks_of(functions).items():
        takers = {use.function for use in uses if use.taken}
        givers = {use.function for use in uses if not use.taken}
        if not takers or not givers:
            continue
        groups = [sorted(takers)] if takers != givers else [[name] for name in sorted(takers)]
        for group in groups:
            dropped = [use.statement for use in uses if use.function in group or takers != givers]
            edits = tuple(
                replaced(s, NO_STEPS if isinstance(s.value, ast.YieldFrom) else NOTHING)
                for s in dropped
                if isinstance(s, ast.Expr)
            )
            lines = tuple(sorted({edit.start[0] for edit in edits}))
            where = f"{owner}.{group[0]}"
            before, after = f"{receiver}.{take}()", f"no {receiver}.{take}() nor its release"
            yield Mutant(DROP_LOCK, file, where, lines[0], before, after, edits, lines)
