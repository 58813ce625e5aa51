"""Model and live kernel in lock-step: what is compared, planted differences that are seen, and the report.

The comparison needs no kernel: here it has two models, one of them with a defect.  What needs a live kernel
is skipped where something for it is missing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from disagreeing import (
    GEOMETRY,
    WRITTEN,
    ChangesSnapshots,
    ForgetsTheLog,
    LeaksExtents,
    MakesTwo,
    MisreadsSnapshots,
    RefusesTrim,
    Unguarded,
    Unjudged,
    WaitsElsewhere,
    WaitsForNobody,
    WritesOther,
    differs,
    pair_with,
)

from fuzz.__main__ import main
from fuzz.case import Case
from fuzz.targets import TargetUnavailable
from fuzz.targets.agreement import waits
from fuzz.targets.agreement.abstractions import ABSTRACTIONS
from fuzz.targets.agreement.counts import Counts
from fuzz.targets.agreement.difference import Aspect
from fuzz.targets.agreement.limits import table
from fuzz.targets.agreement.machine import PairMachine, pair_machines, random_sequence
from fuzz.targets.agreement.model_side import ModelSide
from fuzz.targets.agreement.names import Names
from fuzz.targets.agreement.pair import DISAGREEMENT, Pair
from fuzz.targets.agreement.report import report
from fuzz.targets.agreement.runs import Answer, Disagreement, Order, agree
from fuzz.targets.kernel.requirements import missing
from fuzz.traces import Outcome, Sign, Trace, dumps, loads
from models.geometry import File, Geometry
from models.operations import (
    BufferedWrite,
    Commit,
    CompleteBio,
    Crash,
    CreateBg,
    EndTransaction,
    Free,
    Fsync,
    Relocate,
    Remount,
    Snapshot,
    StartNocowDio,
    Step,
    Trim,
    Writeback,
)

FINDING = Path(__file__).parent / "findings" / "snapshot-vs-direct-write.json"
live = pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing")


@pytest.mark.parametrize(
    ("room", "aspect", "steps"),
    [
        (RefusesTrim, Aspect.OUTCOME, (Step("CPU 1", Trim(2)),)),
        (WritesOther, Aspect.CONTENTS, WRITTEN[:2]),
        (LeaksExtents, Aspect.USED, (Step("CPU 1", Free(0)), Step("CPU 1", Commit()))),
        (WaitsForNobody, Aspect.WAIT, (WRITTEN[0], Step("CPU 2", Relocate(2)))),
        (MakesTwo, Aspect.GROUPS, (Step("CPU 1", CreateBg()),)),
        (ForgetsTheLog, Aspect.IN_FLIGHT, WRITTEN[:1]),
        (WaitsElsewhere, Aspect.WHERE, (WRITTEN[0], Step("CPU 2", StartNocowDio(0, 0, 1)))),
        (MisreadsSnapshots, Aspect.SNAPSHOTS, (Step("CPU 1", Snapshot()),)),
        (
            ChangesSnapshots,
            Aspect.STAYS,
            (Step("CPU 1", Snapshot()), Step("CPU 1", Free(1)), Step("CPU 1", Commit())),
        ),
        (Unguarded, Aspect.WAIT, (WRITTEN[0], Step("CPU 2", Snapshot()))),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_planted_difference_is_seen(room: type, aspect: Aspect, steps: tuple[Step, ...]) -> None:
    """If the comparison did not look there, the model could say what it likes."""
    assert differs(pair_with(object), *steps) == ""
    assert differs(pair_with(room), *steps) == aspect.name.lower()


def test_a_difference_after_a_crash_is_held_against_the_reference() -> None:
    """A durable write that one side loses is no choice of the device's."""

    class LosesWrites(Unjudged):
        """An fsync that promises and does nothing."""

        def take(self, step: Step) -> None:
            """With no log to replay, and the old block back."""
            if isinstance(step.operation, Crash):
                self.fs.device.log = None
                self.fs.device.blocks = list(self.before)
            super().take(step)

        def __init__(self, geometry: Geometry) -> None:
            super().__init__(geometry)
            self.before = list(self.fs.device.blocks)

    pair = Pair(ModelSide(GEOMETRY), LosesWrites(GEOMETRY), Counts())
    assert differs(pair, *WRITTEN) == Aspect.CRASH.name.lower()


