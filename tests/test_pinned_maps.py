"""What the fuzzer found in the model itself, kept as the program that showed it."""

from __future__ import annotations

from fuzz.case import Case, run
from models.geometry import File, FileKind, Geometry
from models.operations import CompleteBio, CreateBg, EndTransaction, Relocate, StartNocowDio, Step


def test_merging_keeps_the_map_of_a_write_in_flight() -> None:
    """If relocation dropped it, the next look at the tree would cache the blocks from before the write."""
    steps = (
        Step("CPU 1", CreateBg()),
        Step("CPU 2", Relocate(2)),
        Step("CPU 1", EndTransaction()),
        Step("CPU 1", StartNocowDio(0, 0, 1)),
        Step("CPU 2"),
        Step("CPU 2", StartNocowDio(0, 1, 1), "can_nocow_extent"),
        Step("kworker 1", CompleteBio("CPU 1", 0)),
    )
    geometry = Geometry(1, 4, 1, (File(FileKind.NODATACOW, 2),))
    assert run(Case(geometry, steps), ()) is None
