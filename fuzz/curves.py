"""Curves as SVG, the same bytes for the same figures (by one version of Matplotlib)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fuzz.libraries import library

SALT = "bgfuzz"
"""Names inside the file are made from it, and not from chance."""


class Curve(NamedTuple):
    """Points that are connected by straight lines, or (``steps``) level from each to the next."""

    x: Sequence[float]
    y: Sequence[float]
    steps: bool = False
    dashed: bool = False


def matplotlib() -> Any:  # noqa: ANN401 - a module
    """The library.  Raises MissingLibraryError."""
    return library("matplotlib", "bench")


def svg(curves: Mapping[str, Curve], *, x: str, y: str, logarithmic: bool = False) -> str:
    """A picture of the curves, by their names.  Raises MissingLibraryError."""
    settings = {"svg.hashsalt": SALT, "svg.fonttype": "none", "figure.constrained_layout.use": True}
    with matplotlib().rc_context(settings):
        figure = library("matplotlib.figure", "bench").Figure(figsize=(9, 5))
        axes = figure.subplots()
        for name, curve in curves.items():
            style = {"linestyle": "--" if curve.dashed else "-", "label": name}
            if curve.steps:
                style["drawstyle"] = "steps-post"
            axes.plot(curve.x, curve.y, **style)
        if logarithmic:
            axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
        picture = io.StringIO()
        figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    # Matplotlib leaves blanks at the ends of lines
    return "\n".join(line.rstrip() for line in picture.getvalue().splitlines()) + "\n"
