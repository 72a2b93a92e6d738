"""``doctor``: checks what the app needs, and says how to get what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Final, Literal

import typer

from commands import places
from commands.aws import Aws, AwsCallError, calls
from commands.exit_codes import ExitCode
from commands.options import Json, Local, Profile, Region, print_json
from constructs_lib.errors import ReleaseError

_MIN_PYTHON: Final = (3, 11)
_MIN_NODE: Final = 22
_MIN_FREE_GB: Final = 3
_BOOTSTRAP_PARAMETER: Final = "/cdk-bootstrap/hnb659fds/version"
_MARKS: Final = {"ok": "ok", "problem": "PROBLEM", "unknown": "not checked"}


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    state: Literal["ok", "problem", "unknown"]
    detail: str
    fix: str | None = None


def doctor(
    *,
    region: Region = None,
    local: Local = False,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Check this machine, the configs and the AWS account; exits with 1 if there is a problem.

    Without credentials it checks everything else, and says what it could not check.
    """
    checks = list(_checks(local=local, profile=profile, region=region))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            typer.echo(f"{_MARKS[check.state]:11}  {check.name}: {check.detail}")
            if check.fix:
                typer.echo(f"{'':11}  fix: {check.fix}")
    failed = any(check.state == "problem" for check in checks)
    raise typer.Exit(ExitCode.ERROR if failed else ExitCode.DONE)


def _checks(*, local: bool, profile: str | None, region: str | None) -> Iterator[Check]:
    yield _python()
    yield _tool("Node", "node", lambda text: int(text.lstrip("v").split(".")[0]) >= _MIN_NODE)
    yield _tool("CDK CLI", "cdk", bool)
    yield _disk()
    try:
        settings = places.read_settings()
    except ReleaseError as error:
        yield Check("settings", "problem", str(error), "Correct cdk.json.")
        return
    yield Check("settings", "ok", "cdk.json")
    yield _configs()
    aws = Aws.chosen(local=local, profile=profile, region=region or settings.home_region)
    yield from _account(aws)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _MIN_PYTHON:
        return Check("Python", "ok", version)
    return Check("Python", "problem", version, "Install Python 3.11 or newer, then make setup.")


def _tool(name: str, command: str, good: Callable[[str], bool]) -> Check:
    beside_python = os.path.dirname(sys.executable)  # noqa: PTH120  # a search path is text
    path = shutil.which(command, path=f"{beside_python}:{os.environ.get('PATH', '')}")
    if path is None:
        return Check(name, "problem", "not found", "Run make setup.")
    environment = {**os.environ, "PATH": f"{beside_python}:{os.environ.get('PATH', '')}"}
    try:
        result = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, "problem", str(error), "Run make setup.")
    version = result.stdout.strip()
    if result.returncode != 0 or not good(version):
        return Check(name, "problem", version or result.stderr.strip(), "Run make setup.")
    return Check(name, "ok", version)


def _disk() -> Check:
    free = shutil.disk_usage(places.ROOT).free / 1e9
    if free >= _MIN_FREE_GB:
        return Check("disk", "ok", f"{free:.0f} GB free")
    return Check("disk", "problem", f"{free:.1f} GB free", f"Free {_MIN_FREE_GB} GB.")


def _configs() -> Check:
    from constructs_lib.pipelines_folder import load_pipelines

    try:
        pipelines = load_pipelines(places.pipelines_folder(places.read_settings()))
    except ReleaseError as error:
        return Check("pipelines", "problem", str(error), "See: release validate.")
    return Check("pipelines", "ok", ", ".join(pipelines))


def _account(aws: Aws) -> Iterator[Check]:
    from constructs_lib.regions import AWS_REGIONS

    try:
        with calls("Cannot ask who calls"):
            account = aws.client("sts").get_caller_identity()["Account"]
    except AwsCallError as error:
        yield Check("credentials", "unknown", str(error))
        yield Check("bootstrap", "unknown", "needs credentials")
        return
    yield Check("credentials", "ok", f"account {account}")
    for region in AWS_REGIONS.values():
        yield _bootstrap(aws, account, region)


def _bootstrap(aws: Aws, account: str, region: str) -> Check:
    name = f"bootstrap of {region}"
    client = aws.client("ssm", region)
    try:
        with calls(f"Cannot read {_BOOTSTRAP_PARAMETER}"):
            version = client.get_parameter(Name=_BOOTSTRAP_PARAMETER)["Parameter"]["Value"]
    except AwsCallError as error:
        if "ParameterNotFound" not in str(error):
            return Check(name, "unknown", str(error))
        return Check(name, "problem", "missing", f"cdk bootstrap aws://{account}/{region}")
    return Check(name, "ok", f"version {version}")
