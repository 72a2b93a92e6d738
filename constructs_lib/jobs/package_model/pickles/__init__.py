"""Looks for code in what a model's files hold: reads pickles opcode by opcode, runs nothing.

A pickle is a program that its reader carries out, and a reader imports and calls whatever the
program names. Here such programs are followed with values that only stand for the real ones:

    FileIntake -> ContentScanner (zips, tars, compressed files) -> PickleScan -> Machine

What is found goes to a ``PickleReport``. Nothing of the model is imported or called.
"""

REFUSE, WARN, OFF = "refuse", "warn", "off"
POLICIES = (REFUSE, WARN, OFF)
"""What becomes of a model whose files could run code when they are loaded."""
