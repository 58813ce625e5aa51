"""Errors of the modelled kernel: an errno, raised where the kernel returns a negative one."""

from __future__ import annotations

import errno
from typing import TypeVar

T = TypeVar("T")


class Errno(Exception):  # noqa: N818 - the kernel's word for it
    """A kernel function failed with ``code`` (``errno.ENOSPC``, ...)."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"-{errno.errorcode[code]}")


class KernelBug(Exception):  # noqa: N818 - as in BUG(), ASSERT() and WARN() of the kernel
    """An assertion of the kernel's own does not hold.  The text says which."""


def warn_on(condition: bool, text: str) -> None:
    """Stand in for the kernel's WARN_ON, BUG_ON and ASSERT.

    Raises KernelBug if ``condition`` holds: where the kernel would go on after a WARN_ON, the model
    stops, so what a damaged kernel does next is not explored.
    """
    if condition:
        raise KernelBug(text)


def not_null(value: T | None, text: str) -> T:
    """``value``, which the kernel dereferences unchecked.  Raises KernelBug if it is None."""
    warn_on(value is None, text)
    assert value is not None
    return value
