"""Corrections of moto 5.2.5: each function says which of its behaviours differs from AWS.

They are applied when the first request for a service arrives, so that only services in use are
imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial, wraps
from threading import Lock
from typing import Any, Final

from local.emulator.authorization.identities import administrator_arn
from local.emulator.s3_checksums import tell_checksums
from local.emulator.s3_writes import check_writes
from local.emulator.sagemaker.lineage import add_lineage
from local.emulator.sagemaker.load_tests import add_load_tests
from local.emulator.sagemaker.packages import check_package_updates
from local.emulator.sagemaker.scaling import install_scaling

# What CreateModelPackage accepts and DescribeModelPackage answers, but moto drops.
_DROPPED_PACKAGE_MEMBERS: Final = (
    "ModelCard",
    "ModelLifeCycle",
    "SecurityConfig",
    "SkipModelValidation",
    "SourceUri",
)
_PIPELINE_NAME: Final = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}"
"""The pattern of the service model."""
_OF_ENCRYPTION: Final = "SYMMETRIC_DEFAULT"
"""What KMS calls the kind of key that it makes unless it is told another."""


_registering: Final = Lock()
_last_versions: dict[tuple[str, str, str], int] = {}
"""The last version given in each model package group, by account, region and name."""


@cache
def apply_patches(service: str) -> None:
    """Correct moto's ``service``, named as moto names it; once more does nothing.

    Applied twice, a correction would call itself, and wait for its own lock for ever.
    """
    for patch in _PATCHES.get(service, ()):
        patch()


def _leave_bucket_policies_to_the_gate() -> None:
    """Moto decides on a bucket policy without looking at its conditions and principals."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    FakeBucket.get_permission = lambda _bucket, _action, _resource: PermissionResult.NEUTRAL


def _accept_access_logs_before_the_policy() -> None:
    """Moto turns access logs on only when the target's policy already allows their delivery.

    S3 accepts it; CloudFormation creates a bucket before its policy.
    """
    from moto.s3.models import FakeBucket

    FakeBucket._log_permissions_enabled_policy = staticmethod(
        lambda target_bucket, target_prefix: True  # noqa: ARG005  # moto passes them by name
    )


def _deliver_no_access_logs() -> None:
    """Moto writes an access log object at every request, so a log bucket is never empty.

    S3 delivers them hours later, which is never in the life of an embedded AWS.
    """
    from moto.s3.models import S3Backend

    S3Backend.log_incoming_request = lambda _backend, _request, _bucket_name: None


def _check_pipelines() -> None:
    """Moto accepts any text as name or definition of a pipeline, and never dates an update."""
    from moto.core.utils import utcnow
    from moto.sagemaker.models import SageMakerModelBackend as Backend

    create, update = Backend.create_pipeline, Backend.update_pipeline

    @wraps(create)
    def create_pipeline(backend: Any, **arguments: Any) -> Any:
        _check_pipeline_name(arguments["pipeline_name"])
        _check_definition(arguments["pipeline_definition"])
        return create(backend, **arguments)

    @wraps(update)
    def update_pipeline(backend: Any, **arguments: Any) -> Any:
        _check_definition(arguments["pipeline_definition"])
        arn = update(backend, **arguments)
        backend.pipelines[arguments["pipeline_name"]].last_modified_time = utcnow()
        return arn

    Backend.create_pipeline, Backend.update_pipeline = create_pipeline, update_pipeline


def _check_pipeline_name(name: str) -> None:
    from moto.sagemaker.exceptions import AWSValidationException

    if not re.fullmatch(_PIPELINE_NAME, name):
        raise AWSValidationException(
            f"1 validation error detected: Value '{name}' at 'pipelineName' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {_PIPELINE_NAME}"
        )


def _check_definition(body: str | None) -> None:
    from moto.sagemaker.exceptions import AWSValidationException

    if body is None:
        return
    try:
        definition = json.loads(body)
    except json.JSONDecodeError as error:
        raise AWSValidationException(f"Unable to parse pipeline definition: {error}") from error
    members = definition if isinstance(definition, dict) else {}
    missing = [name for name in ("Version", "Steps") if not members.get(name)]
    if missing:
        raise AWSValidationException(
            f"Unable to parse pipeline definition: {', '.join(missing)} is required"
        )


def _refuse_duplicate_groups() -> None:
    """Moto replaces an existing model package group of the same name by an empty one."""
    from moto.sagemaker.exceptions import AWSValidationException
    from moto.sagemaker.models import SageMakerModelBackend as Backend

    create = Backend.create_model_package_group

    @wraps(create)
    def create_model_package_group(backend: Any, **arguments: Any) -> Any:
        name = arguments["model_package_group_name"]
        if name in backend.model_package_groups:
            raise AWSValidationException(f"Model Package Group already exists: {name}")
        # What had its name is gone, in a process of tests with all of its AWS.
        _last_versions.pop((backend.account_id, backend.region_name, name), None)
        return create(backend, **arguments)

    Backend.create_model_package_group = create_model_package_group


