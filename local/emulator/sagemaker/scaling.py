"""Application Auto Scaling of endpoints, as far as the calls go: nothing is scaled by itself.

moto registers what is not there, and does not say in the service's words what is not registered.

Source: RegisterScalableTarget, DeregisterScalableTarget and PutScalingPolicy in the Application
Auto Scaling API reference.
"""

from __future__ import annotations

from functools import wraps
from typing import Any, Final

_SAGEMAKER: Final = "sagemaker"


def install_scaling() -> None:
    """Correct moto's Application Auto Scaling."""
    from moto.applicationautoscaling.exceptions import AWSValidationException
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend as Backend
    from moto.core.exceptions import JsonRESTError

    register, deregister = Backend.register_scalable_target, Backend.deregister_scalable_target
    put = Backend.put_scaling_policy

    def check_registered(backend: Any, namespace: str, resource: str, dimension: str) -> None:
        if not backend._scalable_target_exists(resource, dimension):
            raise JsonRESTError(
                "ObjectNotFoundException",
                f"No scalable target found for service namespace: {namespace}, resource ID:"
                f" {resource}, scalable dimension: {dimension}",
            )

    @wraps(register)
    def register_scalable_target(
        backend: Any, namespace: str, r_id: str, *rest: Any, **more: Any
    ) -> Any:
        if namespace == _SAGEMAKER and not _has_variant(backend, r_id):
            raise AWSValidationException(f"The resource {r_id} does not exist.")
        return register(backend, namespace, r_id, *rest, **more)

    @wraps(deregister)
    def deregister_scalable_target(backend: Any, namespace: str, r_id: str, dimension: str) -> None:
        check_registered(backend, namespace, r_id, dimension)
        for key, policy in list(backend.policies.items()):
            if (policy.resource_id, policy.scalable_dimension) == (r_id, dimension):
                del backend.policies[key]
        deregister(backend, namespace, r_id, dimension)

    @wraps(put)
    def put_scaling_policy(backend: Any, **given: Any) -> Any:
        check_registered(
            backend, given["service_namespace"], given["resource_id"], given["scalable_dimension"]
        )
        return put(backend, **given)

    Backend.register_scalable_target = register_scalable_target
    Backend.deregister_scalable_target = deregister_scalable_target
    Backend.put_scaling_policy = put_scaling_policy


def _has_variant(backend: Any, resource: str) -> bool:
    """Whether there is the variant that ``endpoint/NAME/variant/NAME`` names."""
    from moto.sagemaker.models import sagemaker_backends

    _, endpoint, _, variant = resource.split("/")
    found = sagemaker_backends[backend.account_id][backend.region_name].endpoints.get(endpoint)
    return found is not None and variant in found.variant_names
