"""A stand-in for uv that writes down how it was called, and installs a PyTorch without code."""

from __future__ import annotations

from pathlib import Path

_PROGRAM = """#!/bin/sh
echo "$UV_SYSTEM_CERTS $*" > {log}
[ {code} = 0 ] || exit {code}
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/torch-{installed}.dist-info"
printf 'Metadata-Version: 2.1\\nName: torch\\nVersion: {installed}\\n' \
    > "$2/torch-{installed}.dist-info/METADATA"
"""


def put_uv(environment: Path, installed: str, code: int = 0) -> Path:
    """Put it into a virtual environment.

    Args:
        environment: The folder of the environment.
        installed: The version that it installs.
        code: Its exit code.

    Returns:
        The file that tells how it was called.
    """
    log, program = environment / "called", environment / "bin" / "uv"
    program.unlink(missing_ok=True)  # of a copy of the project, it is a link to the real one
    program.write_text(_PROGRAM.format(log=log, installed=installed, code=code))
    program.chmod(0o755)
    return log