def _number_packages_for_good() -> None:
    """Moto counts the packages of a group, and so gives a deleted package's version again."""
    from moto.sagemaker.models import ModelPackage

    initialize = ModelPackage.__init__

    @wraps(initialize)
    def initialize_numbered(package: Any, **arguments: Any) -> None:
        if arguments["model_package_version"] is not None:
            group = (
                arguments["account_id"],
                arguments["region_name"],
                arguments["model_package_group_name"],
            )
            _last_versions[group] = _last_versions.get(group, 0) + 1
            arguments["model_package_version"] = _last_versions[group]
        initialize(package, **arguments)

    ModelPackage.__init__ = initialize_numbered


def _keep_package_members() -> None:
    """Moto drops members of CreateModelPackage."""
    from moto.sagemaker.models import ModelPackage
    from moto.sagemaker.responses import SageMakerResponse

    create, describe = SageMakerResponse.create_model_package, ModelPackage.gen_response_object

    @wraps(create)
    def create_model_package(response: Any) -> Any:
        answer = create(response)
        package = response.sagemaker_backend.model_packages[answer.result["ModelPackageArn"]]
        given = {name: response._get_param(name) for name in _DROPPED_PACKAGE_MEMBERS}
        package.dropped_members = {
            name: value for name, value in given.items() if value is not None
        }
        return answer

    @wraps(describe)
    def gen_response_object(package: Any) -> Any:
        return {**describe(package), **package.dropped_members}

    SageMakerResponse.create_model_package = create_model_package
    ModelPackage.gen_response_object = gen_response_object


def _register_once_per_client_token() -> None:
    """Moto ignores the ClientToken of CreateModelPackage, which makes a repeated call harmless.

    What the service answers to a token that comes with other arguments is not documented; here it
    is the exception that the API lists for conflicts. A deleted package's token is forgotten.
    """
    from moto.core.responses import ActionResult
    from moto.sagemaker.exceptions import ConflictException
    from moto.sagemaker.responses import SageMakerResponse

    create = SageMakerResponse.create_model_package

    @wraps(create)
    def create_model_package(response: Any) -> Any:
        token, packages = (
            response._get_param("ClientToken"),
            response.sagemaker_backend.model_packages,
        )
        with _registering:
            for arn, package in packages.items() if token else ():
                if package.client_token != token:
                    continue
                if package.request != response.body:
                    raise ConflictException(f"The ClientToken {token} was used for {arn}.")
                return ActionResult({"ModelPackageArn": arn})
            answer = create(response)
            package = packages[answer.result["ModelPackageArn"]]
            package.client_token, package.request = token, response.body
            return answer

    SageMakerResponse.create_model_package = create_model_package


def _describe_network_isolation() -> None:
    """Moto drops EnableNetworkIsolation of models, and of training jobs in DescribeTrainingJob."""
    from moto.sagemaker.models import FakeTrainingJob, Model
    from moto.sagemaker.responses import SageMakerResponse

    create = SageMakerResponse.create_model

    @wraps(create)
    def create_model(response: Any) -> Any:
        answer = create(response)
        model = response.sagemaker_backend.describe_model(response._get_param("ModelName"))
        model.enable_network_isolation = response._get_param("EnableNetworkIsolation") is True
        return answer

    SageMakerResponse.create_model = create_model
    for kind in (FakeTrainingJob, Model):
        kind.response_object = _with_network_isolation(kind.response_object)


def _with_network_isolation(response_object: Any) -> property:
    def describe(described: Any) -> Any:
        isolated = described.enable_network_isolation
        return {**response_object.fget(described), "EnableNetworkIsolation": isolated}

    return property(describe)


def _let_executions_last() -> None:
    """Moto starts pipeline executions as succeeded; here they last until the runner ends them."""
    from moto.sagemaker.models import FakePipelineExecution

    initialize = FakePipelineExecution.__init__

    @wraps(initialize)
    def start(execution: Any, *arguments: Any, **named: Any) -> None:
        initialize(execution, *arguments, **named)
        execution.pipeline_execution_status = "Executing"

    FakePipelineExecution.__init__ = start


