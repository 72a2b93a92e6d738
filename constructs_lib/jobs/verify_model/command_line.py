"""The command line of the job."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .server import LOCAL_RAY

# The rest is imported once it is known what the process is: each worker is a new Python, which
# compiles what it imports out of the archive before the model's code is loaded.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..common.command_line import Parser


def positive(text: str) -> float:
    """Read a number above zero."""
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(text)
    return number


def not_negative(text: str) -> float:
    """Zero or a positive number."""
    return 0.0 if float(text) == 0 else positive(text)


def make_parser() -> Parser:
    """Return the command line's options."""
    from ..common.command_line import Parser

    parser = Parser(description="Let a packaged model answer its own sample payloads.")
    path: dict[str, Any] = {"type": Path, "required": True}
    parser.add_argument("--model", **path, help="archive, or folder laid out like one")
    parser.add_argument("--payload", **path, help="archive of sample payloads")
    parser.add_argument("--request", **path, help="registration.json")
    parser.add_argument("--output", type=Path, help="evaluation.json to write; makes this a job")
    parser.add_argument("--json", action="store_true", help="print the evaluation")
    parser.add_argument("--region-code", help="whose request to take; default: the first")
    parser.add_argument("--code-sha256", help="digest of code/ in the packaging manifest")
    parser.add_argument(
        "--load-seconds", type=not_negative, default=30.0, help="0: only answer the payloads"
    )
    parser.add_argument("--request-timeout", type=positive, default=60.0)
    parser.add_argument("--startup-timeout", type=positive, default=300.0)
    parser.add_argument(
        "--progress-seconds", type=positive, default=10.0, help="how often to say what is going on"
    )
    parser.add_argument("--memory-limit", type=int, help="of all workers together, MB")
    parser.add_argument(
        "--findings", type=Path, help="what other checks found, JSON; an error ends this one"
    )
    parser.add_argument("--workers", type=int, help="default: as the model server's")
    return parser


def write_atomically(path: Path, evaluation: Mapping[str, Any]) -> None:
    """Write a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(as_text(evaluation), encoding="utf-8")
    partial.replace(path)


def as_text(evaluation: Mapping[str, Any]) -> str:
    """Return the evaluation as JSON, without what JSON does not know (NaN)."""
    return json.dumps(evaluation, indent=1, sort_keys=True, allow_nan=False) + "\n"


def show(evaluation: Mapping[str, Any]) -> None:
    """Which functions serve the model, answers, findings with their fixes, and the verdict."""
    show_handler(**evaluation["handler"])
    for each in evaluation["payloads"]:
        if each["answer"] is not None:
            request = f"{each['name']} ({each['content_type']} to {each['accept']})"
            _write(f"answer to {request}: {each['answer']}")
    for finding in evaluation["findings"]:
        _write(f"{finding['severity']}: {finding['code']}: {finding['message']}")
        _write(f"  fix: {finding['fix']}")
    errors = sum(finding["severity"] == "error" for finding in evaluation["findings"])
    told = f"{errors} error{'s' if errors > 1 else ''}, see above"  # not each of them once more
    _write(f"{evaluation['verdict']}: {told if errors else evaluation['summary']}")


def _write(line: str) -> None:
    """Write a line; what the output's encoding lacks is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def show_handler(
    entry_point: str, functions: Mapping[str, str], defaults: Mapping[str, str]
) -> None:
    """Tell whose functions serve the model, unless none was found."""
    own = [name for name, whose in functions.items() if whose == "own"]
    if own or defaults:
        _write(f"handler: {entry_point} defines {', '.join(own) or 'no function'}")
    for name, what in defaults.items():
        _write(f"handler: no {name}: the toolkit's default runs, which {what}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge one model. Returns the exit code: in a job 0 when it could judge."""
    from ..common.errors import JobError
    from .job import VerificationJob
    from .verification import verify

    given = make_parser().parse_args(arguments)
    as_json = given.json
    del given.json
    job = VerificationJob(program=Path(sys.argv[0]).resolve(), **vars(given))
    try:
        evaluation = verify(job)
        if job.output is not None:
            write_atomically(job.output, evaluation)
    except (JobError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return 130
    if as_json:
        sys.stdout.write(as_text(evaluation))
    else:
        show(evaluation)
    return 0 if job.output is not None or evaluation["verdict"] == "passed" else 1


def run() -> NoReturn:
    """Be the process of the job, or one of its workers."""
    if sys.argv[1:2] == ["--serve"]:
        from .serving import serve_from_command_line

        serve_from_command_line(sys.argv[2:])
    if sys.argv[1:2] == [LOCAL_RAY]:
        from .server.local_ray import run_local_ray

        run_local_ray(sys.argv[2:])
    sys.exit(main())
