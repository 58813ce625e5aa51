"""What each operation is in the guest: a command of a task, and what the reference model hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fuzz.targets.qemu.commands.base import Command
from fuzz.targets.qemu.commands.space import (
    CommandAllocate,
    CommandCreateBg,
    CommandFree,
    CommandRelocate,
)
from fuzz.targets.qemu.commands.upkeep import CommandScrub, CommandSnapshot
from fuzz.targets.qemu.commands.writes import (
    CommandBufferedWrite,
    CommandCommit,
    CommandDirectWrite,
    CommandFsync,
    CommandWriteback,
)
from models.operations import (
    Allocate,
    BufferedWrite,
    Commit,
    CreateBg,
    Free,
    Fsync,
    Operation,
    Relocate,
    Scrub,
    Snapshot,
    StartNocowDio,
    Writeback,
)

COMMANDS: Mapping[type[Operation], Command[Any]] = MappingProxyType(
    {
        Allocate: CommandAllocate(),
        BufferedWrite: CommandBufferedWrite(),
        Commit: CommandCommit(),
        CreateBg: CommandCreateBg(),
        Free: CommandFree(),
        Fsync: CommandFsync(),
        Relocate: CommandRelocate(),
        Scrub: CommandScrub(),
        Snapshot: CommandSnapshot(),
        StartNocowDio: CommandDirectWrite(),
        Writeback: CommandWriteback(),
    }
)
"""What is a command of a task; remount is the world's."""
