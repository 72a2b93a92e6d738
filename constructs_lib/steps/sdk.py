"""The SageMaker Python SDK, imported and used without AWS.

The only module that imports ``sagemaker``. The SDK wants a region, credentials and a network
while it is merely imported or compiling a definition; every countermeasure is here:

- importing it makes boto3 clients in a class body, so a default boto3 session without AWS stands
  in while it is imported, and it defines a thousand models, which are built when they are used;
- :class:`OfflinePipelineSession` has no credentials to look up, no configuration file to read and
  no default bucket to create;
- :func:`offline` switches off what the SDK does on each call: the simulation of the role's
  permissions, and two habits that cost seconds and change nothing (a test compares definitions
  compiled with and without them);
- :func:`image_uri` reads botocore's table of endpoints once, not for each image.

Read in the installed sources of sagemaker 3.27.0.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, Final

import boto3
import botocore.session
from pydantic._internal._config import config_defaults

from constructs_lib.aws.handle import without_aws_variables


def _boto_session_without_aws(region: str) -> boto3.Session:
    """Make a session that reads no environment, profile, file or metadata service."""
    nothing = (None, None, None, None)
    no_file = (None, None, os.devnull, None)
    session = botocore.session.Session(
        session_vars={
            "profile": nothing,
            "config_file": no_file,
            "credentials_file": no_file,
            "region": (None, None, region, None),
            "ca_bundle": nothing,
        }
    )
    session.set_credentials("offline", "offline")
    return _SharedClients(botocore_session=session, region_name=region)


class _SharedClients(boto3.Session):  # type: ignore[misc]
    """A session with one client of each service: the SDK asks anew for three per definition."""

    def __init__(self, **arguments: Any) -> None:
        """Make the session as boto3 does."""
        super().__init__(**arguments)
        self._made: dict[str, Any] = {}

    def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """Return the client of a service; one with settings of its own is made anew."""
        if args or kwargs.keys() - {"region_name"}:
            return super().client(service_name, *args, **kwargs)
        key = f"{service_name} {kwargs.get('region_name')}"
        if key not in self._made:
            self._made[key] = super().client(service_name, **kwargs)
        return self._made[key]


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    original = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def _environment_variable(name: str, value: str) -> Iterator[None]:
    original = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if original is None:
            del os.environ[name]
        else:
            os.environ[name] = original


@contextmanager
def _without_aws_variables() -> Iterator[None]:
    """Hide a profile that is not there, and the like: the SDK makes sessions of its own."""
    original = dict(os.environ)
    os.environ.clear()
    os.environ.update(without_aws_variables(original))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(original)


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    """Undo the logging.basicConfig() that the SDK calls while it is imported."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def _models_built_when_used() -> Iterator[None]:
    """Let pydantic build the SDK's thousand models when they are used: compiling uses few."""
    original = config_defaults["defer_build"]
    config_defaults["defer_build"] = True
    try:
        yield
    finally:
        config_defaults["defer_build"] = original


with (
    warnings.catch_warnings(action="ignore"),
    _root_logger_kept(),
    _models_built_when_used(),
    _without_aws_variables(),
    _replaced(boto3, "DEFAULT_SESSION", _boto_session_without_aws("us-east-1")),
):
    from sagemaker.core import common_utils, image_uris
    from sagemaker.core.config.config_manager import SageMakerConfig
    from sagemaker.core.helper import session_helper
    from sagemaker.core.helper.pipeline_variable import PipelineVariable
    from sagemaker.core.lambda_helper import Lambda
    from sagemaker.core.local.local_session import LocalSagemakerClient
    from sagemaker.core.network import NetworkConfig
    from sagemaker.core.processing import Processor
    from sagemaker.core.shapes import (
        ProcessingInput,
        ProcessingOutput,
        ProcessingS3Input,
        ProcessingS3Output,
        StoppingCondition,
    )
    from sagemaker.core.training.configs import (
        CheckpointConfig,
        Compute,
        InputData,
        Networking,
        OutputDataConfig,
    )
    from sagemaker.core.workflow.conditions import (
        Condition,
        ConditionEquals,
        ConditionGreaterThanOrEqualTo,
        ConditionLessThanOrEqualTo,
    )
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join, JsonGet
    from sagemaker.core.workflow.parameters import Parameter, ParameterString
    from sagemaker.core.workflow.pipeline_context import PipelineSession
    from sagemaker.core.workflow.properties import PropertyFile
    from sagemaker.mlops.workflow import steps as _steps_module
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep
    from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.retry import (
        RetryPolicy,
        SageMakerJobExceptionTypeEnum,
        SageMakerJobStepRetryPolicy,
        StepExceptionTypeEnum,
        StepRetryPolicy,
    )
    from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, Step, TrainingStep
    from sagemaker.serve.model_builder import ModelBuilder
    from sagemaker.train.model_trainer import ModelTrainer

