"""The page in a real browser: stepping by keys, buttons and clicks; without a script; without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_drawings import story_of

from fuzz.page import page
from fuzz.page.browser import NoBrowserError, browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RACE = "f78c436c3931"
STORY = story_of(RACE)
LAST = len(STORY.frames)


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    """A browser for all tests here."""
    try:
        with browser() as started:
            yield started
    except NoBrowserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the page is."""
    path: Path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page(STORY), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def shown(opened: Browser, address: str) -> Iterator[Page]:
    """The page, freshly opened; anything that it asks for or complains about fails the test."""
    context = opened.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    tab = context.new_page()
    troubles: list[str] = []
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda message: troubles.append(message.text))
    tab.on("request", lambda request: troubles.append(request.url) if request.url != address else None)
    tab.goto(address)
    yield tab
    context.close()
    assert troubles == []


def visible_step(tab: Page) -> int:
    """The step whose panel is shown; there is one, and the timeline marks the same."""
    panels = [panel for panel in tab.locator("section.state").all() if panel.is_visible()]
    assert len(panels) == 1
    step = int(panels[0].get_attribute("data-step") or "")
    if tab.locator("html.js").count():
        marked = tab.locator("a[aria-current=step]")
        assert [link.get_attribute("data-step") for link in marked.all()] == [str(step)]
        assert tab.locator("#where").inner_text() == f"{step} / {LAST}"
    return step


def test_the_last_step_is_shown_first(shown: Page) -> None:
    """If another were, who opens the page would not see what broke."""
    assert visible_step(shown) == LAST
    panel = shown.locator(f"#step-{LAST}").inner_text()
    for told in (STORY.symptom.property, STORY.symptom.expected, STORY.symptom.observed):
        assert told in panel.replace("\u200b", "")


def test_keys_step(shown: Page) -> None:
    """If a key did nothing, or went the wrong way, nobody could follow the race."""
    steps = []
    for key in ("Home", "ArrowUp", "ArrowDown", "ArrowRight", "ArrowLeft", "End", "ArrowDown", "ArrowUp"):
        shown.keyboard.press(key)
        steps.append(visible_step(shown))
    assert steps == [0, 0, 1, 2, 1, LAST, LAST, LAST - 1]


def test_each_step_shows_what_is_there_then(shown: Page) -> None:
    """If a panel were that of another step, the state would not fit the story beside it."""
    shown.keyboard.press("Home")
    gone = []
    for frame in STORY.frames:
        shown.keyboard.press("ArrowDown")
        panel = shown.locator("section.state.current")
        assert panel.locator("h2").inner_text().endswith(frame.step)
        for block_group in frame.state.block_groups:
            if block_group.type == "DATA":
                card = panel.locator("article.group.there", has_text=f"block group {block_group.number} ")
                assert f"used {block_group.used}" in card.inner_text().replace("\u2192", "->") or (
                    f"-> {block_group.used}" in card.inner_text().replace("\u2192", "->")
                )
        for bio in frame.state.bios:
            marked = panel.locator("li.bio")
            assert [cell.get_attribute("title") or "" for cell in marked.all()] != []
            assert f"block {bio.block}:" in (marked.first.get_attribute("title") or "")
        shown_text = " ".join(panel.locator(".cards").inner_text().split())
        assert f"superblock: transaction {frame.state.superblock}" in shown_text
        for trans in frame.state.transactions:
            assert f"{trans.transid} {trans.state}" in shown_text
        assert shown_text.count("to be written") == len(frame.state.ordered)
        assert shown_text.count("carries write") == len(frame.state.bios)
        rows = [row.inner_text().split() for row in panel.locator("tbody tr").all()]
        assert rows == [[str(value) for value in asdict(space).values()] for space in frame.state.spaces]
        gone.append(panel.locator("article.group.gone").count())
    numbers = [{group.number for group in frame.state.block_groups} for frame in STORY.frames]
    assert gone == [int(2 not in there) for there in numbers]
    assert gone[-1] == 1, "the block group that the write goes to"


