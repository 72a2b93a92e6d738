"""The command line of the job."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..common.command_line import Parser
from ..common.errors import JobError
from ..common.limits import MIB, Limits
from .job import CONTAINERS, PROGRESS_SECONDS, PackagingJob, package, stopping_cleanly
from .pickles import POLICIES, WARN

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_arguments(arguments: Sequence[str] | None) -> PackagingJob:
    """Return the job that the command line describes."""
    parser = Parser(description="Put inference code into a model archive, as code/.")
    defaults = Limits()
    parser.add_argument("--model", type=Path, required=True, help="archive, or folder with one")
    parser.add_argument("--code", type=Path, required=True, help="folder, or archive of one")
    parser.add_argument("--output", type=Path, required=True, help="the archive to write")
    parser.add_argument(
        "--manifest", type=Path, help="a second copy of the manifest.json beside the output"
    )
    parser.add_argument("--entry-point", help="a file that the code has to have")
    parser.add_argument(
        "--copy",
        nargs=2,
        type=Path,
        action="append",
        default=[],
        metavar=("SOURCE", "DESTINATION"),
        help="publish a file (or the only file of a folder) with the archive; may be repeated",
    )
    parser.add_argument(
        "--single-folder",
        choices=("refuse", "flatten", "keep"),
        default="refuse",
        help="what to do with a model that is inside of one folder (default: %(default)s)",
    )
    parser.add_argument("--recompress", action="store_true", help="copy no compressed blocks")
    parser.add_argument("--max-unpacked-bytes", type=int, default=defaults.unpacked_bytes)
    parser.add_argument("--max-ratio", type=int, default=defaults.ratio)
    parser.add_argument("--max-members", type=int, default=defaults.members)
    parser.add_argument(
        "--pickle-policy",
        choices=POLICIES,
        default=WARN,
        help="what to do with a model whose files could run code when they are loaded; warn still "
        "refuses what only attacks do (default: %(default)s)",
    )
    parser.add_argument(
        "--allow-pickle-globals",
        action="append",
        default=[],
        metavar="MODULE.NAME,...",
        help="classes and functions of your own that pickles may name; may be repeated",
    )
    parser.add_argument(
        "--serving",
        choices=CONTAINERS,
        help="the container that will serve, which looks for files of its own beside code/",
    )
    parser.add_argument(
        "--serving-workers", type=int, help="how many processes answer there; default: it decides"
    )
    parser.add_argument(
        "--progress-seconds",
        type=float,
        default=PROGRESS_SECONDS,
        help="how often to say how far the model is read (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    if not given.output.name:
        parser.error(f"--output {given.output}: give the path of a file")
    return PackagingJob(
        model=given.model,
        code=given.code,
        output=given.output,
        manifests=(
            given.output.with_name("manifest.json"),
            *([given.manifest] if given.manifest else []),
        ),
        entry_point=given.entry_point,
        copies=tuple((source, destination) for source, destination in given.copy),
        single_folder=given.single_folder,
        recompress=given.recompress,
        limits=Limits(given.max_unpacked_bytes, given.max_ratio, given.max_members),
        progress_seconds=given.progress_seconds,
        pickle_policy=given.pickle_policy,
        allowed_pickle_globals=tuple(
            name for names in given.allow_pickle_globals for name in names.split(",")
        ),
        serving=given.serving,
        serving_workers=given.serving_workers,
    )


def tune() -> None:
    """Set the process up for threads that pass large buffers to each other."""
    # A thread in need of the interpreter waits this long for another that does not let go of it.
    sys.setswitchinterval(0.0005)
    # glibc keeps freed blocks for reuse up to the size of the largest block freed so far.
    bytes(16 * MIB)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    job = parse_arguments(arguments)
    try:
        with stopping_cleanly():
            package(job)
    except (JobError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def run() -> NoReturn:
    """Be the process of the job."""
    tune()
    sys.exit(main())
