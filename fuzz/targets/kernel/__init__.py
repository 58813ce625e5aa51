"""The live kernel's btrfs as a target: a fresh file system for each case, on a device that does as told.

The modules, from the device up:

* :mod:`~fuzz.targets.kernel.store`: the blocks of the device, and which of them a loss of power would leave;
* :mod:`~fuzz.targets.kernel.gate`: a process that serves them as one file, over FUSE, and holds, releases or
  fails each request (:mod:`~fuzz.targets.kernel.fuse` is its protocol, ``control`` its other end);
* :mod:`~fuzz.targets.kernel.loop`: that file as a block device;
* :mod:`~fuzz.targets.kernel.volume`: btrfs on it (``ioctls`` are its calls), its files and block groups;
* :mod:`~fuzz.targets.kernel.tasks`: the threads that run the system calls, and where in the kernel each
  one waits;
* :mod:`~fuzz.targets.kernel.world`: a case; ``calls`` is what each operation does, ``oracles`` what
  is judged and ``judging`` when, ``vocabulary`` what of the project's operations a live kernel can express;
* :mod:`~fuzz.targets.kernel.runs` and ``replaying``: searches, and programs of traces.

Everything runs in a child process with a mount namespace of its own
(:mod:`~fuzz.targets.kernel.namespace`).  Nothing there has a name in any file system but the namespace's
own, so that nothing is left when the process ends, however it ends.  It is for machines that may be lost: a
bug of the kernel's can take the machine with it.
"""