def test_buttons_and_clicks_step(shown: Page) -> None:
    """If they did not, nobody without a keyboard could step."""
    steps = []
    for name in ("First", "Next", "Next", "Previous", "Last"):
        shown.get_by_role("button", name=name).click()
        steps.append(visible_step(shown))
    assert steps == [0, 1, 2, 1, LAST]
    shown.get_by_role("link", name="Step 2:").click()
    assert visible_step(shown) == 2
    assert shown.url.endswith("#step-2"), "a step can be linked to"


def test_a_step_is_reached_by_tab_and_announced(shown: Page) -> None:
    """If links could not be focused, or nothing were said, the page would be for mice and eyes only."""
    shown.get_by_role("link", name="Step 3:").focus()
    shown.keyboard.press("Enter")
    assert visible_step(shown) == 3
    assert STORY.frames[2].step in shown.locator("[aria-live=polite]").inner_text()
    ends = [shown.get_by_role("button", name=name) for name in ("First", "Last")]
    shown.keyboard.press("End")
    assert [button.get_attribute("aria-disabled") for button in ends] == ["false", "true"]


def test_a_link_to_a_step_opens_there(opened: Browser, address: str) -> None:
    """If it did not, nobody could point at a step."""
    tab = opened.new_page()
    tab.goto(f"{address}#step-3")
    assert visible_step(tab) == 3
    tab.goto(f"{address}#step-999")
    assert visible_step(tab) == LAST, "there is no such step"
    tab.close()


def test_without_a_script_the_story_is_there(opened: Browser, address: str) -> None:
    """If it needed one, a viewer that runs none would show an empty page."""
    context = opened.new_context(java_script_enabled=False, viewport={"width": 1400, "height": 900})
    tab = context.new_page()
    tab.goto(address)
    assert visible_step(tab) == LAST
    tab.get_by_role("link", name="Step 2:").click()
    assert visible_step(tab) == 2
    assert not tab.get_by_role("button", name="Next").is_visible(), "no button that does nothing"
    context.close()


@pytest.mark.parametrize("width", [420, 1000, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(opened: Browser, address: str, width: int, scheme: str) -> None:
    """If the page were wider than the window, half of it would be off screen; text has to be readable."""
    context = opened.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    tab = context.new_page()
    tab.goto(address)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    back, ink = (
        tab.evaluate(f"getComputedStyle(document.body).{name}").removeprefix("rgb(").rstrip(")").split(",")
        for name in ("backgroundColor", "color")
    )
    assert (int(back[0]) < int(ink[0])) == (scheme == "dark")
    context.close()


@pytest.mark.parametrize("width", [900, 1400])
def test_the_step_is_in_sight(opened: Browser, address: str, width: int) -> None:
    """If its box were out of the window, or behind the panel, nobody could see what led to the state."""
    context = opened.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    tab = context.new_page()
    tab.goto(address)
    for key in ("Home", *["ArrowDown"] * LAST):
        tab.keyboard.press(key)
        box = tab.locator("a[aria-current=step]").bounding_box()
        panel = tab.locator(".side").bounding_box()
        assert box is not None
        assert panel is not None
        below = panel["y"] if width == 900 else 900
        assert box["y"] >= 0
        assert min(box["y"] + box["height"], box["y"] + 60) <= below, f"step {visible_step(tab)}"
    context.close()


def test_no_text_runs_out_of_its_box(shown: Page) -> None:
    """If a line were wider than the box around it, it would run into the next column."""
    wide = shown.evaluate(
        """[...document.querySelectorAll("svg a.step, svg g.band")].flatMap((group) => {
          const box = group.querySelector("rect").getBBox();
          return [...group.querySelectorAll("text")].filter((text) => {
            const own = text.getBBox();
            return own.x + own.width > box.x + box.width || own.y + own.height > box.y + box.height;
          }).map((text) => text.textContent);
        })"""
    )
    assert wide == []
