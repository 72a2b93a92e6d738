"""What moto leaves out when a model package is updated: its life cycle, its card, and the limits.

Source: UpdateModelPackage and ModelLifeCycle in the Amazon SageMaker API reference, and their
service model.
"""

from __future__ import annotations

from functools import wraps
from typing import Any, Final

from local.emulator.sagemaker.validation import check_request, request_of

_UPDATED: Final = ("ModelCard", "ModelLifeCycle", "SourceUri")
"""Of what moto drops of CreateModelPackage, and this project keeps."""
_METADATA: Final = "CustomerMetadataProperties"


def check_package_updates() -> None:
    """Refuse what the service model does not allow, and keep what moto drops."""
    from moto.sagemaker.responses import SageMakerResponse as Answers

    create, update = Answers.create_model_package, Answers.update_model_package

    @wraps(create)
    def create_model_package(response: Any) -> Any:
        given = request_of(response)
        names: tuple[str, ...] = (_METADATA, "ModelLifeCycle")
        members = {name: given[name] for name in names if name in given}
        check_request("CreateModelPackage", members)
        return create(response)

    @wraps(update)
    def update_model_package(response: Any) -> Any:
        request = request_of(response)
        check_request("UpdateModelPackage", request)
        package = response.sagemaker_backend.describe_model_package(request["ModelPackageArn"])
        _check_count(package, request)
        answer = update(response)
        for name in (each for each in _UPDATED if each in request):
            before = package.dropped_members.get(name)
            changed = request[name]
            if name == "ModelCard" and before is not None:
                changed = {**before, **changed}
            package.dropped_members[name] = changed
        return answer

    Answers.create_model_package = create_model_package
    Answers.update_model_package = update_model_package


def _check_count(package: Any, request: dict[str, Any]) -> None:
    from moto.sagemaker.exceptions import AWSValidationException

    from constructs_lib.service_model import max_length

    removed = set(request.get("CustomerMetadataPropertiesToRemove") or ())
    kept = {**(package.customer_metadata_properties or {}), **(request.get(_METADATA) or {})}
    count = len(kept.keys() - removed)
    if count > max_length("CustomerMetadataMap"):
        raise AWSValidationException(
            f"Model package {package.arn} would have {count} entries of {_METADATA};"
            f" {max_length('CustomerMetadataMap')} are allowed"
        )
