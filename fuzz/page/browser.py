"""Taking a picture of a page, in the browser that is there."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.libraries import library

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1460, 900
"""Of the window, in pixels, at least: it is made as high as the page is."""
COLOURS = 256
"""Of a picture, which is text and flat areas: a quarter of the size, and no difference to be seen."""


class NoBrowserError(Exception):
    """There is nothing to open a page with; the message says what to install."""


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window, which sends nothing anywhere.  Raises NoBrowserError, and
    MissingLibraryError."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        raise NoBrowserError(f"no browser: install one of {', '.join(BROWSERS)}")
    playwright = library("playwright.sync_api", "browser")
    with playwright.sync_playwright() as driver:
        # A sandbox of its own cannot be had as root, or in most containers; the page is ours.
        opened = driver.chromium.launch(executable_path=path, chromium_sandbox=False)
        try:
            yield opened
        finally:
            opened.close()


def picture(html: str, step: int) -> bytes:
    """The page as a PNG, at that step.  Raises NoBrowserError."""
    with tempfile.TemporaryDirectory() as directory, browser() as opened:
        path = Path(directory) / "page.html"
        path.write_text(html, encoding="utf-8")
        shown = opened.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", reduced_motion="reduce"
        )
        shown.goto(f"{path.as_uri()}#step-{step}")
        height = shown.evaluate("document.documentElement.scrollHeight")
        shown.set_viewport_size({"width": WIDTH, "height": height})
        return _with_few_colours(shown.locator("main").screenshot())


def _with_few_colours(png: bytes) -> bytes:
    image = library("PIL.Image", "browser")
    smaller = io.BytesIO()
    full = image.open(io.BytesIO(png)).convert("RGB")
    full.quantize(COLOURS, dither=image.Dither.NONE).save(smaller, "PNG", optimize=True)
    return smaller.getvalue()
