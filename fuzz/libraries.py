"""Libraries that only some commands need."""

from __future__ import annotations

import importlib
from typing import Any


class MissingLibraryError(Exception):
    """A library of an extra is not installed; the message says what to do."""


def library(name: str, extra: str) -> Any:  # noqa: ANN401 - a module
    """The module of that name.  Raises MissingLibraryError, naming the ``extra`` that brings it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingLibraryError(f"no {name.partition('.')[0]}: pip install -e '.[{extra}]'") from error
