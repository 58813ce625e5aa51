"""Results on disk: a line for each trial as it ends, and reports that are there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fuzz.files import write_whole


class Log:
    """A JSON-lines file with one object for each trial; ``key`` names the trial, ``sources`` its digest.

    Without ``resume`` what was there is forgotten.  Raises ValueError where it is no such file.
    """

    def __init__(self, path: Path, sources: str, *, resume: bool) -> None:
        self.path, self.sources = path, sources
        self.results: dict[str, dict[str, object]] = {}
        if resume and path.exists():
            self._read(path.read_text(encoding="utf-8").splitlines())
        write_whole(path, self._text(self.results.values()))

    def _read(self, lines: list[str]) -> None:
        for number, line in enumerate(lines, start=1):
            try:
                result = json.loads(line)
                key, sources = result["key"], result["sources"]
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines):
                    return  # the line that was being written when the bench was interrupted
                raise ValueError(f"{self.path}, line {number}: not a result") from error
            if sources == self.sources:
                self.results[key] = result

    def add(self, key: str, **result: object) -> None:
        """One trial more, at once on disk."""
        self.results[key] = {"key": key, "sources": self.sources, **result}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.results[key]) + "\n")

    def data(self, key: str) -> dict[str, Any]:
        """What was added under ``key``."""
        return {name: value for name, value in self.results[key].items() if name not in ("key", "sources")}

    def tidy(self, order: Iterable[str]) -> None:
        """At the end: the results in the order of their trials, whichever ended first; others, which
        were not asked for this time, behind them."""
        keys = [key for key in dict.fromkeys((*order, *self.results)) if key in self.results]
        write_whole(self.path, self._text(self.results[key] for key in keys))

    def _text(self, results: Iterable[dict[str, object]]) -> str:
        return "".join(json.dumps(result) + "\n" for result in results)


def cell(text: object) -> str:
    """Text that may stand in a cell of a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def row(*cells: object) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(map(cell, cells))} |"
