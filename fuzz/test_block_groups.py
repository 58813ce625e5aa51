"""The fuzzer's test items: the saved failures, and the shards of the search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from fuzz.options import Run
from fuzz.shards import Outcome, fuzz_shard, replay
from fuzz.targets import KERNEL, MODEL, QEMU, TargetUnavailable
from fuzz.targets.kernel.runs import kernel_replay, kernel_shard
from fuzz.targets.qemu.runs import qemu_replay, qemu_shard

Record = Callable[[str, object], None]


def _report(outcomes: Sequence[Outcome], record_property: Record) -> None:
    for outcome in outcomes:
        record_property("fuzz", outcome.to_json())
    found = [outcome.reproducer for outcome in outcomes if outcome.reproducer is not None]
    if found:
        told = (f"{best.property} does not hold: see below" for best in found)
        pytest.fail("; ".join(told), pytrace=False)


@contextmanager
def _one_line() -> Iterator[None]:
    """What a target lacks, or that it failed, is no traceback."""
    try:
        yield
    except TargetUnavailable as error:
        pytest.fail(str(error), pytrace=False)


def test_saved_failures(fuzz_run: Run, record_property: Record) -> None:
    """What an earlier run saved."""
    if not fuzz_run.database.saved():
        pytest.skip("no failure is saved, nothing to replay")
    again = {MODEL: replay, KERNEL: kernel_replay, QEMU: qemu_replay}[fuzz_run.target]
    with _one_line():
        _report(again(fuzz_run), record_property)


def test_shard(fuzz_run: Run, shard: int, record_property: Record) -> None:
    """One of the independent searches that a run consists of."""
    search = {MODEL: fuzz_shard, KERNEL: kernel_shard, QEMU: qemu_shard}[fuzz_run.target]
    with _one_line():
        _report([search(fuzz_run, shard)], record_property)
