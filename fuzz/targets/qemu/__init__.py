"""A race of the model on a real kernel, in an emulated machine of its own.

A booted machine is restored from a file (``saved``) for each run.  Commands in it are the tasks of a trace,
each on a vCPU of its own; QEMU's gdb stub holds a vCPU at a kernel function where the model has a task stand
at a preemption point (``stage``).  What a race is in the guest is data (``scripts/``): it is played with the
fix as shipped and with the fix switched off in the running kernel, and judged (``play``).

A held vCPU answers no interrupts, so nothing but its task may be there: see ``guest`` for how the rest of
the kernel is kept on vCPU 0.  No KVM: the emulator is slower, but the same on every machine.
"""
