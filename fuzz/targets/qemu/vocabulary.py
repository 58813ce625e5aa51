"""What of the project's words the guest can be told, and the rule for each that it cannot.

Nothing is left out in silence: what is refused is counted, and printed with its reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from fuzz.targets.qemu import points
from fuzz.targets.qemu.guest import VCPUS
from models.operations import (
    OPERATIONS,
    Clean,
    CompleteBio,
    Crash,
    Inject,
    Operation,
    RunDelayedRefs,
    Trim,
)

REFUSED: Mapping[type[Operation], str] = MappingProxyType(
    {
        RunDelayedRefs: "the kernel runs delayed refs by itself: no system call asks for it",
        Clean: "the cleaner is a kernel thread with a clock of its own: no system call wakes it",
        CompleteBio: "the guest's disk is in its memory: a bio is complete when it is submitted",
        Inject: "the guest's disk never fails, and its kernel has no fault injection",
        Crash: "the guest's disk keeps nothing back that a loss of power could take",
        Trim: "the guest's disk discards nothing: FITRIM is not supported on it",
    }
)
"""Operations that the guest cannot do, and why."""
IN_HANDLE = "a task that holds a handle open is inside a system call: it can end that, and no more"
NO_VCPU = f"the guest has vCPUs of their own for CPU 1 to CPU {VCPUS - 1} only"
GEOMETRY_RULE = (
    "the file system has the kernel's own sizes: 128 MiB, one DATA block group of 8 MiB at first, full but "
    "for holes of one block; of a geometry its files count, in blocks of 4 KiB"
)


def expressible(kind: type[Operation]) -> bool:
    """Whether the guest can do such an operation."""
    return kind not in REFUSED


def table() -> list[str]:
    """All rules as text, a line each."""
    refused = [f"{kind.name}: {REFUSED[kind]}" for kind in OPERATIONS if kind in REFUSED]
    reasons = defaultdict(list)
    for point, why in points.REFUSED.items():
        reasons[why].append(point)
    stops = [f"preemption at {', '.join(several)}: {why}" for why, several in reasons.items()]
    return [
        *refused,
        *stops,
        f"in a handle: {IN_HANDLE}",
        f"other tasks: {NO_VCPU}",
        f"geometry: {GEOMETRY_RULE}",
    ]
