"""The model's races on a real kernel, in an emulated machine of its own.

A booted machine is restored from a file (``saved``).  Commands in it are the tasks of a program, each on a
vCPU of its own (``tasks``); QEMU's gdb stub holds a vCPU at a kernel function where the model has a task
stand at a preemption point (``stage``).

* ``python -m fuzz confirm``: what a race is in the guest is data (``scripts/``), played with the fix as
  shipped and switched off in the running kernel (``switches``), and judged (``play``, ``verdict``).
* ``--target qemu``: the machines draw what is done (``case`` and ``world``; ``commands`` is what each
  operation does, ``points`` where each preemption point lies (as a ``hold``), ``holding`` and ``settling``
  how a step ends, ``judging`` what is judged when, ``vocabulary`` what is refused), in searches (``runs``) or
  from a trace (``replaying``).

A held vCPU answers no interrupts, so nothing but its task may be there: see ``guest`` for how the rest of
the kernel is kept on vCPU 0.  No KVM: the emulator is slower, but the same on every machine.
"""
