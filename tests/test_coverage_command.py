"""``python -m fuzz coverage``: from a hunt, from a run of pytest, as text and as a page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from runs import cli, fuzz

from fuzz.commands.campaigns import read
from fuzz.hunt import Campaign, State, load, machine_names
from fuzz.hunt.campaign import walk
from fuzz.interleavings.coverage import NO_RULE, together
from fuzz.interleavings.growth import picture
from fuzz.interleavings.page import page, rows
from fuzz.interleavings.text import by_reason
from models.operations import OPERATIONS


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a hunt of some cases saved."""
    state = State(Campaign(3, 40, (), tuple(machine_names())))
    state.add(walk(state.campaign, range(44)), 44)
    path = tmp_path_factory.mktemp("hunted") / "hunt.json"
    state.save(path)
    return path


def test_the_matrix_is_what_was_saved(hunted: Path) -> None:
    """If a count were of another pair, the table would be wrong in silence."""
    run = cli("coverage", str(hunted), "-v", COLUMNS="120")
    assert (run.returncode, run.stderr) == (0, "")
    coverage = load(hunted).coverage
    assert f"{coverage.cases} cases; interleavings: {coverage.estimate}" in run.stdout
    lines = {
        line[3:].split()[0]: line[3:].split()[1:] for line in run.stdout.splitlines()[4 : 4 + len(OPERATIONS)]
    }
    assert list(lines) == [kind.name for kind in OPERATIONS]
    for stopped in OPERATIONS:
        told = [0 if cell == "." else int(cell) for cell in lines[stopped.name]]
        assert told[:-1] == [coverage.reached_points(stopped, ran) for ran in OPERATIONS]
        assert told[-1] == len(stopped.points)
    assert any(cell != "." for cells in lines.values() for cell in cells[:-1])
    for name, cases in coverage.waits.items():
        assert f"{cases:7} {name}\n" in run.stdout
    for never in coverage.never():
        assert f" {never.reason}\n" in run.stdout
        assert f"        {never.stopped} @ {never.point}: " in run.stdout


def test_in_brief_it_fits_a_screen(hunted: Path) -> None:
    """If a thousand pairs were listed unasked, or left out in silence, nobody would see what there is."""
    run = cli("coverage", str(hunted), COLUMNS="100")
    coverage = load(hunted).coverage
    assert len(run.stdout.splitlines()) < 4 + len(OPERATIONS) + 50
    assert f"and {len(coverage.waits) - 20} more kinds of waits: -v" in run.stdout
    told = {line[8:]: int(line[:7]) for line in run.stdout.partition("\nnever reached")[2].splitlines()[1:]}
    assert told == {reason: len(pairs) for reason, pairs in by_reason(coverage).items()}
    assert sum(told.values()) == coverage.total() - coverage.estimate.reached


def test_the_page_has_every_pair(hunted: Path, tmp_path: Path) -> None:
    """If a cell were left out, or one needed the network, the page would not be the whole matrix."""
    file = tmp_path / "page.html"
    run = cli("coverage", str(hunted), "--html", str(file))
    assert (run.returncode, run.stdout) == (0, f"{file}\n")
    html = file.read_text(encoding="utf-8")
    coverage = load(hunted).coverage
    assert html == page(coverage)
    assert not re.search(r"(?:src|href)=|https?:|<script", html)
    cells = re.findall(r'<td class="([\w-]+)" title="([^"]*)">(\d*)</td>', html)
    assert len(cells) == coverage.total()
    expected = [cell for row in rows(coverage) for cell in row.cells]
    for (kind, title, text), cell in zip(cells, expected, strict=True):
        assert text == (str(cell.cases) if cell.cases else "")
        assert kind == cell.kind
        assert unescape(title) == f"{cell.ran}: {cell.reason or f'in {cell.cases} cases'}"
    assert {cell.kind for cell in expected} >= {"reached-1", "unexplained", "explained"}
    assert sum(cell.cases > 0 for cell in expected) == coverage.estimate.reached


def test_a_run_of_pytest_can_be_shown(tmp_path: Path) -> None:
    """If only hunts counted, the runs of every day would be blind."""
    outcomes = tmp_path / "outcomes.jsonl"
    small = ("--fuzz-shards", "3", "--fuzz-examples", "4", "--fuzz-steps", "20", "--fuzz-seed", "1")
    run = fuzz(*small, "-n", "0", "--fuzz-outcomes", str(outcomes), "--database", str(tmp_path / "failures"))
    coverage = read(outcomes)
    assert coverage.cases == int(next(line for line in run.section if " examples, " in line).split()[0])
    assert coverage.interleavings
    assert run.line("interleavings: ") == f"interleavings: {coverage.estimate}"
    assert cli("coverage", str(outcomes)).returncode == 0


