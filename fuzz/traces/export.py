"""A trace as a test that needs only the model: to be kept in whatever tree the model is used in."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from fuzz.traces.trace import Sign, Trace
from fuzz.traces.writing import fields_of
from models.geometry import Geometry
from models.operations import Operation, Step
from models.reverts import Revert, find_reverts

WIDTH = 88
"""Columns: what formatters leave alone."""
HELPER = '''\
def run_without(*fixes: str) -> World:
    """Run the program with these fixes taken out, to its very end."""
    world = World(GEOMETRY, find_reverts(fixes), run_on=True)
    with suppress(Violation):  # what ends the case is among the violations too
        for step in PROGRAM:
            world.apply(step)
        world.finish()
    return world
'''
FAILS = '''\
def test_it_fails_without_the_fix() -> None:
    """If it did not, the race would not be in the model any more."""
    world = run_without(*FIXES)
    assert world.program == list(PROGRAM), "a step makes no sense any more"
    assert next(iter(world.violations)) == FIRST_SIGN
    assert SYMPTOM in world.violations
'''
PASSES = '''\
def test_it_passes_with_the_fix() -> None:
    """If it did not, the fix would not close the race."""
    assert run_without().violations == {}
'''


def exported(trace: Trace) -> str:
    """The text of a pytest file: it fails with the fixes out, and passes with them in.

    Where no fix is out only the first can be tested.
    """
    reverts = find_reverts(trace.reverts)
    parts = [
        "\n".join(_docstring(trace, reverts)),
        "from __future__ import annotations",
        "from contextlib import suppress",
        "\n".join(_imports(trace)),
        "\n".join(_constants(trace)),
    ]
    functions = [HELPER, FAILS, *([PASSES] if trace.reverts else [])]
    return "\n\n\n".join(["\n\n".join(parts), *(function.rstrip() for function in functions)]) + "\n"


def _docstring(trace: Trace, reverts: Iterable[Revert]) -> Iterator[str]:
    titles = [f"{revert}: {revert.subject}" for revert in reverts]
    title = _escaped("; ".join(titles) or f"{trace.outcome.property} breaks")
    yield from _wrapped(f'"""{title}.')
    yield ""
    yield from _told(trace.outcome.symptom)
    if trace.outcome.first != trace.outcome.symptom:
        yield from _told(trace.outcome.first, "first sign: ")
    yield '"""'


def _told(sign: Sign, before: str = "") -> Iterator[str]:
    yield f"{before}{sign.property}"
    for text in (f"expected: {_escaped(sign.expected)}", f"observed: {_escaped(sign.observed)}"):
        yield from _wrapped(text, "    ", "        ")


def _wrapped(text: str, first: str = "", following: str = "") -> list[str]:
    """Lines of whole words: what is escaped must not be torn."""
    lines = textwrap.TextWrapper(WIDTH, first, following, break_long_words=False, break_on_hyphens=False)
    return lines.wrap(text)


def _escaped(text: str) -> str:
    """Text that stays inside of a docstring, whatever it says."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _imports(trace: Trace) -> Iterator[str]:
    operations = {type(step.operation).__name__ for step in trace.case.steps if step.operation is not None}
    geometry = ["File", "FileKind", "Geometry"] if trace.case.geometry.files else ["Geometry"]
    yield from _import("models.geometry", geometry)
    yield from _import("models.operations", sorted({*operations, "Step"}))
    yield from _import("models.reverts", ["find_reverts"])
    yield from _import("models.world", ["Violation", "World"])


def _import(module: str, names: list[str]) -> Iterator[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        yield line
    else:
        yield _exploded(f"from {module} import (", names)


def _constants(trace: Trace) -> Iterator[str]:
    yield _tuple("FIXES = ", [json.dumps(fix) for fix in trace.reverts])
    yield f"GEOMETRY = {_geometry(trace.case.geometry)}"
    yield f"FIRST_SIGN = {json.dumps(trace.outcome.first.property)}"
    yield f"SYMPTOM = {json.dumps(trace.outcome.property)}"
    yield _tuple("PROGRAM = ", [_step(step) for step in trace.case.steps])


def _geometry(geometry: Geometry) -> str:
    files = [f"File(FileKind.{file.kind.name}, blocks={file.blocks})" for file in geometry.files]
    sizes = [f"{name}={getattr(geometry, name)}" for name in ("groups", "group_blocks", "spare_chunks")]
    return _exploded("Geometry(", [*sizes, _tuple("files=", files)])


def _step(step: Step) -> str:
    arguments = [json.dumps(step.task)]
    if step.operation is not None:
        arguments.append(_operation(step.operation))
    if step.until is not None:
        arguments.append(f"until={json.dumps(step.until)}")
    line = f"Step({', '.join(arguments)})"
    if len(line) + len("    ,") <= WIDTH:
        return line
    return _exploded("Step(", arguments)


def _operation(operation: Operation) -> str:
    values = [f"{name}={json.dumps(getattr(operation, name))}" for name in fields_of(operation)]
    return f"{type(operation).__name__}({', '.join(values)})"


def _tuple(head: str, items: Sequence[str]) -> str:
    """One item on each line, but for one alone that fits."""
    line = f"{head}({''.join(items)},)"
    if len(items) == 1 and "\n" not in line and len(line) <= WIDTH:
        return line
    return _exploded(f"{head}(", items) if items else f"{head}()"


def _exploded(head: str, items: Iterable[str]) -> str:
    """One item on each line, so that a diff tells which changed."""
    return "\n".join([head, *textwrap.indent(",\n".join([*items, ""]), "    ").splitlines(), ")"])
