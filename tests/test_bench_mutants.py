"""The bench of mutants: what is tried, what its fate is, what was reviewed, and the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from benched import ended, outcome

from fuzz.__main__ import main
from fuzz.bench.command import ROOT
from fuzz.bench.mutants import (
    BROKEN,
    KILLED,
    PATIENCE,
    REVIEWED,
    SURVIVED,
    UNREACHED,
    Fate,
    Reviewed,
    Tree,
    all_mutants,
    fate,
    read_reviewed,
    sample,
)
from fuzz.bench.mutants_report import kill_rate
from fuzz.bench.mutants_report import report as mutants_report
from fuzz.bench.operators import Mutant
from fuzz.bench.reached import is_reached, parts, run_part, union
from fuzz.commands import bench_mutants

SMALL = ("--fuzz-seed", "1", "--fuzz-shards", "1", "--fuzz-examples", "2", "--fuzz-steps", "5")
MUTANTS = all_mutants(ROOT, ["writeout"])


def test_the_sample_takes_turns() -> None:
    """If rare operators were drawn by their number, waits and locks would hardly be tried."""
    mutants = all_mutants(ROOT, [])
    taken = sample(mutants, 40, 1)
    assert taken == sample(mutants, 40, 1)
    assert taken != sample(mutants, 40, 2)
    counts = {m.operator: sum(n.operator == m.operator for n in taken) for m in taken}
    assert set(counts.values()) == {5}
    assert len(sample(mutants, 100_000, 1)) == len(mutants)


def test_an_unreached_line_costs_no_run() -> None:
    """If any line of a change ran, the mutant can be noticed and has to be tried."""
    mutant = MUTANTS[0]
    assert is_reached(mutant, {mutant.file: [1, mutant.reached[-1]]})
    assert not is_reached(mutant, {mutant.file: [1]})
    assert not is_reached(mutant, {})
    assert parts(3, shards=7) == [[0, 3, 6], [1, 4], [2, 5]]
    assert parts(20, shards=2) == [[0], [1]]
    assert union([{"b": [2], "a": [1]}, {"a": [3]}]) == {"a": [1, 3], "b": [2]}


def test_a_mutant_is_tried_in_a_copy() -> None:
    """If the checkout itself were changed, an interrupted bench would leave it broken."""
    source = (ROOT / MUTANTS[0].file).read_text(encoding="utf-8")
    drop = next(m for m in MUTANTS if m.operator == "drop state" and "dirty_list = None" in m.before)
    broken = replace(drop, edits=(drop.edits[0]._replace(text="1 / 0"),))
    with Tree() as tree:
        done, lines = run_part(tree.path, [0], SMALL, patience=100)
        assert done.code == 0, done.out
        assert "models/btrfs/writeout.py" in lines
        assert min(lines["models/btrfs/writeout.py"]) >= 1
        killed = tree.try_mutant(
            broken, ("--fuzz-seed", "1", "--fuzz-shards", "1", "--fuzz-examples", "20"), PATIENCE
        )
        assert killed.outcome == KILLED
        assert "ZeroDivisionError" in killed.by
        survived = tree.try_mutant(replace(drop, edits=()), SMALL, PATIENCE)
        assert survived.outcome == SURVIVED
        room = tree.path / "models" / "btrfs" / "mkfs.py"
        room.write_text("1 / 0\n", encoding="utf-8")
        assert fate(tree.path, SMALL, PATIENCE).outcome == BROKEN
    assert not tree.path.exists()
    assert (ROOT / MUTANTS[0].file).read_text(encoding="utf-8") == source


def about(mutant: Mutant, **keys: str) -> Reviewed:
    """An entry about a mutant, by these keys."""
    return Reviewed(mutant.file, "because", **keys)


def test_what_was_reviewed_is_named_by_source_not_by_line() -> None:
    """If a line number were a part of it, the next edit would make every entry stale."""
    mutant = MUTANTS[0]
    moved = replace(mutant, line=mutant.line + 10)
    full = about(mutant, function=mutant.function, before=mutant.before, operator=mutant.operator)
    for entry in (full, about(mutant), about(mutant, function=mutant.function)):
        assert entry.is_about(mutant)
        assert entry.is_about(moved)
    assert not full.is_about(replace(mutant, before="other"))
    assert not full.is_about(replace(mutant, operator="other"))
    assert not full.is_about(replace(mutant, function="other"))
    assert not about(mutant).is_about(replace(mutant, file="other"))


def test_the_list_of_reviewed_mutants_is_about_mutants(tmp_path: Path) -> None:
    """If an entry were stale, nobody would know what it once excused."""
    mutants = all_mutants(ROOT, [])
    for entry in read_reviewed(REVIEWED):
        assert any(entry.is_about(mutant) for mutant in mutants), entry
        assert len(entry.reason) > 10
    bad = tmp_path / "list.toml"
    bad.write_text('[[mutant]]\nfile = "a"\nreason = ""\n', encoding="utf-8")
    with pytest.raises(ValueError, match="no reason"):
        read_reviewed(bad)
    bad.write_text('[[mutant]]\nfile = "a"\nline = 3\nreason = "b"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="line"):
        read_reviewed(bad)


def test_the_report_on_mutants() -> None:
    """If survivors were not shown as they are, nobody could review them."""
    killed, survived, unreached, broken = (m for m in MUTANTS[:8:2])
    fates = {
        killed.key: Fate(KILLED, "a_property", 3),
        survived.key: Fate(SURVIVED),
        unreached.key: Fate(UNREACHED),
        broken.key: Fate(BROKEN, "fails before the first operation"),
    }
    stale = Reviewed("gone.py", "nobody looks")
    text = mutants_report(
        "the command", MUTANTS, fates, [about(MUTANTS[-1], function=MUTANTS[-1].function), stale]
    )
    assert f"| all | {len(MUTANTS)} |" in text
    assert text.split("| all |")[1].splitlines()[0].endswith("| 4 | 1 | 1 | 1 | 1 | 33% |")
    assert "| a_property | 1 |" in text
    assert f"{survived.file}:{survived.line} {survived.function}" in text
    assert f"- {survived.before}\n+ {survived.after}" in text
    assert text.index("## Survivors") < text.index("## Never reached") < text.index("## Equivalent")
    assert "nobody looks **(matches nothing any more)**" in text
    assert kill_rate([Fate(BROKEN)]) is None


def test_the_bench_of_mutants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If an unreached mutant were run or a reviewed one tried, the bench would take twice as long."""
    reached = {"models/btrfs/writeout.py": list(range(1, 75))}
    tried = []

    def run_one(tree: Path, searches: list[int], options: object, patience: float) -> object:
        del tree, searches, options, patience
        return ended(0, outcome(300)), reached

    def try_one(tree: Tree, mutant: Mutant, options: object, patience: float) -> Fate:
        del tree, options
        assert patience == 30
        tried.append(mutant.key)
        return Fate(KILLED, "a_property", 1)

    monkeypatch.setattr(bench_mutants, "run_part", run_one)
    monkeypatch.setattr(Tree, "try_mutant", try_one)
    output = tmp_path / "report.md"
    arguments = ["bench", "mutants", "writeout", "--sample", "20", "--jobs", "2", "--output", str(output)]
    assert main(arguments) == 0
    assert 0 < len(tried) < 20
    text = output.read_text(encoding="utf-8")
    assert "`python -m fuzz bench mutants writeout --sample 20 --seed 0`" in text
    assert "| a_property | " in text
    tried.clear()
    assert main([*arguments, "--resume"]) == 0
    assert tried == []
    assert output.read_text(encoding="utf-8") == text
    failed = "FAILED fuzz/x.py::test - a_property\n"
    monkeypatch.setattr(bench_mutants, "run_part", lambda *_: (ended(1, out=failed), {}))
    assert main(arguments) == 1
    assert "the unchanged tree fails: a_property" in capsys.readouterr().err
