"""The published schema of the format, and the check against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from fuzz.traces.trace import TraceError

SCHEMA: Mapping[str, Any] = json.loads(files(__package__).joinpath("schema.json").read_text("utf-8"))
FORMAT: str = SCHEMA["properties"]["format"]["const"]
VERSION: int = SCHEMA["properties"]["version"]["const"]
LONGEST_COMPLAINT = 200
"""Characters of what the schema library says: it repeats what it was given."""

_VALIDATOR = Draft202012Validator(SCHEMA)


def check(document: object) -> Mapping[str, Any]:
    """The document, which is a trace as far as a schema can tell.  Raises TraceError naming the place."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TraceError(f'not a trace: a trace is a JSON object with "format": "{FORMAT}"')
    version = document.get("version")
    if isinstance(version, bool) or version != VERSION:
        raise TraceError(f"format version {short(repr(version))}: this reads version {VERSION} only")
    # The first only: the schema bounds each array before it looks at what is in it.
    error = next(_VALIDATOR.iter_errors(document), None)
    if error is not None:
        raise TraceError(f"{_place(error)}: {short(error.message)}")
    return document


def _place(error: ValidationError) -> str:
    """Where in the document, as it is printed: ``step 3, until`` and not ``$.steps[2].until``."""
    parts = [str(part) for part in error.absolute_path]
    if len(parts) > 1 and parts[0] == "steps":
        parts[:2] = [f"step {int(parts[1]) + 1}"]
    return short(", ".join(parts)) or "trace"


def short(text: str) -> str:
    """One line of printable ASCII, with a mark at its end where it was cut."""
    plain = text.encode("ascii", "backslashreplace").decode("ascii").replace("\n", " ")
    return plain if len(plain) <= LONGEST_COMPLAINT else f"{plain[:LONGEST_COMPLAINT]}..."