class Twins(PairMachine):
    """A machine on two models."""

    def new_world(self, geometry: Geometry) -> Pair:
        """Both alike."""
        return Pair(ModelSide(geometry), ModelSide(geometry), self.counts)


def test_two_models_agree_in_everything() -> None:
    """If the lock-step itself took a step on one side only, or in another order, they would not."""
    counts = Counts()
    for number in range(2 * len(pair_machines())):
        kind, geometry, choices = random_sequence(3, number, 20)
        machine = type("TwinMachine", (Twins,), {"operations": kind.operations})(None, counts)
        machine.mkfs(geometry)
        for choice in choices:
            machine.advance(choice)
        machine.teardown()
    assert counts.abstractions == Counter()
    assert counts.sequences == 2 * len(pair_machines())
    assert all(counts.looks[aspect] for aspect in Aspect)
    assert set(counts.operations) >= {"relocate", "snapshot", "crash", "writeback", "create-bg", "scrub"}


def test_sequences_are_the_seeds() -> None:
    """If they were drawn anew, a disagreement could not be looked at again."""
    assert random_sequence(1, 7, 20) == random_sequence(1, 7, 20)
    assert random_sequence(1, 7, 20) != random_sequence(2, 7, 20)


def test_a_handle_ends_with_its_operation() -> None:
    """If the model kept it open, its commits would wait for what the kernel has ended."""
    side = ModelSide(GEOMETRY)
    side.take(Step("CPU 1", CreateBg()))
    assert not side.has_handle("CPU 1")
    assert [ended.outcome for ended in side.ended()] == ["done"]
    assert not any(isinstance(step.operation, EndTransaction) for step in pair_with(object).program)


def test_bios_of_a_write_complete_together() -> None:
    """If only the model's were completed, the other side would stay behind."""
    pair = pair_with(object)
    for step in (
        Step("CPU 1", BufferedWrite(0, 0, 2)),
        Step("CPU 1", BufferedWrite(0, 1, 1)),
        Step("CPU 1", Writeback(0)),
    ):
        assert pair.apply(step)
    assert pair.model.values_in_flight() == [frozenset({1, 2})]
    assert pair.apply(Step("kworker 1", pair.in_flight()[0]))
    assert pair.model.quiet
    assert pair.kernel.quiet


def test_block_groups_are_given_to_each_other() -> None:
    """By their addresses, in order; what the other side has removed may come back as another."""
    names = Names({})
    assert names.mate({9: 2, 40: 3}, {1000: 2}) == ([40], [])
    assert names.groups == {9: 1000}
    names.part(40)
    assert names.mate({9: 2, 40: 3}, {1000: 2, 2000: 3}) == ([], [2000])
    names.adopt(40, 2000)
    assert names.translated(Step("CPU 1", Relocate(3)), {9: 2, 40: 3}, {1000: 2, 2000: 7}) == Step(
        "CPU 1", Relocate(7)
    )
    with pytest.raises(KeyError):
        names.translated(Step("CPU 1", Free(0)), {}, {})


@pytest.mark.parametrize(
    ("model", "kernel", "same"),
    [
        ("dio_await_completion", "btrfs_direct_write", True),
        ("ordered extent 0-3 of file 0", "btrfs_wait_ordered_extents", True),
        ("scrub_pause_req", "btrfs_scrub_dev", True),
        ("scrub_pause_req", "btrfs_wait_for_commit", False),
        ("dio_await_completion", "btrfs_inode_lock", False),
        ("log_commit", "folio_wait_bit", False),
        ("balance_mutex", "", False),
    ],
)
def test_waits_are_the_same_only_where_the_table_says_so(model: str, kernel: str, *, same: bool) -> None:
    """If any wait were as good as another, that both wait would prove little."""
    assert waits.same(model, kernel) is same


# The report


