"""Statements of protocol code, as mutation operators look at them: what each calls, reads and changes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

GHOSTS = {
    "history",
    "in_hand",
    "making",
    "nocow_tasks",
    "passed_over",
    "reserving_tasks",
    "unasked",
    "writeout_began",
}
"""Attributes that the kernel does not have: changing them changes no protocol."""
TELLING = {"note", "warn_on"}
"""Functions that only tell, or only check."""

Blocks = Sequence[Sequence[ast.stmt]]
"""Lists of statements that run one after the other, as :func:`blocks_of` finds them."""


class Edit(NamedTuple):
    """Replace the text between two places, (line, column in bytes) each, the first line being 1."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


def blocks_of(function: ast.AST) -> list[list[ast.stmt]]:
    """Every list of statements in a function, outermost first; its docstring is in none."""
    found = []
    for node in ast.walk(function):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list) and statements:
                first = statements[0]
                docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                found.append(statements[1:] if docstring else statements)
    return found


def names_in(node: ast.AST) -> set[str]:
    """Every name and attribute in it."""
    named = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return named | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def untouchable(statement: ast.AST) -> bool:
    """Whether it only tells or judges."""
    return bool(names_in(statement) & (GHOSTS | TELLING))


def called(statement: ast.stmt) -> tuple[str, ast.Call, bool] | None:
    """The name of the function that an expression statement calls, the call, and whether it may block."""
    if not isinstance(statement, ast.Expr):
        return None
    value, blocks = statement.value, isinstance(statement.value, ast.YieldFrom)
    if isinstance(value, ast.YieldFrom):
        value = value.value
    if not isinstance(value, ast.Call):
        return None
    function = value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name, value, blocks


def replaced(node: ast.stmt | ast.expr, text: str) -> Edit:
    """The edit that puts ``text`` in the place of a node."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return Edit((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset), text)


def simple(statement: ast.stmt) -> bool:
    """Whether it is a call or an assignment that may be changed."""
    return isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign) and not untouchable(statement)


def is_point(statement: ast.stmt) -> bool:
    """Whether it is a preemption point."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield)


def may_block(statement: ast.stmt) -> bool:
    """Whether it is, or has in it, a call that may block."""
    return any(isinstance(node, ast.YieldFrom) for node in ast.walk(statement))


def stored(statement: ast.stmt, *kinds: type[ast.Name | ast.Attribute]) -> set[str]:
    """What it gives a value to (``trans.state``), of these kinds, or of both."""
    found = [n for n in ast.walk(statement) if isinstance(n, kinds or (ast.Name, ast.Attribute))]
    return {ast.unparse(n) for n in found if isinstance(n.ctx, ast.Store)}


def used(statement: ast.stmt) -> set[str]:
    """What it reads or writes."""
    return {ast.unparse(n) for n in ast.walk(statement) if isinstance(n, ast.Name | ast.Attribute)}
