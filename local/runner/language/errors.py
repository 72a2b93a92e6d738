"""What can go wrong before and while a pipeline runs.

ReleaseError                     bad input: nothing was started
├── EmulatedAwsError             the environment does not lead to an embedded AWS
│   └── EmulatedAwsGoneError     the embedded AWS has ended while an execution ran
├── RoleNotAssumedError          a role does not trust SageMaker
├── CallDeniedError              a role may not do what SageMaker does with it
├── PipelineNotFoundError
├── NotRetriedError              SageMaker does not retry this execution
├── DefinitionError              the definition is not one the service would accept
│   └── UnsupportedStepError     the service would, this runner does not
├── ParameterError
├── ReferenceResolutionError
└── ExecutionRecordError         a state folder holds a damaged record

StepFailedError                  a step failed: recorded, never shown as an exception
ExecutionStoppedError            a step was stopped because its execution was
"""

from __future__ import annotations

from constructs_lib.errors import ReleaseError


class EmulatedAwsError(ReleaseError):
    """The environment does not lead to an embedded AWS on this machine."""


class EmulatedAwsGoneError(EmulatedAwsError):
    """The embedded AWS has ended while an execution ran."""

    exit_code = 3
    """As of commands whose AWS does not answer."""


class RoleNotAssumedError(ReleaseError):
    """SageMaker cannot assume a role: that does not trust it, or does not exist."""


class CallDeniedError(ReleaseError):
    """No policy allows a call that SageMaker makes as a role."""


class PipelineNotFoundError(ReleaseError):
    """No pipeline of that name is deployed."""


class NotRetriedError(ReleaseError):
    """An execution that has not failed, or that a Fail step has ended, is not retried."""


class DefinitionError(ReleaseError):
    """The pipeline definition is not one that SageMaker would accept."""


class UnsupportedStepError(DefinitionError):
    """A step that SageMaker would run and the local runner does not."""


class ParameterError(ReleaseError):
    """Parameters of an execution are unknown, missing or of the wrong type."""


class ReferenceResolutionError(ReleaseError):
    """A step refers to something that does not exist; the message names both."""


class ExecutionRecordError(ReleaseError):
    """A recorded execution cannot be read back."""


class StepFailedError(Exception):
    """A step failed: its execution records why."""

    def __init__(self, reason: str, *, exception_type: str | None = None) -> None:
        """Keep the reason.

        ``exception_type`` is the retry policies' name for the failure, such as
        ``Step.THROTTLING``; None if no policy can name it, above all when a script failed.
        """
        super().__init__(reason)
        self.reason = reason
        self.exception_type = exception_type


class ExecutionStoppedError(Exception):
    """The execution was stopped while the step ran."""
