"""``EmbeddedAws``: start the emulator as a child process, use it, stop it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, Self

from constructs_lib.aws.handle import AccessKey, AwsHandle, without_aws_variables
from constructs_lib.errors import ReleaseError
from local.emulator.house_calls import HouseCalls
from local.emulator.pace import TIME_SCALE

ACCOUNT_ID: Final = "123456789012"
"""The account of every embedded AWS."""
DEFAULT_REGION: Final = "us-east-1"
_STOP_TIMEOUT_SECONDS: Final = 5.0
_SHOWN_LOG_LINES: Final = 5
_PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]


class EmulatorError(ReleaseError):
    """The embedded AWS did not start; the message holds the end of its log."""


class EmbeddedAws:
    """An AWS of one account and all regions, empty at the start and gone at the end.

    ::

        with EmbeddedAws(log_file=Path("build/emulator.log")) as aws:
            aws.client("s3").create_bucket(Bucket="example")
            environment = without_aws_variables(os.environ) | aws.environment()
            subprocess.run([sys.executable, "script.py"], env=environment)
    """

    account_id: Final = ACCOUNT_ID

    def __init__(
        self,
        *,
        log_file: Path | None = None,
        region: str = DEFAULT_REGION,
        permissions: bool = True,
        time_scale: float = TIME_SCALE,
        prepare: bool = False,
    ) -> None:
        """Prepare.

        Args:
            log_file: Where its requests are logged; by default the log is gone with it.
            region: The region of clients for which none is named.
            permissions: Whether calls are decided by the deployed policies; false for what has
                no policies, because it is about something else.
            time_scale: Seconds that services wait, in one of this machine; 1 is real time.
            prepare: Whether its services are imported at once, which takes seconds of a processor,
                and not when they are asked: for who has something else to wait for.
        """
        self.region = region
        self.endpoint_url = ""
        self.key = AccessKey("", "")
        """The administrator's access key."""
        self._permissions = permissions
        self._time_scale = time_scale
        self._prepare = prepare
        self._log_file = log_file
        self._folder: TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._clients: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            EmulatorError: The process ended instead.
        """
        self._folder = TemporaryDirectory(prefix="embedded-aws-")
        log_file = self._log_file or Path(self._folder.name, "emulator.log")
        log_file.parent.mkdir(parents=True, exist_ok=True)
        options = ["--stop-at-end-of-input", "--time-scale", str(self._time_scale)]
        if not self._permissions:
            options.append("--no-permissions")
        if self._prepare:
            options.append("--prepare")
        options += ["--log-file", str(log_file.resolve())]
        # Gone with its folder, even where it was killed and could remove nothing.
        environment = {**without_aws_variables(os.environ), "TMPDIR": self._folder.name}
        with log_file.open("ab") as log:
            self._process = _start_server(options, environment, log)
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        line = self._process.stdout.readline()
        if not line:
            log_lines = log_file.read_text(errors="replace").splitlines()
            self.stop()
            shown = "\n  ".join(log_lines[-_SHOWN_LOG_LINES:])
            raise EmulatorError(f"The embedded AWS ended while starting:\n  {shown}")
        started = json.loads(line)
        self.endpoint_url = started["endpoint"]
        self.key = AccessKey(started["access_key_id"], started["secret_access_key"])

    def stop(self) -> None:
        """Stop the server; everything in it is gone. May be called again."""
        self._clients.clear()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.communicate(timeout=_STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def environment(self) -> dict[str, str]:
        """Return the variables that make any AWS SDK talk to this AWS and to no other."""
        return self.handle.environment

    @property
    def handle(self) -> AwsHandle:
        """What commands and runners take for an AWS."""
        return AwsHandle(self.region, self.endpoint_url, self.key)

    @property
    def house(self) -> HouseCalls:
        """What only an embedded AWS can be asked: to wait for events, to turn its clock."""
        return HouseCalls(self.endpoint_url, self.key)

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client of ``service``, by default in the default region."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self.handle.client(service, region)
        return self._clients[key]


def _start_server(
    options: Sequence[str], environment: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local.emulator", *options],
        cwd=_PROJECT_ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