def _update_only_given_package_members() -> None:
    """Moto's UpdateModelPackage resets status, description and metadata that are not sent."""
    from moto.sagemaker.models import SageMakerModelBackend as Backend

    update = Backend.update_model_package

    @wraps(update)
    def update_model_package(backend: Any, **arguments: Any) -> Any:
        package = backend.describe_model_package(arguments["model_package_arn"])
        for name in ("model_approval_status", "approval_description"):
            if arguments[name] is None:
                arguments[name] = getattr(package, name)
        arguments["customer_metadata_properties"] = {
            **(package.customer_metadata_properties or {}),
            **(arguments["customer_metadata_properties"] or {}),
        }
        return update(backend, **arguments)

    Backend.update_model_package = update_model_package


def _add_package_deletion() -> None:
    """Moto has neither DeleteModelPackage nor DeleteModelPackageGroup; a group must be empty."""
    from moto.core.responses import EmptyResult
    from moto.sagemaker.exceptions import AWSValidationException
    from moto.sagemaker.responses import SageMakerResponse

    def delete_model_package(response: Any) -> Any:
        backend = response.sagemaker_backend
        package = backend.describe_model_package(response._get_param("ModelPackageName"))
        del backend.model_packages[package.arn]
        return EmptyResult()

    def delete_model_package_group(response: Any) -> Any:
        backend, name = response.sagemaker_backend, response._get_param("ModelPackageGroupName")
        group = backend.describe_model_package_group(name)
        packages = backend.model_packages.values()
        if any(package.model_package_group_name == name for package in packages):
            raise AWSValidationException(
                f"Model Package Group {group.arn} cannot be deleted because it still contains "
                f"model packages"
            )
        del backend.model_package_groups[name]
        _last_versions.pop((backend.account_id, backend.region_name, name), None)
        return EmptyResult()

    SageMakerResponse.delete_model_package = delete_model_package
    SageMakerResponse.delete_model_package_group = delete_model_package_group


def _answer_iam_requests_one_by_one() -> None:
    """Moto's IAM walks through all policies while another thread adds one, and fails."""
    from moto.iam.responses import IamResponse

    call, lock = IamResponse.call_action, Lock()

    @wraps(call)
    def call_action(response: Any) -> Any:
        with lock:
            return call(response)

    IamResponse.call_action = call_action


class _LatePrivateKey:
    """A private key that is made once it is asked for something."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Any:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # as asked of a copy that has nothing yet: it is none of a key
            raise AttributeError(name)
        return getattr(self._made, name)


def _make_no_private_keys_for_encryption() -> None:
    """Moto makes a private key with every key: 20 ms of a processor, for none that encrypts."""
    from moto.kms import models

    generate = models.generate_private_key

    def generate_private_key(key_spec: str) -> Any:
        make = partial(generate, key_spec)
        return _LatePrivateKey(make) if key_spec == _OF_ENCRYPTION else make()

    models.generate_private_key = generate_private_key


def _keep_queue_policies() -> None:
    """Moto's SetQueueAttributes removes the policy of a queue when other attributes are set."""
    from moto.sqs.models import Queue

    set_attributes = Queue._set_attributes

    @wraps(set_attributes)
    def keep_policy(queue: Any, attributes: dict[str, Any], *arguments: Any) -> Any:
        kept = getattr(queue, "policy", None)
        set_attributes(queue, attributes, *arguments)
        if "Policy" not in attributes and kept is not None:
            queue.policy = kept

    Queue._set_attributes = keep_policy


def _name_the_administrator() -> None:
    """Moto names whoever calls without a session or a user of its own after itself."""
    from moto.sts.models import STSBackend

    find = STSBackend.get_caller_identity

    @wraps(find)
    def get_caller_identity(backend: Any, *arguments: Any, **named: Any) -> tuple[str, str, str]:
        user_id, arn, account = find(backend, *arguments, **named)
        if arn.endswith(":user/moto"):
            arn = administrator_arn(account)
        return user_id, arn, account

    STSBackend.get_caller_identity = get_caller_identity


_PATCHES: Final[Mapping[str, tuple[Callable[[], None], ...]]] = {
    "applicationautoscaling": (install_scaling,),
    "iam": (_answer_iam_requests_one_by_one,),
    "kms": (_make_no_private_keys_for_encryption,),
    "s3": (
        _leave_bucket_policies_to_the_gate,
        _accept_access_logs_before_the_policy,
        _deliver_no_access_logs,
        check_writes,
        tell_checksums,
    ),
    "sagemaker": (
        _check_pipelines,
        _refuse_duplicate_groups,
        _number_packages_for_good,
        _keep_package_members,
        _register_once_per_client_token,
        _describe_network_isolation,
        _let_executions_last,
        _update_only_given_package_members,
        _add_package_deletion,
        check_package_updates,
        add_load_tests,
        add_lineage,
    ),
    "sqs": (_keep_queue_policies,),
    "sts": (_name_the_administrator,),
}
