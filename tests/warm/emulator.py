"""An embedded AWS that has imported its services before anybody asks.

Its start takes seconds, most of them for importing moto and reading the models of services. In the
process of tests, :func:`start` stands in for that start; what is started is the same program.
``tests/local/emulator/test_emulator_process.py`` has the real start, as all programs of the app.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from local.emulator.embedded import _start_server as start_as_the_app_does
from tests.warm.copies import Copy, copy

__all__ = ["WarmEmulator", "prepare", "run", "start", "start_as_the_app_does"]

_SERVICES = (
    *("sagemaker", "s3", "lambda", "iam", "sts", "events", "cloudwatch", "logs", "kms"),
    *("stepfunctions", "scheduler", "sns", "sqs", "sagemaker-runtime", "cloudformation"),
)
"""What many tests use, by boto3's names; EC2 and SSM take longer than all of these."""
_NAMES_OF_MOTO = {"lambda": "awslambda", "sagemaker-runtime": "sagemakerruntime"}


class WarmEmulator:
    """A copy that serves: what :class:`subprocess.Popen` is to the one that uses it."""

    def __init__(self, stdin: IO[str], stdout: IO[str], running: Copy) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.terminate = running.terminate
        self.kill = running.kill
        self.wait = running.wait

    def communicate(self, timeout: float | None = None) -> None:
        self.stdin.close()
        self.wait(timeout)
        self.stdout.close()


def start(options: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> WarmEmulator:
    """Let a copy serve; takes the place of ``_start_server`` of the embedded AWS."""
    reading, stdin = os.pipe()
    stdout, writing = os.pipe()
    running = copy(__name__, options, environment, [reading, writing, log.fileno()])
    os.close(reading)
    os.close(writing)
    return WarmEmulator(os.fdopen(stdin, "w"), os.fdopen(stdout), running)


def prepare() -> None:
    """Import the services, read their models, and make what every account has."""
    from moto.core.utils import get_service_model
    from moto.iam.models import iam_backends

    import local.emulator.server  # noqa: F401
    from constructs_lib.aws.handle import AccessKey, AwsHandle
    from local.emulator import ACCOUNT_ID
    from local.emulator.services import Services

    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    services = Services({})
    handle = AwsHandle("us-east-1", "http://localhost:1", AccessKey("nobody", "nothing"))
    for service in _SERVICES:
        services.create_application(_NAMES_OF_MOTO.get(service, service))
        handle.client(service)
        get_service_model(service)
    assert iam_backends[ACCOUNT_ID]["aws"].managed_policies


def run(arguments: list[str]) -> None:
    """Serve, with names and numbers at random that no other copy has."""
    from moto.moto_api._internal import mock_random

    from local.emulator.__main__ import main

    random.seed()
    mock_random.seed()
    tempfile.tempdir = None
    sys.argv[1:] = arguments
    main()