__all__ = [
    "CacheConfig",
    "CheckpointConfig",
    "Compute",
    "Condition",
    "ConditionEquals",
    "ConditionGreaterThanOrEqualTo",
    "ConditionLessThanOrEqualTo",
    "ConditionStep",
    "ExecutionVariables",
    "FailStep",
    "InputData",
    "Join",
    "JsonGet",
    "Lambda",
    "LambdaOutput",
    "LambdaOutputTypeEnum",
    "LambdaStep",
    "ModelBuilder",
    "ModelStep",
    "ModelTrainer",
    "NetworkConfig",
    "Networking",
    "OfflinePipelineSession",
    "OutputDataConfig",
    "Parameter",
    "ParameterString",
    "Pipeline",
    "PipelineSession",
    "PipelineVariable",
    "ProcessingInput",
    "ProcessingOutput",
    "ProcessingS3Input",
    "ProcessingS3Output",
    "ProcessingStep",
    "Processor",
    "PropertyFile",
    "RetryPolicy",
    "SageMakerJobExceptionTypeEnum",
    "SageMakerJobStepRetryPolicy",
    "Step",
    "StepExceptionTypeEnum",
    "StepRetryPolicy",
    "StoppingCondition",
    "TrainingStep",
    "image_uri",
    "offline",
    "offline_session",
]

# The SDK logs each default it applies and each job name that it leaves to the service.
for _name in [name for name in logging.root.manager.loggerDict if name.startswith("sagemaker.")]:
    logging.getLogger(_name).handlers.clear()
    logging.getLogger(_name).propagate = True
logging.getLogger("sagemaker").propagate = False
logging.getLogger("sagemaker").addHandler(logging.NullHandler())

_WITHOUT_TELEMETRY: Final = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}


class OfflinePipelineSession(PipelineSession):  # type: ignore[misc]
    """A pipeline session that compiles steps and can reach nothing.

    Use it inside :func:`offline`::

        with offline():
            step_args = Processor(..., sagemaker_session=OfflinePipelineSession()).run(...)

    Args:
        region: AWS region whose image accounts and defaults the SDK uses.
    """

    def __init__(self, region: str = "us-east-1") -> None:
        """Build the session without looking for credentials, files or buckets."""
        # Its schema is of 6,000 parts, which the SDK checks before it checks a constant by them.
        with _replaced(session_helper, "validate_sagemaker_config", lambda _config: None):
            super().__init__(
                boto_session=_boto_session_without_aws(region),
                # Given, so that the SDK loads none from the home folder or S3. It opts out of
                # telemetry, which calls STS and a web server.
                sagemaker_config=_WITHOUT_TELEMETRY,
            )

    def default_bucket(self) -> str:
        """Name a bucket that no step uses: the SDK would list and create buckets to find one."""
        return "no-default-bucket"


@cache
def offline_session(region: str) -> OfflinePipelineSession:
    """Return the session of an AWS region: making one takes as long as compiling 20 pipelines.

    It holds nothing of one pipeline: the SDK keeps a step's request there until it is read.
    """
    return OfflinePipelineSession(region)


_endpoints: Final = cache(common_utils._botocore_resolver)
"""What tells the domain of a region: 1 MB of JSON, of which each look-up parses all."""


def image_uri(**criteria: Any) -> str:
    """Return the URI of a container that AWS publishes.

    Args:
        criteria: Those of the SDK's ``image_uris.retrieve``.

    Raises:
        ValueError: There is none; the message says of which kind.
        KeyError: The same.
    """
    with _replaced(common_utils, "_botocore_resolver", _endpoints):
        return str(image_uris.retrieve(**criteria))


@contextmanager
def offline() -> Iterator[None]:
    """Compile inside this: the SDK then neither calls AWS nor repeats costly checks."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        stack.enter_context(_without_aws_variables())
        # iam:SimulatePrincipalPolicy on a role that does not exist yet.
        stack.enter_context(_environment_variable("SAGEMAKER_VALIDATE_ROLE", "false"))
        # Validates the constant above with jsonschema on each of about 40 look-ups a definition.
        stack.enter_context(
            _replaced(SageMakerConfig, "validate_sagemaker_config", staticmethod(lambda _: None))
        )
        # ProcessingStep makes a whole local session only to read the name of a method.
        stack.enter_context(
            _replaced(_steps_module, "LocalSagemakerClient", lambda: LocalSagemakerClient)
        )
        yield
