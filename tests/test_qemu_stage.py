"""Tasks on a guest that is held and released: against a stub and an agent of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from stub import RIP, RSP, Stub, agent, stubbed

from fuzz.targets.qemu import stage as module
from fuzz.targets.qemu.guest import GuestError
from fuzz.targets.qemu.hold import at as entered
from fuzz.targets.qemu.hold import behind
from fuzz.targets.qemu.holding import Holds
from fuzz.targets.qemu.stage import Answer, SilentError, Stage
from fuzz.targets.qemu.switches import Call, Entered, NotTolerated, Returned, Skip
from fuzz.targets.qemu.symbols import Span, SymbolError, Symbols
from fuzz.targets.qemu.tasks import Look, Task

SYMBOLS = Symbols(
    "0000000000001000 t caller\t[btrfs]\n0000000000001010 T callee\t[btrfs]\n0000000000001020 d data\t[btrfs]"
)
CALLER, CALLEE, END = 0x1000, 0x1010, 0x1FFF
CALL = Call("caller", "callee", -2)
COMPARE = CALLER + 5
CODE = b"\xe8\x0b\0\0\0\x83\xf8\xfe"
"""``call callee; cmp $-2,%eax`` at the start of the caller."""


def echo(line: str) -> tuple[int, str]:
    """An agent that repeats what it is told."""
    return 0, line


@contextmanager
def staged(
    *paths: list[int], answer: Callable[[str], tuple[int, str]] = echo
) -> Iterator[tuple[Stage, Stub]]:
    """A stage with a vCPU 0 that does nothing, and one for each path."""
    ours, theirs = socket.socketpair()
    with stubbed([], *paths, *[[] for _ in range(2 - len(paths))]) as (gdb, stub), ours, theirs:
        thread = agent(theirs, answer)
        yield Stage(gdb, ours, SYMBOLS), stub
        ours.shutdown(socket.SHUT_RDWR)
        thread.join()


def lay(stub: Stub, code: bytes, address: int = CALLER) -> None:
    """Put code where the caller is, and zeroes behind it."""
    stub.memory |= dict.fromkeys(range(CALLER, CALLEE), 0)
    stub.memory |= dict(enumerate(code, start=address))


def at(stub: Stub, vcpu: int) -> int:
    """Where a vCPU is."""
    return stub.vcpus[vcpu].registers[RIP]


def test_a_function_ends_where_the_next_begins() -> None:
    """If data were taken for a function, or a span went on, code of others would be changed."""
    assert SYMBOLS.span("caller") == Span(CALLER, 16)
    assert SYMBOLS.span("callee") == Span(CALLEE, 4096)
    for name in ("data", "nothing"):
        with pytest.raises(SymbolError, match="has no functions"):
            SYMBOLS.span(name)
    with pytest.raises(SymbolError, match="has 2 functions of the name twice"):
        Symbols("10 t twice [btrfs]\n20 t twice [btrfs]").span("twice")


def test_a_line_is_answered_with_its_exit_code() -> None:
    """If an error passed for an answer, a set-up that failed would look like a race."""
    with staged(answer=lambda line: (3, f"no {line}\nat all\n")) as (stage, _):
        assert stage.ask("such") == (3, "no such\nat all\n")
        with pytest.raises(GuestError, match="'such' exits with 3 in the guest: no such at all"):
            stage.do("such")


def test_a_line_that_came_in_parts_is_sent_again() -> None:
    """If it were not, the guest and this side would wait for each other."""
    ours, theirs = socket.socketpair()
    with stubbed([], [], []) as (gdb, _), ours, theirs, theirs.makefile("rb") as lines:
        theirs.sendall(b"\x01 lost\n\x01 lost\nout\x011 7\n")
        assert Stage(gdb, ours, SYMBOLS).ask("such a line") == (7, "out")
        assert [lines.readline() for _ in range(3)] == [b"1 11 such a line\n"] * 3


def test_a_guest_that_has_gone_is_one_line() -> None:
    """If it were an error of the socket, a panic would end a run as a traceback."""
    ours, theirs = socket.socketpair()
    with stubbed([], [], []) as (gdb, _), ours:
        theirs.close()
        with pytest.raises(GuestError, match=r"^the guest has gone$"):
            Stage(gdb, ours, SYMBOLS).ask("a line")
    ours, theirs = socket.socketpair()
    with stubbed([], [], []) as (gdb, _), ours, theirs:
        theirs.sendall(b"a part")
        stage = Stage(gdb, ours, SYMBOLS)
        stage.until(lambda: bool(stage._heard), "a part")
        ours.sendall(b"never read")
        theirs.close()  # with unread data: the connection is reset
        with pytest.raises(GuestError, match=r"^the guest has gone$"):
            stage.until(lambda: False, "anything")


def test_breakpoints_are_served_and_passed() -> None:
    """If a vCPU did not get past a breakpoint that does not hold it, the guest would stand still."""
    with staged([1, CALLEE, 2, CALLEE, END]) as (stage, stub):
        seen: list[int] = []
        stage.at(CALLEE, seen.append)
        stage.ask("on")
        stage.until(lambda: len(seen) == 2, "both")
        stage.ask("on")
        stage.stop()
        assert seen == [1, 1]
        assert at(stub, 1) == END
        assert stub.breakpoints == {CALLEE}


def test_a_held_vcpu_stays_while_the_others_go_on() -> None:
    """If it moved, there would be no window; if the others did not, nobody could come into it."""
    with staged([CALLEE, END], [1, 2, END]) as (stage, stub):
        stage.at(CALLEE, stage.hold)
        stage.ask("on")
        stage.until(lambda: stage.held(1), "vCPU 1")
        stage.ask("on")
        stage.stop()
        assert (at(stub, 1), at(stub, 2)) == (CALLEE, END)
        stage.release(1)
        stage.ask("on")
        stage.stop()
        assert at(stub, 1) == END


def test_two_eyes_on_one_address() -> None:
    """If the second took the place of the first, a race would be played without its window being seen."""
    with staged([CALLEE, END]) as (stage, stub):
        first: list[int] = []
        second: list[int] = []
        stage.at(CALLEE, first.append)
        stage.at(CALLEE, second.append)
        stage.not_at(CALLEE, first.append)
        assert stub.breakpoints == {CALLEE}
        stage.until(lambda: bool(second), "vCPU 1")
        stage.not_at(CALLEE, second.append)
        assert (first, second, stub.breakpoints) == ([], [1], set())


def test_what_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """If waiting did not end, a guest that hangs would hang the command."""
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    with staged() as (stage, _), pytest.raises(GuestError, match="has not given a miracle"):
        stage.until(lambda: False, "a miracle")


def test_a_skipped_function_returns_at_once() -> None:
    """If the stack were left as it was, the caller would return to nowhere."""
    with staged([CALLEE, CALLEE + 1, END]) as (stage, stub):
        stub.vcpus[1].registers[RSP] = 0x8000
        stub.memory |= dict(enumerate((0xFFFFFFFFC0001234).to_bytes(8, "little"), start=0x8000))
        count = Skip("callee").apply(stage)
        stage.until(lambda: bool(count.times), "vCPU 1")
        assert (at(stub, 1), stub.vcpus[1].registers[RSP]) == (0xFFFFFFFFC0001234, 0x8008)


def test_an_error_is_tolerated_no_more() -> None:
    """If another byte were changed, the guest would crash, and that is no confirmation."""
    with staged() as (stage, stub):
        lay(stub, CODE)
        assert NotTolerated(CALL).apply(stage).times == 1
        assert bytes(stub.memory[CALLER + place] for place in range(len(CODE))) == CODE[:-1] + b"\x7f"


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b"\xe8\x0c\0\0\0\x83\xf8\xfe",  # calls another function
        b"\xe8\x0b\0\0\0\x83\xf8\xfb",  # compares with another error
        b"\xe8\x0b\0\0\0\x83\xf8\xfe\xe8\x03\0\0\0\x83\xf8\xfe",  # in two places
    ],
)
def test_code_of_another_form_is_left_alone(code: bytes) -> None:
    """If it were changed by guess, anything could happen, and be taken for the race."""
    with staged() as (stage, stub):
        lay(stub, code)
        before = dict(stub.memory)
        with pytest.raises(SymbolError, match="must be 1: this kernel was compiled in another way"):
            NotTolerated(CALL).apply(stage)
        assert stub.memory == before


@pytest.mark.parametrize(
    ("rax", "times"), [(0xFFFFFFFE, 1), (0xFFFFFFFFFFFFFFFE, 1), (0, 0), (0xFFFFFFFB, 0)]
)
def test_a_return_value_is_seen(rax: int, times: int) -> None:
    """If another value counted, a window would be reported that was never there."""
    with staged([COMPARE, END]) as (stage, stub):
        lay(stub, CODE)
        stub.vcpus[1].registers[0] = rax
        count = Returned(CALL).watch(stage)
        stage.ask("on")
        stage.stop()
        assert (at(stub, 1), count.times) == (END, times)


def test_who_enters_counts_only_beside_a_held_task() -> None:
    """If it counted at any time, the window would be thought reached without anybody in it."""
    with staged([CALLEE, 1], [CALLER, END]) as (stage, stub):
        count = Entered("callee").watch(stage)
        stage.ask("on")
        assert count.times == 0
        stage.stop()
        stub.vcpus[1] = replace(stub.vcpus[1], path=[CALLEE, END])
        stage.hold(2)
        stage.ask("on")
        stage.stop()
        assert count.times == 1


def test_a_silent_guest_is_told_to_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """If nobody let a held vCPU go that the guest waits for, the case would never end."""
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    with stubbed([], [], []) as (gdb, _), ours, theirs, theirs.makefile("rb") as lines:
        stage = Stage(gdb, ours, SYMBOLS)
        stage.silence = lambda: theirs.sendall(b"out\x011 0\n")
        assert stage.ask("a line") == (0, "out")
        assert [lines.readline() for _ in range(2)] == [b"1 6 a line\n"] * 2
        stage.silence = lambda: None
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
        with pytest.raises(SilentError, match=r"'another'.*; heard: b'', held: \[\], vCPUs at 0x0, 0x0, 0x0"):
            stage.ask("another")


@pytest.mark.parametrize(
    ("output", "look"),
    [
        ("0\n1+0 records\n", Look(Answer(0, "1+0 records\n"), ())),
        ("\n", Look(None, ())),
        (
            "\n[<0>] btrfs_wait_nocow_writers+0x1/0x2 [btrfs]\n[<0>] do_syscall_64+0x1/0x2\n",
            Look(None, ("btrfs_wait_nocow_writers",)),
        ),
        (
            "\n[<0>] futex_wait_queue+0x1/0x2\n[<0>] scrub_pause_off.part.0+0x1/0x2\n",
            Look(None, ("scrub_pause_off",)),
        ),
    ],
)
def test_how_a_task_stands(output: str, look: Look) -> None:
    """If a thread that waits for another were what a task waits in, it would seem to wait while that runs."""
    with staged(answer=lambda _: (0, output)) as (stage, _):
        assert Task(stage, 1, 9, "/tasks/1").look() == look


# Holds


def test_a_vcpu_is_held_at_the_end_of_its_way() -> None:
    """If it were held wherever it comes to the last function, it would stand in another caller of that."""
    with staged([CALLEE, 1, CALLER, 2, CALLEE, END], [CALLER, CALLEE, END]) as (stage, stub):
        holds = Holds(stage)
        holds.arm(1, {"here": entered("caller", "callee")}, [])
        stage.until(lambda: stage.held(1), "vCPU 1")
        stage.until(lambda: at(stub, 2) == END, "vCPU 2")
        stage.stop()
        assert (at(stub, 1), at(stub, 2)) == (CALLEE, END)
        assert stub.vcpus[1].path == [END]
        assert holds.came == {1: "here"}
        holds.disarm(1)
        assert stub.breakpoints == set()


def test_of_several_places_the_first_counts() -> None:
    """If a vCPU were held at both, it would have to be let go twice."""
    with staged([CALLEE, 1, CALLER, END]) as (stage, stub):
        holds = Holds(stage)
        holds.arm(1, {"far": entered("caller"), "near": entered("callee")}, [])
        stage.until(lambda: stage.held(1), "vCPU 1")
        assert (at(stub, 1), holds.came) == (CALLEE, {1: "near"})


@pytest.mark.parametrize(("top", "held"), [(0x8008, True), (0x8000, False)])
def test_a_vcpu_is_held_where_a_function_returns(top: int, *, held: bool) -> None:
    """If it were held where another call of it returns, inside of the first, it would not be behind it."""
    with staged([CALLEE, CALLER + 5, END]) as (stage, stub):
        stub.vcpus[1].registers[RSP] = 0x8000
        stub.memory |= dict(enumerate((CALLER + 5).to_bytes(8, "little"), start=0x8000))
        Holds(stage).arm(1, {"here": behind("callee")}, [])

        def returned(vcpu: int) -> None:
            stub.vcpus[vcpu].registers[RSP] = top

        stage.at(CALLEE, returned)
        stage.until(lambda: stage.held(1) or at(stub, 1) == END, "vCPU 1")
        assert (at(stub, 1), stage.held(1)) == ((CALLER + 5, True) if held else (END, False))


@pytest.mark.parametrize(("place", "stack"), [(CALLER + 3, 0), (END, CALLER + 5)])
def test_a_held_vcpu_is_on_its_way_already(place: int, stack: int) -> None:
    """If it had to come to the function that it is in once more, it would run through."""
    with staged([place, CALLEE, END]) as (stage, stub):
        stub.vcpus[1].registers[RSP] = 0xBFF8
        stub.memory |= dict(enumerate(stack.to_bytes(8, "little"), start=0xBFF8))
        stage.at(place, stage.hold)
        stage.until(lambda: stage.held(1), "vCPU 1")
        stage.not_at(place, stage.hold)
        Holds(stage).arm(1, {"here": entered("caller", "callee")}, [])
        stage.release(1)
        stage.until(lambda: stage.held(1), "vCPU 1 again")
        assert at(stub, 1) == CALLEE


def test_a_function_that_was_come_to_earlier_counts() -> None:
    """A block group is made by a function that has returned when its item is to be inserted."""
    with staged([CALLEE, END]) as (stage, stub):
        Holds(stage).arm(1, {"here": entered("caller", "callee")}, ["caller"])
        stage.until(lambda: stage.held(1), "vCPU 1")
        assert at(stub, 1) == CALLEE
