"""A story as one HTML page: a timeline beside the state of the file system, step by step.

The page needs no network, and no script for the story: a step's panel is shown when its link is followed.
The script adds keys and buttons.
"""

from __future__ import annotations

from dataclasses import fields

from fuzz.mermaid import mermaid
from fuzz.page.panels import panels
from fuzz.page.timeline import timeline
from fuzz.report import text
from fuzz.story import THEN, Story, as_data
from fuzz.templates import environment
from models.btrfs.owners import Use
from models.btrfs.state import SpaceState
from models.properties.values import value_text
from models.simulation import span


def page(story: Story) -> str:
    """The page: HTML with style, script and data inside."""
    templates = environment("fuzz.page")
    templates.globals["span"] = span
    templates.filters["value_text"] = value_text
    return templates.get_template("page.html").render(
        story=story,
        then=THEN,
        data=as_data(story),
        timeline=timeline(story),
        panels=list(panels(story)),
        counters=[field.name for field in fields(SpaceState) if field.name != "type"],
        uses=[use.value for use in Use],
        text=text(story),
        mermaid=mermaid(story),
    )
