"""Which version each region serves, out of what its endpoint, its model and its package tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

from constructs_lib.aws.registry import ModelPackage, describe_version
from constructs_lib.endpoints.workflow import AwsClients, EndpointRegion, Workflow

_ABSENT: Final = "none"
_MISSING: Final = ("Could not find", "does not exist")
_SETTLED: Final = frozenset(
    {_ABSENT, "InService", "Failed", "OutOfService", "UpdateRollbackFailed"}
)


@dataclass(frozen=True, kw_only=True)
class ServedState:
    """The endpoint of one region."""

    pipeline: str
    endpoint: str
    region_code: str
    aws_region: str
    wave: int
    status: str
    """SageMaker's word, or ``none`` where there is no endpoint."""
    version: int | None = None
    """In the region's group; None where a person configured something else."""
    approval_status: str | None = None
    content: str | None = None
    """SHA-256 of the packaged model."""
    since: str | None = None
    """When the version began to serve, ISO 8601."""
    endpoint_config_name: str | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    desired_count: int | None = None
    failure_reason: str | None = None
    changed_by_hand: bool = False
    """Whether its configuration is another than the one recorded as serving."""
    differs: bool = False
    """Whether most regions serve another version."""

    @property
    def exists(self) -> bool:
        """Whether there is an endpoint."""
        return self.status != _ABSENT

    @property
    def is_settled(self) -> bool:
        """Whether nothing is about to change by itself."""
        return self.status in _SETTLED

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return asdict(self)


def read_states(clients: AwsClients, workflow: Workflow) -> list[ServedState]:
    """Read the endpoints of a pipeline, in the order of its waves.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    with ThreadPoolExecutor(len(workflow.regions)) as regions:
        return _compared(regions.map(partial(_read, clients, workflow), workflow.regions))


def _read(clients: AwsClients, workflow: Workflow, region: EndpointRegion) -> ServedState:
    sagemaker = clients.client("sagemaker", region.aws_region)
    state = ServedState(
        pipeline=workflow.pipeline,
        endpoint=workflow.endpoint,
        region_code=region.code,
        aws_region=region.aws_region,
        wave=region.wave,
        status=_ABSENT,
    )
    endpoint = _found(sagemaker, sagemaker.describe_endpoint, EndpointName=workflow.endpoint)
    if endpoint is None:
        return state
    config_name = endpoint.get("EndpointConfigName")
    config = config_name and _found(
        sagemaker, sagemaker.describe_endpoint_config, EndpointConfigName=config_name
    )
    variant = (config or {}).get("ProductionVariants", [{}])[0]
    running = (endpoint.get("ProductionVariants") or [{}])[0]
    state = replace(
        state,
        status=endpoint["EndpointStatus"],
        endpoint_config_name=config_name,
        instance_type=variant.get("InstanceType"),
        instance_count=running.get("CurrentInstanceCount"),
        desired_count=running.get("DesiredInstanceCount"),
        failure_reason=endpoint.get("FailureReason") or None,
    )
    package = _package(sagemaker, variant.get("ModelName"))
    # While it changes, what is recorded is not yet what serves.
    by_hand = state.is_settled and not _is_recorded(package, region, config_name)
    return replace(state, **_of_package(package, region), changed_by_hand=by_hand)


def _package(sagemaker: Any, model_name: str | None) -> ModelPackage | None:
    """Return the version that a model was made of; None for a model of something else."""
    if model_name is None:
        return None
    model = _found(sagemaker, sagemaker.describe_model, ModelName=model_name) or {}
    containers = [model.get("PrimaryContainer") or {}, *(model.get("Containers") or [])]
    arns = [each["ModelPackageName"] for each in containers if each.get("ModelPackageName")]
    return describe_version(sagemaker, arns[0]) if arns else None


def _of_package(package: ModelPackage | None, region: EndpointRegion) -> dict[str, Any]:
    if package is None or package.group != region.group:
        return {}
    return {
        "version": package.version,
        "approval_status": package.approval_status,
        "content": package.artifact_sha256,
        "since": package.metadata.get("served_since"),
    }


def _is_recorded(
    package: ModelPackage | None, region: EndpointRegion, config_name: str | None
) -> bool:
    if package is None or package.group != region.group:
        return False
    metadata = package.metadata
    if metadata.get("deploying_with") == config_name:
        return True  # by a deployment that did not come to its end
    return metadata.get("served_with") == config_name and "served_until" not in metadata


def _found(sagemaker: Any, call: Any, **arguments: str) -> dict[str, Any] | None:
    """Describe something; None when it is not there."""
    try:
        found: dict[str, Any] = call(**arguments)
    except sagemaker.exceptions.ClientError as error:
        if any(words in error.response["Error"]["Message"] for words in _MISSING):
            return None
        raise
    return found


def _compared(states: Iterable[ServedState]) -> list[ServedState]:
    """Note which regions serve something else than most of them."""
    found = list(states)
    counts = Counter(each.content for each in found if each.exists)
    if not counts:
        return found
    usual = counts.most_common(1)[0][0]
    return [replace(each, differs=_is_other(each, usual)) for each in found]


def _is_other(state: ServedState, usual: str | None) -> bool:
    return not state.exists or state.content != usual
