"""Model and live kernel in lock-step: the same random sequences, compared on what both can be seen to do.

The modules:

* :mod:`~fuzz.targets.agreement.side`: what either side shows of itself; ``model_side`` and ``kernel_side``;
* :mod:`~fuzz.targets.agreement.pair`: a sequence on both, a target like any other; ``names`` knows what the
  same file and block group are called on either side, ``limits`` what is not tried;
* :mod:`~fuzz.targets.agreement.comparing`: the differences, ``waits`` which waits are the same;
* :mod:`~fuzz.targets.agreement.abstractions`: the table of known ones, and in ``rules`` how each is known;
* :mod:`~fuzz.targets.agreement.machine`: sequences by a seed, ``runs`` in a child process, ``counts`` and
  ``report`` what came of them.

The model is not asked what the kernel should do, nor the other way round: each side is judged by its own
properties as always, with a reference model of its own.  What is new here is only that they are compared.

What the lock-step itself assumes: a step is over when no task moves any more, on either side; a handle ends
with the operation that began it; a write completes as a whole, with whatever shares a bio with it on either
side.  So no schedules are compared, but what every schedule without preemptions has to come to.
"""
