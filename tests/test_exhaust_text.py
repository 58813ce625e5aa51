"""Programs as text: the words of the reports, and one line that says what is wrong."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from known_races import PROGRAMS
from programs import CREATION, RELOCATION, reverts

from fuzz.__main__ import main
from fuzz.exhaust import Program, parse, program_of, read_program
from fuzz.report import render
from fuzz.traces import TraceError, load
from models.geometry import File, FileKind, Geometry
from models.operations import OPERATIONS, Allocate, Commit, CompleteBio, CreateBg, Inject, StartNocowDio

KNOWN = sorted((Path(__file__).parent / "regressions").glob("*.json"))
TEXT = """\
on block group 2 (blocks 9-12), block group 3 (blocks 13-16), room for 1 more; file 0 (nodatacow, 4 blocks),
    file 1 (prealloc, 1 block):
    CPU 1: create-bg; allocate blocks 2
    CPU 2: start-nocow-dio file 1
    CPU 1: commit
    fault: inject kind phase-2
"""
PROGRAM = Program(
    Geometry(2, 4, 1, (File(FileKind.NODATACOW, 4), File(FileKind.PREALLOC, 1))),
    (
        ("CPU 1", (CreateBg(), Allocate(2), Commit())),
        ("CPU 2", (StartNocowDio(1, 0, 1),)),
        ("fault", (Inject("phase-2"),)),
    ),
)


def complaint(*lines: str) -> str:
    """What is wrong with a program."""
    with pytest.raises(TraceError) as error:
        read_program(lines)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_program_is_read() -> None:
    """If an operation, an argument or a size were lost, another program would be said to hold."""
    assert parse(TEXT) == PROGRAM


def test_without_a_file_system_it_is_the_plainest() -> None:
    """If it were another one, the same line would mean something else elsewhere."""
    assert read_program(["CPU 1: allocate", "CPU 2: commit"]) == Program(
        Geometry(), (("CPU 1", (Allocate(1),)), ("CPU 2", (Commit(),)))
    )


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: path.stem)
def test_what_is_printed_can_be_read(path: Path) -> None:
    """If a program could not be pasted from what the command prints, it would have to be written again."""
    program = program_of(load(path).case)
    assert parse(str(program)) == read_program([str(path)]) == program


@pytest.mark.parametrize("race", [CREATION, RELOCATION])
def test_the_program_of_a_report_can_be_pasted(race: str) -> None:
    """If its steps, points or broken lines were not understood, who has a report could not use it."""
    case = PROGRAMS[race]
    assert parse(render(case, reverts(race)).program) == program_of(case)


def test_every_operation_has_words() -> None:
    """If one could not be written, no program with it could be exhausted."""
    for kind in OPERATIONS:
        task = kind.task or "CPU 1"
        operations = dict(parse(f"{task}: {kind()}\nCPU 9: commit").tasks).get(task, ())
        assert operations == (() if kind is CompleteBio else (kind(),))


def test_what_completes_bios_is_dropped() -> None:
    """If it were kept, a bio would complete at that place of a worker's program only."""
    assert parse("CPU 1: commit\nkworker 1: complete-bio submitter CPU 1 index 0").tasks == (
        ("CPU 1", (Commit(),)),
    )


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["nowhere.json"], "nowhere.json: there is no such file"),
        (["CPU 1: comit"], "CPU 1: unknown operation 'comit'; there are: end-transaction, "),
        (["CPU 1: commit;"], "CPU 1: unknown operation ''; there are: "),
        (["CPU 1: allocate bocks 1"], "CPU 1: unknown argument of allocate 'bocks'; there are: blocks"),
        (["CPU 1: allocate blocks one"], "CPU 1: blocks of allocate must be a number"),
        (["CPU 1: allocate blocks 0"], "CPU 1: blocks of allocate is 0, must be at least 1"),
        (["CPU 1: allocate blocks"], "CPU 1: 'allocate blocks': after allocate come pairs"),
        (["fault: inject kind gamma-ray"], "fault: unknown kind 'gamma-ray'; there are: "),
        (["CPU 1: crash"], "CPU 1: crash is done by mount: write mount: crash"),
        (["CPU one: commit"], "'CPU one: commit' is no line of a program"),
        (["CPU 1: resume"], "no task has anything to do"),
        (["on a disk:", "CPU 1: commit"], "the file system 'a disk' cannot be read; one is, for example, "),
        (
            [TEXT.replace("13-16", "14-17")],
            "cannot be; do you mean 'block group 2 (blocks 9-12), block group 3",
        ),
        (
            [TEXT.replace("prealloc", "preallocated")],
            "unknown kind of file 'preallocated'; there are: nodata",
        ),
        ([TEXT.replace("(nodatacow, 4", "(nodatacow, 9")], "geometry: the files need 10 blocks"),
    ],
)
def test_mistakes_are_told(lines: list[str], wrong: str) -> None:
    """If a mistake were read as something else, or ended in a traceback, nobody could mend it."""
    assert wrong in complaint(*lines)


def test_the_command_tells_mistakes_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If a file's name were left out, one of many could not be found."""
    path = tmp_path / "program.txt"
    path.write_text("CPU 1: comit", encoding="utf-8")
    for arguments in ([str(path)], ["CPU 1: commit", "--revert", "0000000"]):
        with pytest.raises(SystemExit) as error:
            main(["exhaust", *arguments, "--preemptions", "1"])
        assert error.value.code == 2
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        assert (str(path) in err) == (arguments == [str(path)])


def test_an_argument_is_one_word() -> None:
    """If a default had a space in it, what is printed could not be read back in pairs."""
    told = [str(f.default) for kind in OPERATIONS if kind is not CompleteBio for f in fields(kind)]  # type: ignore[arg-type]
    assert [value for value in told if " " in value] == []