def traced(*steps: Step, files: tuple[File, ...] = GEOMETRY.files) -> str:
    """A program as a trace."""
    sign = Sign("nothing", "nothing", "nothing")
    case = Case(replace(GEOMETRY, files=files), steps)
    return dumps(Trace(case, (), ("done",) * len(steps), Outcome(sign, sign)))


def test_the_report_has_everything() -> None:
    """If a known difference or a limit were left out, the numbers would say more than was seen."""
    counts = Counts(sequences=5, steps=9)
    counts.outcomes.update({"trim | done | EIO": 2})
    counts.operations.update({"trim": 2})
    counts.abstractions.update({ABSTRACTIONS[0].name: 4})
    found = Disagreement(3, f"{DISAGREEMENT}outcome", "done", "EIO", traced(*WRITTEN[:1]), again=False)
    text = report("python -m fuzz agree", Answer(counts, (found,)))
    assert "5 sequences, 9 steps: 1 disagreements, 4 known differences." in text
    assert "| `trim` | 2 | 2 | done / EIO 2 |" in text
    assert "CPU 1: start-nocow-dio file 0 block 0 blocks 1" in text
    for one in ABSTRACTIONS:
        assert all(part in text for part in (one.differs, one.why, one.hides))
    assert all(line in text for line in table())
    assert "None." in report("python -m fuzz agree", Answer(counts, ()))
    assert Counts.from_data(counts.as_data()) == counts


def test_what_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and nothing is written."""

    def nothing_here() -> None:
        raise TargetUnavailable("the target kernel needs root")

    monkeypatch.setattr("fuzz.commands.agree.require", nothing_here)
    with pytest.raises(SystemExit) as ended:
        main(["agree"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "python -m fuzz: error: the target kernel needs root\n"


# The live kernel


EVERYTHING = (
    Step("CPU 1", BufferedWrite(0, 1, 2)),
    Step("CPU 1", Writeback(0)),
    Step("CPU 2", Fsync(0)),
    Step("kworker 1", CompleteBio("CPU 1", 0)),
    *WRITTEN[:2],
    Step("CPU 1", CreateBg()),
    Step("CPU 1", Relocate(2)),
    Step("CPU 1", Trim(3)),
    Step("CPU 1", Free(1)),
    Step("CPU 1", Commit()),
    Step("mount", Remount()),
    Step("CPU 1", Snapshot()),
)


@live
def test_model_and_kernel_agree_on_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With most operations in it."""
    path = tmp_path / "trace.json"
    path.write_text(traced(*EVERYTHING), encoding="utf-8")
    assert main(["agree", str(path)]) == 0
    assert f"model and kernel agree: {len(EVERYTHING) + 3} steps" in capsys.readouterr().out


@live
@pytest.mark.parametrize("defect", ["drops_one_write", "reads_stale_data", "forgets_durable_data"])
def test_a_defect_of_the_device_is_no_known_difference(defect: str) -> None:
    """If it were, everything might be."""
    answer = agree(Order(0, 0, 1, 0, traced(*WRITTEN), ("-m", "tests.gates", defect)))
    (found,) = answer.disagreements
    assert "write 1" in found.expected
    assert loads(found.trace).case.steps == WRITTEN[: len(loads(found.trace).case.steps)]


@live
def test_a_direct_write_changes_a_snapshot_on_the_kernel() -> None:
    """Seen on Linux 6.18: the write goes in place although a snapshot is being taken, which does not wait for
    it.  Where a kernel has that mended, the known difference has no reason any more."""
    answer = agree(Order(0, 0, 1, 0, FINDING.read_text(encoding="utf-8")))
    assert answer.disagreements == ()
    assert answer.counts.known[Aspect.STAYS] == 1
    assert answer.counts.abstractions["a snapshot that changes"] >= 1


@live
def test_random_sequences_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the command to the report."""
    output = tmp_path / "report.md"
    assert main(["agree", "--cases", "4", "--steps", "8", "--seed", "2", "--output", str(output)]) == 0
    assert "4 sequences" in capsys.readouterr().out
    text = output.read_text(encoding="utf-8")
    assert "Generated by `python -m fuzz agree --cases 4 --seed 2 --steps 8`" in text