def test_several_files_are_one_campaign(hunted: Path, tmp_path: Path) -> None:
    """If the last file were shown alone, what the first one reached would count as never reached."""
    more = State(Campaign(4, 40, (), ("Trimming",)))
    more.add(walk(more.campaign, range(4)), 4)
    more.save(tmp_path / "more.json")
    one, other = load(hunted).coverage, more.coverage
    both = together([one, other])
    assert both.cases == one.cases + other.cases
    assert set(both.interleavings) == {*one.interleavings, *other.interleavings}
    assert set(both.machines) == set(one.machines)


def test_a_report_has_every_campaign(hunted: Path, tmp_path: Path) -> None:
    """If columns were mixed up, a long campaign would seem to reach no more than a short one."""
    less = State(Campaign(3, 40, (), tuple(machine_names())))
    less.add(walk(less.campaign, range(8)), 8)
    less.save(tmp_path / "less.json")
    file = tmp_path / "report.md"
    run = cli("coverage", str(tmp_path / "less.json"), str(hunted), "--markdown", str(file))
    assert (run.returncode, run.stdout) == (0, f"{file}\n")
    short, long = load(tmp_path / "less.json").coverage, load(hunted).coverage
    text = file.read_text(encoding="utf-8")
    for name, coverage in (("less", short), ("hunt", long)):
        assert f"\n| {name} | {coverage.cases} | {coverage.estimate.reached:,} | " in text
    both = together([short, long])
    for reason, pairs in by_reason(both).items():
        counts = [len(by_reason(one).get(reason, ())) for one in (short, long)]
        assert f"\n| {reason} | {counts[0]} | {counts[1]} | {len(pairs)} |\n" in text
    unexplained = [never for never in both.never() if never.reason == NO_RULE]
    assert unexplained
    for never in unexplained:
        (line,) = (
            line for line in text.splitlines() if line.startswith(f"- `{never.stopped} @ {never.point}`: ")
        )
        assert f"`{never.ran}`" in line
    assert f"\n| together | {both.cases} | {len(both.interleavings):,} |  |  |\n" in text
    assert (tmp_path / "report.svg").read_text(encoding="utf-8") == picture(long)
    assert "(report.svg)" in text


@pytest.mark.parametrize(
    ("files", "options", "complaint"),
    [
        (2, (), "several files are for --markdown only"),
        (2, ("--markdown", "report.md"), "must have names of their own"),
        (1, ("--markdown", "report.svg"), "must be a file with a name that ends in .md"),
        (1, ("--markdown", ""), "must be a file with a name that ends in .md"),
        (1, ("--markdown", "report.md", "--growth", "plot.svg"), "goes with no other option"),
        (1, ("--markdown", "report.md", "--html", "page.html"), "goes with no other option"),
    ],
)
def test_what_cannot_be_reported(
    hunted: Path, tmp_path: Path, files: int, options: tuple[str, ...], complaint: str
) -> None:
    """If one of two files or options were passed over in silence, what is there would be taken for both."""
    before = hunted.read_bytes()
    places = [str(tmp_path / option) if "." in option else option for option in options]
    run = cli("coverage", *[str(hunted)] * files, *places)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert complaint in run.stderr
    assert list(tmp_path.iterdir()) == []
    assert cli("coverage", str(hunted), "--markdown", str(hunted)).returncode == 2
    assert hunted.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "there is no such file: python -m fuzz hunt writes one"),
        ("", "not the state of a hunt: no JSON"),
        ("[1]", "not the state of a hunt: file: [1] is not of type"),
        ('{"tally": 3}', "neither the state of a hunt nor"),
        ('{"format": "bgfuzz hunt"}', "not the state of a hunt"),
    ],
)
def test_what_is_no_result(tmp_path: Path, text: str | None, complaint: str) -> None:
    """If a wrong file were a traceback, nobody would know which file to give."""
    file = tmp_path / "result"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    run = cli("coverage", str(file))
    assert (run.returncode, run.stdout) == (2, "")
    assert complaint in run.stderr
    assert run.stderr.count("\n") == 1
    assert cli("coverage", str(file), "--html", str(tmp_path)).returncode == 2
