"""A reproducer as text: what broke, the program, the diagram, why, and what was checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fuzz.case import Case, run
from fuzz.diagram import WIDTH, draw, told, wrapped
from fuzz.explanation import Explanation
from fuzz.minimise.size import preemptions
from fuzz.story import THEN, Story, describe, tell
from fuzz.tables import plural
from fuzz.traces import dumps, record
from models.reverts import Revert
from models.world import Violation


@dataclass(frozen=True, slots=True)
class Reproducer:
    """A failing program, ready to print, and its trace, ready to save.

    ``property`` is what a user would notice, ``broken`` is everything that breaks as the case runs on.
    Orders as the minimiser does, so that the shortest comes first: steps and preemptions together, then
    preemptions.
    """

    steps: int
    text: str
    property: str
    preemptions: int = 0
    program: str = ""
    trace: str = ""
    broken: tuple[str, ...] = ()

    def __lt__(self, other: Reproducer) -> bool:
        return self._size() < other._size()

    def _size(self) -> tuple[int, int, str]:
        return self.steps + self.preemptions, self.preemptions, self.text

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Reproducer:
        """Back from JSON.  Raises TypeError where it is none."""
        return cls(**{**data, "broken": tuple(data.get("broken", ()))})


def render(case: Case, reverts: Sequence[Revert]) -> Reproducer:
    """The report on a failing case.  Raises ValueError if it passes."""
    story = tell(case, reverts)
    return Reproducer(
        len(case.steps),
        text(story),
        story.symptom.property,
        preemptions(case.steps),
        _program(story),
        dumps(record(case, reverts)),
        _broken(case, reverts),
    )


def text(story: Story) -> str:
    """The report: plain text of 80 columns, ready for a mail or a commit message."""
    sections = [
        _what_broke(story),
        _program(story),
        draw(story.frames, story.columns),
        *_why(story.why),
        "\n".join(_listed(story.checked, indent="")),
    ]
    return "\n\n".join(sections)


def as_found(case: Case, violation: Violation, reverts: Sequence[Revert]) -> Reproducer:
    """A failing case as a search hands it over: without its story, under the property of ``violation``."""
    program = "\n".join(_listed(map(str, case.steps)))
    head = f"program as found ({len(case.steps)} steps) on {describe(case.geometry)}:"
    found = f"{violation}\n\n{head}\n{program}"
    return Reproducer(
        len(case.steps),
        found,
        violation.property,
        preemptions(case.steps),
        program,
        dumps(record(case, reverts)),
        _broken(case, reverts),
    )


def _broken(case: Case, reverts: Sequence[Revert]) -> tuple[str, ...]:
    """The properties that the case breaks, in that order."""
    verdict = run(case, reverts)
    return tuple(verdict.world.violations) if verdict else ()


def _what_broke(story: Story) -> str:
    lines = [story.symptom.property, *told(story.symptom, WIDTH, "    ")]
    if story.first is not None:
        lines += [f"first sign: {story.first.property}", *told(story.first, WIDTH, "    ")]
    return "\n".join(lines)


def _why(explanation: Explanation) -> list[str]:
    """The sentences, and the nearest schedule that passes if there is one."""
    sections = [_listed(explanation.why, indent="")]
    if explanation.nearest:
        sections.append([*_listed([explanation.nearest], indent=""), *_listed(explanation.program)])
    return ["\n".join(section) for section in sections]


def _program(story: Story) -> str:
    steps = plural(len(story.program), "step")
    lines = _listed([f"program ({steps}) on {story.setting}:"], indent="")
    lines += _listed(story.program)
    if story.drained:
        lines.append(f"{THEN}, in this order:")
        lines += _listed(story.drained)
    return "\n".join(lines)


def _listed(sentences: Iterable[str], indent: str = "    ") -> list[str]:
    """Each on a line of its own, or on more where it is long."""
    return [line for sentence in sentences for line in wrapped(sentence, WIDTH, indent, f"{indent}    ")]
