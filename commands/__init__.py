"""The commands of the command line: one module each, named in ``commands.program``.

A module's top level imports Typer, ``constructs_lib.errors`` and ``constructs_lib.regions`` and no
more; what does the work is imported by the command when it runs. So help and completion answer at
once.
"""
