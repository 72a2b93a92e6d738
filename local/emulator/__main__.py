"""Run the embedded AWS in the foreground: ``python -m local.emulator --port 5000``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from local.emulator.pace import TIME_SCALE
from local.emulator.server import serve

_SCALE: Final = "seconds that services wait, in one of this machine"


def main() -> None:
    """Parse the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--log-file", type=Path, default=Path("emulator.log"))
    parser.add_argument("--no-permissions", action="store_true", help="allow every signed call")
    parser.add_argument("--time-scale", type=float, default=TIME_SCALE, help=_SCALE)
    parser.add_argument("--prepare", action="store_true", help="import services at once")
    parser.add_argument("--stop-at-end-of-input", action="store_true")
    arguments = parser.parse_args()
    serve(
        port=arguments.port,
        log_file=arguments.log_file,
        permissions=not arguments.no_permissions,
        time_scale=arguments.time_scale,
        prepare=arguments.prepare,
        stop_at_end_of_input=arguments.stop_at_end_of_input,
    )


if __name__ == "__main__":
    main()
