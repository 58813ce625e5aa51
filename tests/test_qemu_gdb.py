"""The client of the gdb remote protocol, against a stub of its own."""

from __future__ import annotations

import socket
import time

import pytest
from stub import RIP, RSP, stubbed

from fuzz.targets.qemu import gdb as module
from fuzz.targets.qemu.gdb import GdbError, Stop, framed, unescaped


def test_a_packet_is_as_the_protocol_has_it() -> None:
    """If the checksum were wrong, no stub would listen."""
    assert framed("") == b"$#00"
    assert framed("g") == b"$g#67"
    assert framed("m10,4") == b"$m10,4#2e"
    assert unescaped(b"a}\x03b}]c") == "a#b}c"


def test_every_packet_is_acknowledged() -> None:
    """If one were not, the stub would send it again, and answers would belong to other questions."""
    with stubbed([]) as (gdb, stub):
        gdb.greet()
        gdb.insert(0x1000)
        deadline = time.monotonic() + 5
        while stub.acknowledged < len(stub.asked) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert stub.acknowledged == len(stub.asked) == 4
        assert "multiprocess+" in stub.asked[0]


def test_a_stub_without_single_vcpus_is_refused() -> None:
    """If it were taken, a held vCPU would run with the others."""
    with stubbed([]) as (gdb, stub):
        stub.features = ""
        with pytest.raises(GdbError, match="cannot continue single vCPUs"):
            gdb.greet()


def test_registers_are_those_of_the_vcpu() -> None:
    """If another's were read or changed, the wrong task would be sent elsewhere."""
    with stubbed([], []) as (gdb, stub):
        stub.vcpus[1].registers[:] = range(100, 117)
        registers = gdb.registers(1)
        assert (registers["rax"], registers["rsp"], registers["rip"]) == (100, 107, 116)
        gdb.set_register(1, "rip", 0xFFFFFFFF81000000)
        gdb.set_register(0, "rsp", 5)
        assert stub.vcpus[1].registers[RIP] == 0xFFFFFFFF81000000
        assert (stub.vcpus[0].registers[RSP], stub.vcpus[1].registers[RSP]) == (5, 107)


def test_memory_is_read_and_written() -> None:
    """If an error passed for data, code would be looked for in nothing."""
    with stubbed([]) as (gdb, stub):
        gdb.write(0, 0x40, b"\x83\xf8\xfe")
        assert gdb.read(0, 0x41, 2) == b"\xf8\xfe"
        assert stub.memory[0x40] == 0x83
        with pytest.raises(GdbError, match="E14"):
            gdb.read(0, 0x40, 9)


def test_only_who_is_named_goes_on() -> None:
    """If a held vCPU were resumed too, there would be no window."""
    with stubbed([1], [2], [3]) as (gdb, stub):
        gdb.resume([0, 2])
        assert gdb.interrupt() == Stop(2, 0)
        assert [vcpu.registers[RIP] for vcpu in stub.vcpus] == [1, 0, 3]
        assert "vCont;c:p1.1;c:p1.3" in stub.asked


def test_who_comes_to_a_breakpoint_is_told() -> None:
    """If the wrong vCPU were blamed, another task would be held."""
    with stubbed([1, 2, 3], [10, 20, 30]) as (gdb, stub):
        gdb.insert(20)
        assert gdb.poll() is None
        gdb.resume([0, 1])
        deadline = time.monotonic() + 5
        while (stop := gdb.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert stop == Stop(5, 1)
        gdb.remove(20)
        gdb.step(1)
        assert stub.vcpus[1].registers[RIP] == 30
        assert stub.breakpoints == set()


def test_a_damaged_packet_is_not_believed() -> None:
    """If it were, a register could be anything."""
    with stubbed([]) as (gdb, stub):
        stub.spoil = lambda packet: packet.replace(b"#9a", b"#00")
        with pytest.raises(GdbError, match="checksum"):
            gdb.insert(1)


def test_a_refusal_is_an_error() -> None:
    """If an empty answer passed, a breakpoint that is not there would be waited for."""
    with stubbed([]) as (gdb, stub):
        stub.spoil = lambda packet: b"$#00" if packet.startswith(b"$OK") else packet
        with pytest.raises(GdbError, match="'nothing' to 'Z1,1,1'"):
            gdb.insert(1)


def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it did not, a dead stub would keep the command for ever."""
    monkeypatch.setattr(module, "REPLY_SECONDS", 0.05)
    with stubbed([]) as (gdb, stub):
        stub.spoil = lambda packet: b""  # noqa: ARG005 - whatever it is
        with pytest.raises(GdbError, match="has not answered"):
            gdb.insert(1)


def test_a_stub_that_goes_is_told() -> None:
    """If it were not, a killed emulator would look like a slow one."""
    with stubbed([]) as (gdb, stub):
        stub.connection.shutdown(socket.SHUT_RDWR)
        for _ in range(2):
            with pytest.raises(GdbError, match="the stub has gone"):
                gdb.insert(1)


@pytest.mark.parametrize("packet", ["W00", "OK", "E01", ""])
def test_what_is_no_stop_is_not_taken_for_one(packet: str) -> None:
    """If it were, the machine would be thought to stand still."""
    with stubbed([]) as (gdb, stub):
        stub.say(packet)
        with pytest.raises(GdbError, match="in the place of a stop"):
            gdb.interrupt()
