"""How interleavings grow with the cases: what fewer cases would have shown, and the plot of it."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz.hunt import Campaign, State, machine_names
from fuzz.hunt.campaign import walk
from fuzz.interleavings import Coverage
from fuzz.interleavings.growth import POINTS, expected, picture

SEEN = [{"a", "b"}, {"a"}, {"a", "c"}, {"c", "d"}, {"a"}]
"""What five cases saw."""


def coverage(seen: list[set[str]]) -> Coverage:
    """A campaign of these cases."""
    counts = Counter(name for case in seen for name in case)
    return Coverage(len(seen), Counter(), counts, Counter(), Counter(), {})


@pytest.mark.parametrize("cases", range(len(SEEN) + 1))
def test_fewer_cases_are_the_mean_of_all_choices_of_them(cases: int) -> None:
    """If the curve were of the order in which cases came, or of another sample, it would not be expected."""
    several = [len(set().union(*some)) for some in combinations(SEEN, cases)]
    assert expected(coverage(SEEN), cases) == pytest.approx(sum(several) / len(several))


def test_the_plot_goes_from_nothing_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """If its last point were not what was reached, plot and table would tell two stories."""
    drawn = {}
    monkeypatch.setattr("fuzz.interleavings.growth.svg", lambda curves, **_: drawn.update(curves) or "")
    many = coverage(SEEN * 200)
    picture(many)
    reached, known = drawn.values()
    assert (reached.x[0], reached.y[0]) == (0, 0)
    assert (reached.x[-1], reached.y[-1]) == (1_000, pytest.approx(4))
    assert list(reached.y) == sorted(reached.y)
    assert len(reached.x) <= POINTS + 1
    assert list(known.y) == [many.estimate.reached + many.estimate.left] * 2


def test_a_campaign_without_cases_has_a_plot(tmp_path: Path) -> None:
    """If it were a traceback, a hunt that was stopped at once could not be looked at."""
    state = State(Campaign(3, 40, (), tuple(machine_names())))
    state.save(tmp_path / "hunt.json")
    assert main(["coverage", str(tmp_path / "hunt.json"), "--growth", str(tmp_path / "plot.svg")]) == 0
    assert (tmp_path / "plot.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def test_the_command_writes_plot_and_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If one option kept the other from being heard, a file would be missing in silence."""
    state = State(Campaign(3, 40, (), tuple(machine_names())))
    state.add(walk(state.campaign, range(22)), 22)
    hunted, plot, page = (tmp_path / name for name in ("hunt.json", "plot.svg", "page.html"))
    state.save(hunted)
    assert main(["coverage", str(hunted), "--growth", str(plot), "--html", str(page)]) == 0
    assert capsys.readouterr().out == f"{plot}\n{page}\n"
    known = state.coverage.estimate
    assert f"there are about {known.reached + known.left:.0f} (Chao2)" in plot.read_text(encoding="utf-8")
    assert page.exists()
    with pytest.raises(SystemExit) as stop:
        main(["coverage", str(hunted), "--growth", str(tmp_path)])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
