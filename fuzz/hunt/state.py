"""How far a hunt came, on disk: a file, whole or not there at all, and all that ``--resume`` needs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from fuzz.files import digest, write_whole
from fuzz.hunt.campaign import Batch, Campaign, Failure, Mistake, machine_names
from fuzz.hunt.handover import Handed
from fuzz.interleavings import Coverage
from fuzz.report import Reproducer
from fuzz.tally import Tally
from fuzz.traces.schema import short
from models.reverts import find_reverts

SCHEMA: Mapping[str, Any] = json.loads(
    files(__package__).joinpath("state.schema.json").read_text(encoding="utf-8")
)
FORMAT: str = SCHEMA["properties"]["format"]["const"]
VERSION: int = SCHEMA["properties"]["version"]["const"]
_ROOT = Path(__file__).resolve().parent.parent.parent


class StateError(ValueError):
    """Not the state of a hunt, or of one that cannot go on.  The message is one line."""


@cache
def sources() -> str:
    """A name for the sources: with others, the same number is another case."""
    return digest(_ROOT)


@dataclass(slots=True)
class State:
    """All cases before ``next`` were run.

    ``seconds`` is the time that it took; ``broken`` counts failing cases by property; ``pending`` are
    failures that are to be handed over, ``handed`` those that were, ``mistakes`` cases in which the model
    itself failed.
    """

    campaign: Campaign
    made_by: str = field(default_factory=sources)
    next: int = 0
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    broken: Counter[str] = field(default_factory=Counter)
    pending: list[Failure] = field(default_factory=list)
    handed: list[Handed] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    def add(self, batch: Batch, end: int) -> list[Failure]:
        """Count the cases from ``next`` up to ``end``; the failures among them that are to be handed over.

        Those are the first of each machine and property: a bug that fails one case in twenty would else
        keep every core busy with making the same program again.
        """
        assert batch.first == self.next, "cases are counted in their order, whoever ran them"
        known = {(failure.machine, failure.property) for failure in self._failures()}
        new: dict[tuple[str, str], Failure] = {}
        for failure in batch.failures:
            self.broken[failure.property] += 1
            kind = failure.machine, failure.property
            if kind not in known:
                new.setdefault(kind, failure)
        self.next = end
        self.tally.merge(batch.tally)
        self.mistakes += batch.mistakes
        self.pending += new.values()
        return list(new.values())

    def hand(self, handed: Handed) -> None:
        """A failure was handed over."""
        self.pending.remove(handed.failure)
        self.handed = sorted([*self.handed, handed], key=lambda one: one.failure.number)

    def _failures(self) -> list[Failure]:
        return [*self.pending, *(handed.failure for handed in self.handed)]

    @property
    def coverage(self) -> Coverage:
        """Which interleavings its cases reached."""
        return self.tally.coverage(self.campaign.kinds)

    @property
    def failed(self) -> int:
        """How many cases failed."""
        return self.broken.total() + len(self.mistakes)

    @property
    def found(self) -> bool:
        """Whether anything failed."""
        return self.failed > 0

    def save(self, path: Path) -> None:
        """Write it by rename.  Raises OSError where that cannot be."""
        data = {
            "format": FORMAT,
            "version": VERSION,
            "sources": self.made_by,
            "campaign": asdict(self.campaign),
            "next": self.next,
            "seconds": self.seconds,
            "tally": self.tally.as_data(),
            "broken": self.broken,
            "pending": [asdict(failure) for failure in self.pending],
            "handed": [asdict(handed) for handed in self.handed],
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
        }
        write_whole(path, json.dumps(data) + "\n")


def load(path: Path) -> State:
    """The state in a file.  Raises StateError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path}: not the state of a hunt: no JSON") from error
    wrong = next(Draft202012Validator(SCHEMA).iter_errors(data), None)
    if wrong is not None:
        place = ", ".join(map(str, wrong.absolute_path)) or "file"
        raise StateError(f"{path}: not the state of a hunt: {place}: {short(wrong.message)}")
    try:
        return _state(data)
    except (TypeError, ValueError, AttributeError) as error:
        raise StateError(f"{path}: not the state of a hunt: {error}") from error


def _state(data: Mapping[str, Any]) -> State:
    names = {name: tuple(data["campaign"].get(name, ())) for name in ("taken_out", "machines", "aims")}
    find_reverts(names["taken_out"])
    unknown = sorted(set(names["machines"]) - set(machine_names()))
    if unknown:
        raise ValueError(f"there is no machine {unknown[0]}")
    campaign = Campaign(**{**data["campaign"], **names})
    campaign.check()
    return State(
        campaign,
        data["sources"],
        data["next"],
        data["seconds"],
        Tally.from_data(data["tally"]),
        Counter(data["broken"]),
        [Failure(**one) for one in data["pending"]],
        [
            Handed(Failure(**one["failure"]), Reproducer.from_data(one["reproducer"]), one["complaint"])
            for one in data["handed"]
        ],
        [Mistake(**one) for one in data["mistakes"]],
    )
