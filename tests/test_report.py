"""Reports on the two known races, word for word where it matters; and the diagram by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from programs import ABORTS, CONTENTS, CREATION, RELOCATION, SHORTEST, failing_case, reverts, shortest

from fuzz.case import Case
from fuzz.diagram import WIDTH
from fuzz.report import Reproducer, render
from fuzz.story import tell
from fuzz.traces import dumps, load, record
from models.geometry import File, FileKind, Geometry
from models.operations import Allocate, Commit, CompleteBio, CreateBg, StartNocowDio, Step, Trim
from models.reverts import told
from models.simulation import Mark

REGRESSIONS = Path(__file__).parent / "regressions"

CREATION_REPORT = """\
no_legal_schedule_aborts
    expected: the file system stays writable
    observed: transaction aborted (-ENOENT), forced readonly

program (3 steps) on block group 2 (blocks 9-12), room for 3 more; file 0
    (nodatacow, 4 blocks):
    CPU 1: create-bg
    CPU 1: allocate blocks 1
    CPU 2: commit

                 CPU 1                                    CPU 2

create-bg
  btrfs_make_block_group()
    --> block group 3 (DATA) can be
        allocated from, its item is
        pending
  = block group 3: new, has no item
-- done, its handle stays open

allocate blocks 1
  btrfs_reserve_extent()
    --> takes block 13 of block group 3
  = block group 3: reserved 0 -> 1
-- done, its handle stays open

                                         commit
                                           update_block_group()
                                             --> block group 3 is dirty, its
                                                 item does not exist yet
                                           btrfs_start_dirty_block_groups()
                                             --> takes block group 3, which has
                                                 no item yet
                                           write_one_cache_group()
                                             --> transaction 2 aborted
                                                 (-ENOENT), forced readonly
                                           = block group 3: used 0 -> 1,
                                             reserved 1 -> 0
                                         -- waits for num_writers == 1, held by
                                            CPU 1

  *** no_legal_schedule_aborts ***
      expected: the file system stays writable
      observed: transaction aborted (-ENOENT), forced readonly

The order matters: with CPU 2's commit before CPU 1's allocate, it passes.

nearest schedule that passes, with CPU 2's commit before CPU 1's allocate:
      CPU 1: create-bg
    - CPU 1: allocate blocks 1
    - CPU 2: commit
    + CPU 2: commit
    + CPU 1: allocate blocks 1

reproduced 3 of 3
a second replayer agrees
with any one step or preemption left out it passes
with ff1f8250a9e4 (creation-vs-writeout) in, it passes"""

CREATION_PROGRAM = CREATION_REPORT[CREATION_REPORT.index("program (") :].partition("\n\n")[0]

RELOCATION_PARTS = """\
every_block_reads_as_its_last_write_or_a_concurrent_one
    expected: file 0 block 0 reads write 1
    observed: it reads its first content
first sign: no_bio_writes_to_space_that_is_not_its_own
program (2 steps) on block group 2 (blocks 9-12), room for 3 more; file 0
    (nodatacow, 4 blocks):
    CPU 1: start-nocow-dio file 0 block 0 blocks 1 until can_nocow_extent
    CPU 2: relocate group 2
then every task runs to its end
    CPU 1: resume
    kworker 1: complete-bio submitter CPU 1 index 0
CPU 1
CPU 2
start-nocow-dio file 0 block 0 blocks 1
  can_nocow_extent()
-- preempted at can_nocow_extent
                                         relocate group 2
                                           btrfs_inc_block_group_ro()
block group 2 turns read-only
                                           btrfs_wait_ordered_roots()
knows 0 ordered extents in
                                           find_next_extent()
returns blocks 9-12, to be
                                           relocate_file_extent_cluster()
reads blocks 9-12
                                           btrfs_wait_ordered_range()
writes the copy to blocks
                                           replace_path()
file 0 now points to the copy
                                         -- waits for lock_extent(file 0, 0-3),
held by CPU 1
resumes
  btrfs_get_blocks_direct()
ordered extent for block 9, in
  btrfs_submit_direct()
