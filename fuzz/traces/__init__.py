"""Traces: reproducers as files, which can be replayed, compared and edited.

A trace is JSON with a version and a schema (``schema.json``), a step on each line.  It names everything by
what keeps its meaning, so it outlives the strategies that drew it.
"""

from __future__ import annotations

from fuzz.traces.reading import load, loads
from fuzz.traces.recording import record
from fuzz.traces.trace import Outcome, Sign, Trace, TraceError
from fuzz.traces.writing import dumps, file_name, save

__all__ = ["Outcome", "Sign", "Trace", "TraceError", "dumps", "file_name", "load", "loads", "record", "save"]
