#!/usr/bin/env python3
"""The command line: ``release --help``, or ``python cli.py --help``.

Its commands are the modules of ``commands/``, listed in ``commands/program.py``.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly, while it is being imported, too."""
    try:
        from commands.terminal import kept_help

        if kept_help.print_kept():
            return
        from commands import program

        with kept_help.keeping():
            program.main()
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.exit(
            "error: the packages of this app are not installed for"
            f" {sys.executable}. Run 'make setup', then 'source .venv/bin/activate'."
        )


if __name__ == "__main__":
    main()