bio to block 9 in flight
-- wakes CPU 2
-- waits for dio_await_completion, held
                                         wakes up, waited for lock_extent(file
                                           btrfs_remove_block_group()
block group 2 is gone
  *** no_bio_writes_to_space_that_is_not_its_own ***
[kworker 1] complete-bio submitter CPU
bio to block 9 completes
-- wakes CPU 1
wakes up, waited for
dio_await_completion
-- done
  *** every_block_reads_as_its_last_write_or_a_concurrent_one ***
      expected: file 0 block 0 reads write 1
      observed: it reads its first content
It takes CPU 1 stopped in start-nocow-dio at can_nocow_extent, or else at
    btrfs_inc_nocow_writers or btrfs_create_dio_extent; not stopped, or stopped
    at one of the other 8 points on its way, nothing breaks.
The order matters: with CPU 2's relocate before CPU 1's start-nocow-dio, it
    passes.
nearest schedule that passes, with CPU 1 stopped at
    btrfs_start_write_no_snapshoting:
    - CPU 1: start-nocow-dio file 0 block 0 blocks 1 until can_nocow_extent
    + CPU 1: start-nocow-dio file 0 block 0 blocks 1 until
        btrfs_start_write_no_snapshoting
      CPU 2: relocate group 2
reproduced 3 of 3
a second replayer agrees
with any one step or preemption left out it passes
with its tasks one after the other, in any order, it passes
with f78c436c3931 (relocation-vs-nocow) in, it passes""".splitlines()
"""What the report must tell, in this order: who stops where, who waits for whom, what is lost."""


def report(revert: str) -> Reproducer:
    """The report on the shortest program."""
    return render(shortest(revert), reverts(revert))


def test_the_creation_race_word_for_word() -> None:
    """If the report changed by itself, what people compare with the upstream commit would change."""
    trace = dumps(record(shortest(CREATION), reverts(CREATION)))
    assert report(CREATION) == Reproducer(3, CREATION_REPORT, ABORTS, 0, CREATION_PROGRAM, trace, (ABORTS,))


def test_the_relocation_race_tells_how_the_write_is_lost() -> None:
    """If a link of the chain were missing or out of order, nobody could follow it to the lost write."""
    found = report(RELOCATION)
    assert (found.steps, found.property) == (2, CONTENTS)
    rest = found.text
    for part in RELOCATION_PARTS:
        assert part in rest, f"{part!r} does not come here:\n{rest}"
        rest = rest[rest.index(part) + len(part) :]
    assert rest == ""


@pytest.mark.parametrize("revert", SHORTEST)
@pytest.mark.parametrize("length", ["shortest", "long"])
def test_a_report_is_plain_text_that_fits(revert: str, length: str) -> None:
    """If lines were longer or had odd characters, the report would break in a mail or a commit message."""
    case = shortest(revert) if length == "shortest" else failing_case(0, revert)
    text = render(case, reverts(revert)).text
    assert text.isascii()
    assert "\t" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []
    diagram = text[text.index("\n\n", text.index("program (")) : text.rindex(" ***")]
    assert "CPU 2" in diagram.strip().splitlines()[0]
    assert [line for line in diagram.splitlines() if len(line) > WIDTH] == []


def test_a_bio_completes_in_the_column_of_its_submitter() -> None:
    """If a worker were drawn elsewhere, another CPU's write would seem to complete."""
    steps = (
        Step("CPU 1", StartNocowDio(0, 0, 1)),
        Step("kworker 1", CompleteBio("CPU 1", 0)),
        Step("CPU 1"),
        Step("CPU 2", StartNocowDio(0, 1, 1)),
        Step("kworker 1", CompleteBio("CPU 2", 0)),
        Step("CPU 2"),
    )
    filling = Step("CPU 1", Allocate(4))
    case = Case(replace(Geometry(), spare_chunks=5), (*steps, filling, *SHORTEST[CREATION]))
    lines = render(case, reverts(CREATION)).text.splitlines()
    diagram = lines[lines.index("") :]
    first, second = (line for line in diagram if "[kworker 1]" in line)
    assert first.startswith("[kworker 1]")
    assert second.startswith(" " * 41 + "[kworker 1]")


@pytest.mark.parametrize("revert", SHORTEST)
def test_equal_cases_have_equal_reports(revert: str) -> None:
    """If a report depended on anything but the case, the seed would not give the same bytes again."""
    case = failing_case(0, revert)
    assert len({render(case, reverts(revert)).text for _ in range(3)}) == 1


def test_a_passing_case_has_no_report() -> None:
    """If there were one, a repaired race would still be shown."""
    with pytest.raises(ValueError, match="does not fail"):
        render(shortest(CREATION), ())


def test_the_certificate_says_only_what_holds() -> None:
    """If a program with steps to spare were called minimal, the word would mean nothing."""
    case = Case(Geometry(), (Step("CPU 3", Commit()), *SHORTEST[CREATION]))
    text = render(case, reverts(CREATION)).text
    assert "program (4 steps)" in text
    assert "reproduced 3 of 3" in text
    assert "left out" not in text


def test_the_certificate_names_the_fix_that_matters() -> None:
    """If a bystander were named, the reader would look at the wrong commit."""
    text = render(shortest(CREATION), reverts(CREATION, RELOCATION)).text
    assert "with ff1f8250a9e4 (creation-vs-writeout) in, it passes" in text
    assert RELOCATION not in text


def test_the_certificate_does_not_call_a_wrong_fix_missing() -> None:
    """If it said that a case fails without a wrong fix, or passes with one, it would say the opposite."""
    trace = load(REGRESSIONS / "wrong-frozen-looked-at-early.json")
    story = tell(trace.case, reverts(*trace.reverts))
    assert story.told == ("with wrong/frozen-looked-at-early (frozen-looked-at-early)",)
    assert "without wrong/frozen-looked-at-early (frozen-looked-at-early), it passes" in story.checked
    assert told(reverts(CREATION, "wrong/frozen-looked-at-early")) == (
        "without ff1f8250a9e4 (creation-vs-writeout), "
        "with wrong/frozen-looked-at-early (frozen-looked-at-early)"
    )
    assert told(()) == "with all fixes in"


def test_an_open_handle_is_told_of_its_own_task_only() -> None:
    """If every end had one, or a refusal were left out, a reader would wait for the wrong task."""
    steps = (*SHORTEST[CREATION][:2], Step("CPU 3", Trim(2)), *SHORTEST[CREATION][2:])
    ends = {
        (frame.task, note.text)
        for frame in tell(Case(Geometry(), steps), reverts(CREATION)).frames
        for note in frame.notes
        if note.mark is Mark.ENDS
    }
    assert ends == {("CPU 1", "done, its handle stays open"), ("CPU 3", "done")}
    small = Geometry(1, 2, 1, (File(FileKind.NODATACOW, 2),))
    refused = (SHORTEST[CREATION][0], Step("CPU 1", Allocate(4)), *SHORTEST[CREATION][1:])
    notes = [note for frame in tell(Case(small, refused), reverts(CREATION)).frames for note in frame.notes]
    assert "returns -ENOSPC, its handle stays open" in [note.text for note in notes]


def test_the_shortest_report_comes_first() -> None:
    """If reports did not order by length, the summary would show any."""
    assert min(Reproducer(3, "a", "p"), Reproducer(2, "b", "p")).steps == 2
    assert min(Reproducer(3, "a", "p", 0), Reproducer(2, "b", "p", 1)).steps == 3, "as the minimiser does"
    assert min(Reproducer(3, "a", "p", 0), Reproducer(2, "b", "p", 0)).steps == 2


def test_steps_after_the_failure_are_no_part_of_the_story() -> None:
    """If the diagram went on after the symptom, its last line would not be what went wrong."""
    more = (Step("CPU 3", CreateBg()), Step("CPU 3", Allocate(1)))
    text = render(Case(Geometry(), (*SHORTEST[CREATION], *more)), reverts(CREATION)).text
    diagram = text[text.index("create-bg\n  btrfs") : text.rindex(" ***")]
    assert "CPU 3" not in diagram
    assert text.count(f"*** {ABORTS} ***") == 1
