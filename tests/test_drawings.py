"""Text, JSON, Mermaid and HTML tell one story: that of the verdict, for every known race."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from html import unescape
from html.parser import HTMLParser

import pytest
from known_races import PROGRAMS

from fuzz.case import run
from fuzz.commands.show import as_json
from fuzz.diagram import GAP, WIDTH
from fuzz.explanation import Explanation
from fuzz.mermaid import BREAK, mermaid
from fuzz.page import page
from fuzz.report import text
from fuzz.story import Story, tell
from models.reverts import find_reverts

Told = tuple[list[str], list[tuple[str, str, str]]]
"""What the steps start, and what broke: property, expected, observed.  Without spaces: lines are broken."""


def squeezed(words: str) -> str:
    """Text without what a line break may change."""
    return "".join(words.split())


@cache
def story_of(race: str) -> Story:
    """The story of the program that is known for a race."""
    return tell(PROGRAMS[race], find_reverts([race]))


def in_text(story: Story) -> Told:
    """Read back from the diagram in the report."""
    heads = " ".join(story.columns).split()
    lines = text(story).splitlines()
    head = next(number for number, line in enumerate(lines) if line.split() == heads)
    sections = "\n".join(lines[head + 2 :]).split("\n\n")
    blocks = sections[: -3 if story.why.nearest else -2]  # behind them: why, what passes, what was checked
    starts: list[str] = []
    broken: list[tuple[str, str, str]] = []
    width = (WIDTH - GAP * (len(story.columns) - 1)) // len(story.columns) + GAP
    for block in blocks:
        first, *rest = block.splitlines()
        if first.startswith("  ***"):
            found = re.fullmatch(r"expected:(.*)observed:(.*)", squeezed("".join(rest)))
            assert found is not None
            broken.append((first.strip(" *"), found[1], found[2]))
            continue
        offset = len(first) - len(first.lstrip())
        assert offset % width == 0, "a step begins where its column does"
        own = [line[offset:] for line in (first, *rest)]
        end = next((i for i, line in enumerate(own) if line.startswith((" ", "--"))), len(own))
        starts.append(squeezed("".join(own[:end])))
    return starts, broken


def in_mermaid(story: Story) -> Told:
    """Read back from the sequence diagram."""
    starts: list[str] = []
    broken: list[tuple[str, str, str]] = []
    for line in mermaid(story).splitlines():
        found = re.fullmatch(r"    Note over (?:P\d+): (\d+)\. (.*)", line)
        if found:
            assert int(found[1]) == len(starts) + 1
            starts.append(squeezed(_unescaped(found[2])))
        found = re.fullmatch(
            rf"    Note over [P\d,]+: \*\*\* (.*) \*\*\*{BREAK}expected: (.*){BREAK}observed: (.*)", line
        )
        if found:
            broken.append((found[1], squeezed(_unescaped(found[2])), squeezed(_unescaped(found[3]))))
    return starts, broken


def _unescaped(words: str) -> str:
    words = words.replace(BREAK, " ").replace("#lt;", "<").replace("#gt;", ">")
    return words.replace("#59;", ";").replace("#35;", "#")


def in_json(story: Story) -> Told:
    """Read back from the JSON."""
    return from_data(json.loads(as_json(story)))


def from_data(data: dict[str, list[dict[str, list[dict[str, str]]]]]) -> Told:
    """From JSON data, in the page too."""
    starts, broken = [], []
    for frame in data["frames"]:
        who = "" if frame["task"] == frame["column"] else f"[{frame['task']}]"
        starts.append(squeezed(who + frame["notes"][0]["text"]))
        broken += [
            (one["property"], squeezed(one["expected"]), squeezed(one["observed"])) for one in frame["breaks"]
        ]
    return starts, broken


@dataclass
class Reader(HTMLParser):
    """What a page shows: the timeline's texts, the panels' titles and outcomes, the program, the data."""

    steps: list[list[tuple[str, str]]] = field(default_factory=list)
    bands: list[list[tuple[str, str]]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    outcomes: list[list[str]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    program: list[str] = field(default_factory=list)
    data: str = ""
    open: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Begin what the tag begins."""
        given = {name: value or "" for name, value in attrs}
        if tag != "meta":
            self.open.append((tag, given))
        kinds = given.get("class", "").split()
        if tag == "a" and "aria-label" in given:
            self.steps.append([])
            self.labels.append(given["aria-label"])
        elif "band" in kinds:
            self.bands.append([])
        elif "outcome" in kinds:
            self.outcomes.append([])
        elif tag == "section" and "state" in kinds:
            self.titles.append("")

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Nothing is inside."""

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep text where it belongs."""
        tags = [tag for tag, _ in self.open]
        inside = [given.get("class", "") for _, given in self.open]
        if tags[-1:] == ["text"] and inside[-1] != "number":
            (self.bands if any("band" in kind for kind in inside) else self.steps)[-1].append(
                (inside[-1], data)
            )
        elif tags[-1:] == ["dd"]:
            self.outcomes[-1].append(data)
        elif tags[-1:] == ["h2"] and self.titles:
            self.titles[-1] += data
        elif tags[-1:] == ["li"] and any(kind.startswith("program") for kind in inside):
            self.program.append(data)
        elif self.open and self.open[-1][1].get("id") == "story":
            self.data += data


