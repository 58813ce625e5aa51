"""What a run is asked to do: profiles, options, and what is wrong with them."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, settings

from fuzz.database import NamedDatabase, open_database
from fuzz.machines import MACHINES
from fuzz.provider import BACKEND
from fuzz.random_cases import STEPS
from fuzz.targets import KERNEL, MODEL, QEMU
from fuzz.targets.kernel.machine import kernel_machines
from fuzz.targets.qemu.machine import qemu_machines
from fuzz.targets.qemu.script import switches_of
from models.reverts import Revert, find_reverts

MAX_SEED = 2**64 - 1
CI_SEED = 0
"""The seed of the ``ci`` profile, which is the same every time."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How much to do: ``shards`` independent searches of ``examples`` cases of ``steps`` steps each.

    The number of shards does not depend on the number of workers, so that a seed means the same
    everywhere.  Hypothesis keeps all cases of a shard in memory: about 60 MiB for 1,000.
    ``must_reach``: a green run that leaves out a ``sometimes`` sentence has failed (models/sometimes).
    """

    shards: int
    examples: int
    steps: int = STEPS
    seed: int | None = None
    must_reach: bool = False

    def resized(
        self, shards: int | None = None, examples: int | None = None, steps: int | None = None
    ) -> Profile:
        """The profile with other sizes where they are given."""
        return replace(
            self, shards=shards or self.shards, examples=examples or self.examples, steps=steps or self.steps
        )


class Shrink(enum.Enum):
    """What makes a failing case shorter: Hypothesis by its choices and then the minimiser by its steps, the
    minimiser alone, or nothing.

    Hypothesis's shrinking takes several times as long as the minimiser's, and hardly ever leads to a shorter
    program (measured on five races).
    """

    BOTH = "both"
    STEPS = "steps"
    NONE = "none"


PROFILES = {
    "default": Profile(shards=123, examples=400),
    "ci": Profile(shards=26, examples=40, seed=CI_SEED),
    "long": Profile(shards=164, examples=500, must_reach=True),
    "replay": Profile(shards=0, examples=0),
}


def profiles_of(target: str) -> dict[str, Profile]:
    """The profiles of a target: a step on a real kernel takes a hundred times as long, or more.

    All their machines have a turn.
    """
    machines = len(machines_of(target))
    slow = {
        QEMU: {
            "default": Profile(shards=machines, examples=8, steps=8),
            "ci": Profile(shards=machines, examples=2, steps=8, seed=CI_SEED),
            "long": Profile(shards=2 * machines, examples=100, steps=10),
        },
        KERNEL: {
            "default": Profile(shards=machines, examples=42, steps=25),
            "ci": Profile(shards=machines, examples=5, steps=25, seed=CI_SEED),
            "long": Profile(shards=2 * machines, examples=300, steps=25),
        },
    }
    return PROFILES | slow.get(target, {})


def machines_of(target: str) -> Sequence[type]:
    """The machines that drive a target."""
    known: dict[str, Callable[[], Sequence[type]]] = {KERNEL: kernel_machines, QEMU: qemu_machines}
    return known[target]() if target in known else MACHINES


LIMITS = {"shards": (1, 10_000), "examples": (1, 2_000), "steps": (1, 400)}
"""Least and greatest: above 400 steps Hypothesis may cut a case short without a word."""

QEMU_STEPS = 50
"""Largest number of steps for QEMU.  A saved case that passes now is continued with random steps up to this
number, at about 0.3 s each."""


def limits_of(target: str) -> dict[str, tuple[int, int]]:
    """The least and greatest sizes for a target."""
    return LIMITS | {"steps": (1, QEMU_STEPS)} if target == QEMU else LIMITS


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that decides what a run does."""

    profile_name: str
    profile: Profile
    seed: int
    reverts: tuple[Revert, ...]
    database: NamedDatabase
    places: tuple[str, ...]
    shrink: Shrink = Shrink.STEPS
    target: str = MODEL

    @property
    def replay_only(self) -> bool:
        """Whether nothing is generated."""
        return self.profile_name == "replay"

    def search_seed(self, machine: str, number: int) -> int:
        """The seed of the ``number``-th search of a machine, from that of the run; it does not depend on what
        other machines there are."""
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{machine}/{number}".encode()).digest()[:8], "big")

    def settings(self, phases: Sequence[Phase], database: NamedDatabase | None) -> settings:
        """Hypothesis's settings for one shard.

        The explain phase is left out: it traces every call, and its comments are about draws.
        """
        # Whatever the profile, all that is saved has its turn, and is run to its end.
        examples, steps = self.profile.examples, self.profile.steps
        if self.replay_only or Phase.reuse in phases:
            examples, steps = 100_000, limits_of(self.target)["steps"][1]
        return settings(
            phases=phases,
            backend=BACKEND,
            database=database,
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=False,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=[
                HealthCheck.too_slow,  # a case is 50 steps of a whole file system, on a shared machine
                HealthCheck.data_too_large,  # long cases are wanted; LIMITS keeps them from being cut
            ],
        )


def register_profiles() -> None:
    """Make the names known to Hypothesis, whose option ``--hypothesis-profile`` selects them."""
    for name in PROFILES:
        settings.register_profile(name, deadline=None, derandomize=False)


def make_run(
    profile_name: str,
    overrides: dict[str, int | None],
    seed: int | None,
    reverts: Sequence[str],
    databases: Sequence[str],
    *,
    shrink: Shrink = Shrink.STEPS,
    target: str = MODEL,
) -> Run:
    """Check what was asked for.  Raises ValueError with one line that says what is wrong."""
    if profile_name not in PROFILES:
        raise ValueError(f"unknown profile {profile_name!r}; there are: {', '.join(PROFILES)}")
    taken_out = find_reverts(reverts)
    if target == KERNEL and taken_out:
        raise ValueError(f"--revert means nothing for the target {target}: a live kernel has its fixes")
    if target == QEMU:
        switches_of(taken_out)
    profile = profiles_of(target)[profile_name]
    sizes: dict[str, int] = {}
    for name, value in overrides.items():
        if value is None:
            continue
        least, greatest = limits_of(target)[name]
        if not least <= value <= greatest:
            raise ValueError(f"--fuzz-{name} is {value}, must be {least} to {greatest}")
        if profile_name == "replay":
            raise ValueError(f"--fuzz-{name} means nothing for the profile replay, which generates nothing")
        sizes[name] = value
    profile = profile.resized(**sizes)
    if seed is None:
        seed = profile.seed
    if seed is None or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"--fuzz-seed is {seed}, must be 0 to {MAX_SEED}")
    must_exist = profile_name == "replay" and bool(databases)
    names = [machine.__name__ for machine in machines_of(target)]
    database = open_database(databases, must_exist=must_exist, machines=names)
    return Run(profile_name, profile, seed, taken_out, database, tuple(databases), shrink, target)
