"""What every error of this target is."""

from __future__ import annotations


class QemuError(Exception):
    """A guest, or what is needed to drive one, is not as it should be.  The message is one line."""
