"""As whom the interpreter calls: the role of the state machine, or the one that a task names.

moto's interpreter signs with a key that nobody has. Its client is made in one function, which other
modules of it import by name: it has to be replaced before they are imported.

Source: "How AWS Step Functions works with IAM" and "Accessing resources in other AWS accounts in
Step Functions" in the developer guide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import ClientError

from constructs_lib.aws.handle import AwsHandle
from local.emulator.authorization.sessions import NotTrustedError, ServiceCaller, Sessions
from local.emulator.clients import ONE_ATTEMPT, WAIT_FOR_FUNCTIONS

_SERVICE: Final = "states.amazonaws.com"
_SESSION_NAME: Final = "StepFunctions"
_NOT_TRUSTED: Final = (
    "Neither the global service principal states.amazonaws.com, nor the regional one is authorized"
    " to assume the provided role."
)
# The interpreter has parameters of definitions, which name members in another case.
_UNCHECKED: Final = Config(parameter_validation=False)


@dataclass(frozen=True)
class WorkflowIdentities:
    """Makes the clients of the interpreter."""

    endpoint_url: str
    sessions: Sessions
    _clients: dict[tuple[str, str, ServiceCaller], Any] = field(default_factory=dict, init=False)

    def install(self) -> None:
        """Take over from moto; before any module of its interpreter is imported."""
        from moto.stepfunctions.parser.asl.utils import boto_client

        boto_client.boto_client_for = self._client

        from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import (
            StateTask,
        )

        evaluate = StateTask._eval_state_credentials

        def eval_state_credentials(task: Any, env: Any) -> Any:
            credentials = evaluate(task, env)
            machine = env.states.context_object.context_object_data["StateMachine"]
            credentials.state_machine_arn = machine["Id"]
            return credentials

        StateTask._eval_state_credentials = eval_state_credentials

    def check_trust(self, role_arn: str, machine_arn: str) -> None:
        """Refuse a role that Step Functions cannot assume, when a state machine is created.

        Raises:
            AWSError: As the service does.
        """
        from moto.core.exceptions import AWSError

        region = machine_arn.split(":")[3]
        caller = ServiceCaller(service=_SERVICE, region=region, source_arn=machine_arn)
        try:
            self.sessions.require_trust(role_arn, caller)
        except NotTrustedError as error:
            raise AWSError(_NOT_TRUSTED, "AccessDeniedException") from error

    def _client(self, region: str, service: str, state_credentials: Any = None) -> Any:
        """Make a client as moto's interpreter asks for it; each task looks at the trust again."""
        role_arn = state_credentials.role_arn
        machine = getattr(state_credentials, "state_machine_arn", None)
        caller = ServiceCaller(service=_SERVICE, region=region, source_arn=machine)
        try:
            self.sessions.require_trust(role_arn, caller)
        except NotTrustedError as refused:
            error = {"Code": "AccessDeniedException", "Message": _NOT_TRUSTED}
            metadata = {"HTTPStatusCode": 400, "RequestId": "", "RetryAttempts": 0}
            raise ClientError(
                {"Error": error, "ResponseMetadata": metadata}, "AssumeRole"
            ) from refused
        kept = self._clients.get((role_arn, service, caller))
        if kept is None:
            kept = self._new_client(role_arn, service, caller)
            self._clients[role_arn, service, caller] = kept
        return kept

    def _new_client(self, role_arn: str, service: str, caller: ServiceCaller) -> Any:
        key, _ = self.sessions.of_role(role_arn, caller, _SESSION_NAME)
        config = ONE_ATTEMPT.merge(WAIT_FOR_FUNCTIONS).merge(_UNCHECKED)
        return AwsHandle(caller.region, self.endpoint_url, key).client(service, config=config)
