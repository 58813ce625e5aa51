"""SCTBench on the simulation: the small concurrent programs that schedule search is measured on.

P. Thomson, A. F. Donaldson, A. Betts: Concurrency testing using controlled schedulers, TOPC 2016;
github.com/mc-imperial/sctbench.  Written anew; each file names the C program that it follows.  A task can
be preempted before each access to a shared variable, before each lock and unlock, and before the main program
creates a thread (``threads.py``); an assertion of the program is a property.

Deviations: an array is one variable; where all users of some variables hold one lock, accesses that follow
each other are partly one step; nothing is joined or initialised at run time; and a task that finds a lock
taken has spent a step on it.  What the published tools count as a step is not the same either, so their
figures can be compared with ours by the order of magnitude only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from models.sctbench.account import Account, AccountFixed
from models.sctbench.bluetooth_driver import BluetoothDriver, BluetoothDriverFixed
from models.sctbench.circular_buffer import CircularBuffer, CircularBufferFixed
from models.sctbench.deadlock01 import Deadlock01, Deadlock01Fixed
from models.sctbench.lazy01 import Lazy01, Lazy01Fixed
from models.sctbench.queue import Queue, QueueFixed
from models.sctbench.reorder import Reorder, ReorderFixed
from models.sctbench.stack import Stack, StackFixed
from models.sctbench.stringbuffer import Stringbuffer, StringbufferFixed
from models.sctbench.token_ring import TokenRing, TokenRingFixed
from models.sctbench.twostage import Twostage, TwostageFixed
from models.sctbench.wronglock import Wronglock, WronglockFixed
from models.target import NO_DEADLOCK, Build


@dataclass(frozen=True, slots=True)
class Program:
    """A program with its bug, the same without, and the property that the bug breaks."""

    name: str
    build: Build
    fixed: Build
    breaks: str


def _reorder(setters: int, checkers: int) -> Program:
    return Program(
        f"reorder_{setters + checkers}",
        partial(Reorder, setters=setters, checkers=checkers),
        partial(ReorderFixed, setters=setters, checkers=checkers),
        "both_are_set_or_neither",
    )


def _twostage(name: str, writers: int, readers: int) -> Program:
    return Program(
        name,
        partial(Twostage, writers=writers, readers=readers),
        partial(TwostageFixed, writers=writers, readers=readers),
        "both_stages_are_seen_or_neither",
    )


PROGRAMS = (
    Program("account", Account, AccountFixed, "the_balance_is_what_the_checker_expects"),
    Program("bluetooth_driver", BluetoothDriver, BluetoothDriverFixed, "nobody_works_on_a_stopped_device"),
    Program("circular_buffer", CircularBuffer, CircularBufferFixed, "what_is_received_is_what_is_expected"),
    Program("deadlock01", Deadlock01, Deadlock01Fixed, NO_DEADLOCK),
    Program("lazy01", Lazy01, Lazy01Fixed, "the_sum_is_not_complete"),
    Program("queue", Queue, QueueFixed, "what_is_taken_is_what_was_stored"),
    _reorder(2, 1),
    _reorder(3, 1),
    _reorder(4, 1),
    _reorder(9, 1),
    _reorder(10, 10),
    Program("stack", Stack, StackFixed, "nothing_is_popped_from_an_empty_stack"),
    Program("stringbuffer", Stringbuffer, StringbufferFixed, "nothing_is_copied_from_beyond_the_end"),
    Program("token_ring", TokenRing, TokenRingFixed, "the_token_is_the_same_everywhere"),
    _twostage("twostage", 1, 1),
    _twostage("twostage_20", 10, 10),
    Program("wronglock", Wronglock, WronglockFixed, "nobody_counts_while_the_lock_is_held"),
)
"""By name."""
