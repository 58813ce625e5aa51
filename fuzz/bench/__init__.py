"""Measuring the fuzzer: many runs of ``pytest fuzz/``, each in a process of its own.

A bench asks what the command would report, so it runs the command: what Hypothesis draws depends on the
modules that are imported, and what is reported on its shrinking as well as on the fuzzer's own.  (Without
Hypothesis's shrinking a trial of the easy races takes 2 to 18 seconds in place of 10 to 26, and one in four
ended in another property than the command reports.)
"""
