#!/usr/bin/env python3
"""The command line: ``release --help``, or ``python cli.py --help``.

Its commands are the modules of ``commands/``, listed in ``commands/table.py``.
"""

from __future__ import annotations

from commands.table import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
