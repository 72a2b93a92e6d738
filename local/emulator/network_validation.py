"""Which roles Amazon SageMaker refuses for processing jobs in a VPC, whatever policies would allow.

Source: "How to use SageMaker AI execution roles" in the SageMaker developer guide, on
CreateProcessingJob with a private VPC.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import Any

from constructs_lib.language.service_calls import scoped_network_actions
from local.emulator.authorization.decisions import Decisions
from local.emulator.authorization.policies import role_statements


@dataclass(frozen=True)
class NetworkValidation:
    """Refuses a job whose role has a scope where none may be, as long as calls are decided."""

    decisions: Decisions

    def install(self) -> None:
        """Check the roles of new processing jobs."""
        from moto.sagemaker.models import SageMakerModelBackend as Backend

        create = Backend.create_processing_job

        @wraps(create)
        def create_processing_job(backend: Any, **arguments: Any) -> Any:
            network = arguments["network_config"] or {}
            if self.decisions.is_on and network.get("VpcConfig"):
                _refuse_scopes(arguments["role_arn"])
            return create(backend, **arguments)

        Backend.create_processing_job = create_processing_job


def _refuse_scopes(role_arn: str) -> None:
    from moto.sagemaker.exceptions import AWSValidationException

    scoped = scoped_network_actions(role_statements(role_arn))
    if scoped:
        raise AWSValidationException(
            f"The execution role {role_arn} has to allow {', '.join(scoped)} on Resource '*' and"
            " without conditions for a processing job in a VPC"
        )
