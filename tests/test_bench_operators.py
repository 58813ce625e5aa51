"""Mutation operators: what each changes, and what none may."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from fuzz.bench.mutants import all_mutants
from fuzz.bench.operators import DROP_LOCK, OPERATORS, Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
ROOM = '''
class Room:
    """A room."""

    def act(self, group):
        """Docstring."""
        fs = self.fs
        yield from fs.mutex.lock()
        group.reserved += 1
        yield "a_point"
        group.ro = 1
        fs.sim.note("act", "acts")
        warn_on(group.ro == 0, "not read-only")
        fs.history.entered.append(group)
        group.in_hand += 1
        if group.used:
            yield from fs.sim.wait_event("used", lambda: not group.used)
        yield from self.helper(group)
        del fs.tree[group.start]
        fs.mutex.unlock()
        count = 0
        while count < 3:
            count += 1

    def helper(self, group):
        yield from fs.sem.down_write()
        group.put("lookup")
        yield "another_point"

    def other(self):
        fs.sem.up_write()
'''


def changes(operator: str, source: str = ROOM) -> list[tuple[str, str, str]]:
    """Function, before and after of every mutant by an operator."""
    return [(m.function, m.before, m.after) for m in mutants_of("room.py", source) if m.operator == operator]


def changed_lines(mutant: Mutant, source: str = ROOM) -> list[tuple[str, str]]:
    """The lines that a mutant changes."""
    pairs = zip(source.splitlines(), mutant.apply(source).splitlines(), strict=True)
    return [(one.strip(), other.strip()) for one, other in pairs if one != other]


def function(*lines: str) -> str:
    """A room with one method of these lines."""
    body = textwrap.indent("\n".join(lines), "        ")
    return f"class Room:\n    def act(self, group, info, trans):\n{body}\n"


def test_a_wait_is_dropped() -> None:
    """If the function were no generator any more, the mutant would die of that."""
    (change,) = changes("drop wait")
    assert change == (
        "Room.act",
        "yield from fs.sim.wait_event('used', lambda: not group.used)",
        "yield from ()",
    )


def test_a_lock_goes_with_its_release() -> None:
    """If only one of the two went, the kernel's own checks would kill the mutant."""
    found = [m for m in mutants_of("room.py", ROOM) if m.operator == DROP_LOCK]
    assert [(m.function, m.before) for m in found] == [
        ("Room.act", "fs.mutex.lock()"),
        ("Room.helper", "fs.sem.down_write()"),
    ]
    assert changed_lines(found[0]) == [
        ("yield from fs.mutex.lock()", "yield from ()"),
        ("fs.mutex.unlock()", "pass"),
    ]
    assert changed_lines(found[1])[1] == ("fs.sem.up_write()", "pass")


def test_a_lock_of_which_nobody_sees_both_ends_stays() -> None:
    """If a lock were taken and never given up, the mutant would hang for no reason of the protocol's."""
    assert changes(DROP_LOCK, function("yield from self.mutex.lock()")) == []
    tried = function(
        "if self.range.try_lock(0, 1):", "    self.range.unlock(0, 1)", "yield from self.range.lock(0, 1)"
    )
    assert changes(DROP_LOCK, tried) == []


def test_counters() -> None:
    """If a local counter were changed, a loop would have no end."""
    assert changes("drop counter") == [("Room.act", "group.reserved += 1", "pass")]
    assert changes("flip counter") == [("Room.act", "group.reserved += 1", "group.reserved -= 1")]


def test_state() -> None:
    """If a deletion were not a state change, items that stay would never be tried."""
    assert [before for _, before, _ in changes("drop state")] == ["group.ro = 1", "del fs.tree[group.start]"]


def test_conditions() -> None:
    """If the test were replaced and not negated, the mutant would say something else."""
    assert changes("negate condition") == [("Room.act", "if group.used", "if not (group.used)")]


def test_calls() -> None:
    """If a call that tells were dropped, the mutant would be equivalent."""
    assert [before for _, before, _ in changes("drop call")] == [
        "yield from self.helper(group)",
        "group.put('lookup')",
    ]


@pytest.mark.parametrize(
    ("lines", "swapped"),
    [
        (("group.ro = 1", "group.used = 2"), False),
        (("group.pinned += 1", "info.pinned += 1"), False),
        (("group.ro = 1", 'yield "a_point"', "group.used = 2"), True),
        (("group.ro = 1", "yield from self.helper()"), True),
        (("group.ro = 1", "info.full = group.ro"), True),
        (("handle = trans.join()", "handle.use()"), False),
        (("group.ro = 1", "if group.ro: pass", "group.used = 2"), False),
    ],
)
def test_only_an_order_that_can_matter_is_changed(lines: tuple[str, ...], swapped: bool) -> None:
    """If any two neighbours were swapped, most mutants would be equivalent: a section is atomic."""
    source = function(*lines)
    found = [m for m in mutants_of("room.py", source) if m.operator == "swap statements"]
    assert bool(found) == swapped
    if swapped:
        after = [line.strip() for line in found[0].apply(source).splitlines()[2:]]
        assert after == [lines[-1], *lines[1:-1], lines[0]]


def test_what_only_tells_is_no_mutant() -> None:
    """If a note, a warning or a ghost were changed, surviving would say nothing."""
    told = " ".join(m.before for m in mutants_of("room.py", ROOM))
    for word in ("note", "warn_on", "history", "in_hand", "Docstring", "a_point"):
        assert word not in told


def test_equal_statements_are_told_apart() -> None:
    """If two mutants had one name, a resumed run would leave one out."""
    twice = mutants_of("room.py", function("group.put(1)", 'yield "a_point"', "group.put(1)"))
    calls = [mutant for mutant in twice if mutant.operator == "drop call"]
    assert [mutant.nth for mutant in calls] == [0, 1]
    assert len({mutant.key for mutant in calls}) == 2


def test_every_mutant_of_the_model_is_one_change_that_compiles() -> None:
    """If a mutant did not compile, killing it would prove nothing."""
    mutants = all_mutants(ROOT, [])
    assert len(mutants) > 700
    assert len({mutant.key for mutant in mutants}) == len(mutants)
    assert {mutant.operator for mutant in mutants} == {DROP_LOCK, *OPERATORS}
    sources = {mutant.file: (ROOT / mutant.file).read_text(encoding="utf-8") for mutant in mutants}
    for mutant in mutants[::5]:
        changed = mutant.apply(sources[mutant.file])
        assert changed != sources[mutant.file], mutant.key
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(sources[mutant.file])), mutant.key
        assert mutant.line in range(1, len(sources[mutant.file].splitlines()) + 1)
        assert set(mutant.reached) >= {edit.start[0] for edit in mutant.edits}