@cache
def read_page(race: str) -> Reader:
    """The page of a race, read back."""
    reader = Reader()
    reader.feed(page(story_of(race)))
    return reader


def in_page(race: str) -> Told:
    """Read back from the timeline."""
    reader = read_page(race)

    def joined(lines: Sequence[tuple[str, str]], kind: str) -> str:
        return squeezed(unescape("".join(line for name, line in lines if name == kind)))

    starts = [joined(step, "starts") for step in reader.steps]
    broken = [
        (
            joined(band, "property"),
            joined(band, "expected").removeprefix("expected"),
            joined(band, "observed").removeprefix("observed"),
        )
        for band in reader.bands
    ]
    return starts, broken


@pytest.mark.parametrize("race", PROGRAMS)
def test_every_drawing_tells_the_same(race: str) -> None:
    """If one left out a step, or said that something else broke, two readers would talk of two bugs."""
    story = story_of(race)
    told = in_json(story)
    assert len(told[0]) == len(story.frames) > 0
    assert in_text(story) == told
    assert in_mermaid(story) == told
    assert in_page(race) == told
    assert from_data(json.loads(read_page(race).data)) == told


@pytest.mark.parametrize("race", PROGRAMS)
def test_what_is_drawn_is_the_verdict(race: str) -> None:
    """If drawings agreed with each other and not with the judge, all would be wrong."""
    verdict = run(PROGRAMS[race], find_reverts([race]))
    assert verdict is not None
    world, symptom = verdict.world, verdict.symptom
    last = (
        symptom.property,
        squeezed(symptom.mismatch.expected),
        squeezed(symptom.mismatch.observed),
    )
    story, reader = story_of(race), read_page(race)
    assert in_json(story)[1][-1] == last
    assert [squeezed(part) for part in reader.outcomes[0]] == list(last[1:])
    assert [squeezed(part) for part in reader.outcomes[-1]] == list(last[1:])
    assert text(story).startswith(f"{last[0]}\n    expected: ")
    done = [str(step) for step in (*world.program, *world.drained[: symptom.drained])]
    assert [frame.step for frame in story.frames] == done
    assert reader.program == [*map(str, PROGRAMS[race].steps), *done[len(world.program) :]]
    for number, (label, step) in enumerate(zip(reader.labels, done, strict=True), start=1):
        assert label.startswith(f"Step {number}: {step}. "), "what is heard"
    for title, step in zip(reader.titles[1:], done, strict=True):
        assert title.endswith(f" {step}"), "each step has its panel"


@pytest.mark.parametrize("race", PROGRAMS)
def test_a_page_needs_nothing_but_itself(race: str) -> None:
    """If it asked for anything, a page in a bug report would be broken, or tell somebody who reads it."""
    html = page(story_of(race))
    assert re.findall(r"""(?:src|href|action)\s*=\s*["'](?!#)|url\((?!#)|@import|https?:""", html) == []
    assert "default-src 'none'" in html


def test_texts_cannot_become_markup() -> None:
    """If a text could, a trace from a stranger could run a script in the page of whoever draws it."""
    story = story_of("ff1f8250a9e4")
    evil = "</script><script>alert(1)</script><b>"
    frames = tuple(
        replace(frame, step=evil, changes=(evil,), standing=tuple((task, evil) for task, _ in frame.standing))
        for frame in story.frames
    )
    why = Explanation((evil,), evil, (evil,))
    html = page(replace(story, setting=evil, program=(evil,), checked=(evil,), why=why, frames=frames))
    assert "alert(1)" in html
    assert "<script>alert" not in html
    assert evil not in html
    assert html.count("</script>") == 2, "the data and the script"


@pytest.mark.parametrize("race", ["ff1f8250a9e4", "f78c436c3931", "5037b342825d"])
def test_equal_stories_have_equal_drawings(race: str) -> None:
    """If a drawing depended on anything but the case, it could not be compared with an older one."""
    again = tell(PROGRAMS[race], find_reverts([race]))
    for draw in (text, mermaid, as_json, page):
        assert draw(again) == draw(story_of(race))
