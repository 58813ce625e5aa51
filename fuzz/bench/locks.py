"""Where protocol code takes its locks, and where it gives them up."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import NamedTuple

from fuzz.bench.statements import blocks_of, called

TAKES = {"lock": "unlock", "down_read": "up_read", "down_write": "up_write"}
"""How a lock is taken, and given up."""


class LockUse(NamedTuple):
    """One taking or giving up of a lock."""

    function: str
    statement: ast.stmt
    taken: bool


def locks_of(functions: dict[str, ast.FunctionDef]) -> dict[tuple[str, str], list[LockUse]]:
    """Every use of each lock in a class; none of one that somewhere is only tried."""
    uses: dict[tuple[str, str], list[LockUse]] = defaultdict(list)
    tried = set()
    for name, function in functions.items():
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and node.attr == "try_lock":
                tried.add(ast.unparse(node.value))
        for statement in (s for block in blocks_of(function) for s in block):
            found = called(statement)
            if found is None or not isinstance(found[1].func, ast.Attribute):
                continue
            receiver = ast.unparse(found[1].func.value)
            for take, give in TAKES.items():
                if found[0] in (take, give):
                    uses[receiver, take].append(LockUse(name, statement, found[0] == take))
    return {key: found for key, found in uses.items() if key[0] not in tried}
