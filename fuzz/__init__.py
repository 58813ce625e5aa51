"""The fuzzer: machine, runs, replay, minimiser, reports.  ``pytest fuzz/`` is how it is used."""
