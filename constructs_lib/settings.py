"""The app's settings: the context of ``cdk.json`` or ``cdk --context``, validated."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from constructs_lib.errors import ReleaseError
from constructs_lib.fields.json_texts import UnreadableJsonError, members_once, read_json
from constructs_lib.fields.regions import HomeRegion, OwnRegionNames
from constructs_lib.fields.rules import did_you_mean, field_names, message_of, shown
from constructs_lib.fields.setting_types import (
    AccountId,
    AppName,
    ApprovalStatus,
    CidrRange,
    Email,
    GitHubId,
    KeyArn,
    LogRetentionDays,
    PrefixListId,
    Repository,
    S3Prefix,
    SecurityGroupId,
    ServiceName,
    SubnetId,
    TagValue,
    UnpatchedContainers,
    VpcId,
    ZoneName,
    without_repetition,
)
from constructs_lib.regions import DEFAULT_HOME_REGION, EARLIER_NAMES, RegionCode, RegionNames
from constructs_lib.service_model.schedules import expression_problem, timezone_problem
from constructs_lib.suggestions import suggestion

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CONTEXT_KEY: Final = "model-release"
ENVIRONMENT_KEY: Final = "environment"
"""Context key: ``cdk deploy -c environment=dev`` deploys with that environment's settings."""

_ZONES: Final = 2
_OF_THE_APPS_OWN_VPC: Final = {
    "interface_endpoints": "are created in the app's own VPC only: leave them out, and create them"
    " in the existing VPC",
    "availability_zones": "are those of the app's own VPC: leave them out, and name subnets in the"
    " right zones in existing_vpc",
}
"""Why there is no such setting beside an existing VPC."""


class SettingsError(ReleaseError):
    """The app's settings in ``cdk.json`` are wrong; lists every problem."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _refuse(value: str, problem: str | None) -> str:
    if problem is not None:
        raise ValueError(problem)
    return value


class ExistingVpc(_Section):
    """A VPC that the app uses instead of creating one; nothing in it is changed."""

    vpc_id: VpcId
    """The VPC."""
    # The service model: Subnets of VpcConfig and of RecommendationJobVpcConfig.
    subnet_ids: tuple[SubnetId, ...] = Field(min_length=1, max_length=16)
    """Subnets for the jobs, with a route to Amazon S3 (a gateway endpoint is enough)."""
    security_group_id: SecurityGroupId | None = None
    """Security group of the jobs, and of the endpoints of load tests; created in the VPC when
    absent."""
    subnet_cidrs: tuple[CidrRange, ...] = ()
    """IPv4 ranges of the subnets; needed for pipelines with ``load_test_in_aws`` when the security
    group is created."""


class Schedule(_Section):
    """When a pipeline is executed without being asked."""

    expression: str
    """As Amazon EventBridge Scheduler takes it: ``rate(7 days)``, ``cron(0 6 ? * MON *)``, or once:
    ``at(2026-11-20T13:00:00)``."""
    timezone: str = "UTC"
    """Name in the IANA time zone database, for example ``Europe/Berlin``."""
    parameters: dict[str, str] = {}
    """Pipeline parameters of these executions."""

    @field_validator("expression")
    @classmethod
    def _is_taken_by_the_scheduler(cls, value: str) -> str:
        return _refuse(value, expression_problem(value))

    @field_validator("timezone")
    @classmethod
    def _is_a_known_zone(cls, value: str) -> str:
        return _refuse(value, timezone_problem(value))


class PipelineOperations(_Section):
    """What runs around one pipeline; nothing unless asked for."""

    start_on_upload: bool = False
    """Whether a new ``incoming/<pipeline>/…/model.tar.gz`` starts an execution."""
    schedule: Schedule | None = None
    """When it is executed without being asked."""
    monitoring: bool = False
    """Whether there are a dashboard and alarms."""


class Notifications(_Section):
    """Who is told of failed executions and of model packages to approve."""

    emails: tuple[Email, ...] = ()
    """Each address confirms its subscription once. Others subscribe to the topic themselves."""

    @field_validator("emails")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return without_repetition(value, "an address")


class Delivery(_Section):
    """The GitHub repository whose workflows compare and deploy the app."""

    repository: Repository
    """``owner/name``."""
    owner_id: GitHubId | None = None
    """GitHub's number of the owner; needed together with ``repository_id`` where GitHub writes both
    into its tokens, as it does for repositories created or renamed since 2026-07-15."""
    repository_id: GitHubId | None = None
    """GitHub's number of the repository."""
    existing_provider: bool = False
    """Whether the account has GitHub's identity provider already: it can have one only."""

    @model_validator(mode="after")
    def _both_ids_or_none(self) -> Self:
        if (self.owner_id is None) != (self.repository_id is None):
            raise ValueError(
                "owner_id and repository_id belong together: GitHub's tokens hold both or none."
                f" Ask for them: gh api repos/{self.repository} --jq '.owner.id, .id'"
            )
        return self

    @property
    def subject(self) -> str:
        """What the subject of the tokens of the repository's jobs begins with.

        Source: GitHub Changelog, 2026-04-23, on immutable subject claims of OpenID Connect tokens.
        """
        if self.owner_id is None:
            return f"repo:{self.repository}"
        owner, name = self.repository.split("/")
        return f"repo:{owner}@{self.owner_id}/{name}@{self.repository_id}"


class Settings(_Section):
    """Everything about a deployment that is not a model's own config."""

    app_name: AppName = "model-release"
    """Prefix of stack names and of the few resources that need a fixed name."""
    account: AccountId | None = None
    """AWS account id; absent: the templates work in any account."""
    home_region: HomeRegion = DEFAULT_HOME_REGION
    """AWS region of the pipelines, their jobs and their models."""
    regions: OwnRegionNames = {}
    """Names of further AWS regions, beside ``NA``, ``EU`` and ``FE``."""
    pipelines_dir: Path = Path("pipelines")
    """Folder with one folder per pipeline, relative to the app."""
    existing_vpc: ExistingVpc | None = None
    """A VPC to use; absent: the app creates one without a route to the internet."""
    availability_zones: tuple[ZoneName, ...] = ()
    """The two zones of the app's own VPC, by name; absent: in us-east-1, eu-west-1 and us-west-2
    ``a`` and ``b``, elsewhere the first two that CloudFormation finds in the account. Old accounts
    have zones without machine learning instances, such as ``use1-az3``."""
    s3_prefix_list: PrefixListId | None = None
    """The AWS-managed prefix list of Amazon S3 in the home region, if the app does not know it."""
    interface_endpoints: tuple[ServiceName, ...] = ()
    """AWS services that a user's own training script calls, for example ``logs`` or ``sts``; needs
    ``enable_network_isolation`` false in its section. The app's own jobs need Amazon S3 only, whose
    gateway endpoint is always there and free of charge."""
    additional_s3_prefixes: tuple[S3Prefix, ...] = ()
    """Where else the pipelines may read and write, for executions that override
    ``PIPELINE_EXECUTION_TEMP_DIR`` or ``ModelS3Uri``."""
    additional_key_arns: tuple[KeyArn, ...] = ()
    """KMS keys that the pipelines may use beside the app's, for executions that override
    ``KMS_ENCRYPTION_KEY_PARAM`` and for models or data under a key of their own."""
    additional_subnet_ids: tuple[SubnetId, ...] = ()
    """Subnets in which the pipelines' jobs and models may run beside the app's, for executions that
    override ``VPC_SUBNET``. SageMaker starts them in no other."""
    additional_security_group_ids: tuple[SecurityGroupId, ...] = ()
    """Security groups that the pipelines' jobs and models may have beside the app's, for executions
    that override ``SECURITY_GROUP_ID``."""
    retain_data: bool = True
    """Whether buckets, keys and model package groups outlive ``cdk destroy``. CloudFormation
    deletes neither a bucket with objects nor a group with versions."""
    log_retention_days: LogRetentionDays = 90
    """How long the logs of the app's functions and of its network are kept. Log groups of SageMaker
    jobs are SageMaker's own, shared by all jobs of the account, and keep theirs for ever."""
    termination_protection: bool = False
    """Whether CloudFormation refuses to delete the stacks until this is taken back."""
    model_approval_status: ApprovalStatus = "PendingManualApproval"
    """Status of new model package versions, unless an execution gives another. Only where this is
    ``Approved`` may an execution register an approved version."""
    unpatched_containers: UnpatchedContainers = "warn"
    """What is done about pipelines whose containers AWS patches no more: with ``refuse``, ``cdk
    synth`` and ``release validate`` fail. A warning comes half a year before in any case."""
    environment: TagValue | None = None
    """Name of the environment that was chosen; tags its resources."""
    owner: TagValue | None = None
    """Who pays or answers for the resources; tags them."""
    pipelines: dict[str, PipelineOperations] = {}
    """Triggers and monitoring per pipeline, by the name of its folder."""
    notifications: Notifications | None = None
    """Absent: there is no topic, and nobody is told."""
    delivery: Delivery | None = None
    """Absent: there are no roles for GitHub Actions. Needs an environment."""

    @field_validator("availability_zones")
    @classmethod
    def _two_zones_of_the_home_region(
        cls, value: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        region = info.data.get("home_region")
        if value and (len(value) != _ZONES or len(set(value)) < _ZONES):
            raise ValueError(f"names {len(value)} zones; the VPC has two different ones")
        if region and not all(zone.startswith(region) for zone in value):
            raise ValueError(f"names zones of another region than home_region, {region}")
        return value

    @field_validator("interface_endpoints")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return without_repetition(value, "a service")

    @model_validator(mode="after")
    def _describes_one_vpc(self) -> Self:
        for name, problem in _OF_THE_APPS_OWN_VPC.items():
            if self.existing_vpc and getattr(self, name):
                raise ValueError(f"{name} {problem}")
        return self

    @model_validator(mode="after")
    def _deliveries_have_an_environment(self) -> Self:
        if self.delivery and self.environment is None:
            raise ValueError(
                "delivery is for an environment: move it into one under environments, and choose"
                " that with -c environment=NAME"
            )
        return self

    @property
    def region_names(self) -> RegionNames:
        """What regions are called."""
        return RegionNames(self.regions)

    @property
    def home_code(self) -> RegionCode:
        """What the home region is called."""
        return self.region_names.of(self.home_region)

    @property
    def vpc_zones(self) -> tuple[str, ...]:
        """The zones of the app's own VPC; none: the first two that the account has."""
        known = tuple(f"{self.home_region}{letter}" for letter in "ab")
        return self.availability_zones or (known if self.home_code in EARLIER_NAMES else ())

    def registry_bucket_name(self, account: str, region: str) -> str:
        """Name the bucket of registered artifacts, so that stacks agree on it without references.

        Args:
            account: AWS account id or CDK token.
            region: AWS region.
        """
        return f"{self.app_name}-registry-{account}-{region}"

    def refuse_unknown_pipelines(self, folders: Collection[str]) -> None:
        """Refuse triggers and monitoring of a pipeline that there is not: nothing would run.

        Raises:
            SettingsError: Names the first one, and what the folders of pipelines are called.
        """
        for name in self.pipelines:
            if name not in folders:
                raise SettingsError(
                    f"There is no pipeline {name!r}, which context.{CONTEXT_KEY}.pipelines in"
                    f" cdk.json names; its keys are names of folders.{suggestion(name, folders)}"
                )

    def operations(self, folder: str) -> PipelineOperations:
        """Return what runs around the pipeline of a folder."""
        return self.pipelines.get(folder, PipelineOperations())

    @property
    def topic_name(self) -> str:
        """Name of the topic of notifications, so that stacks agree on it without references."""
        return f"{self.app_name}-notifications"

    @property
    def registry_key_alias(self) -> str:
        """Alias of the KMS key of the bucket of registered artifacts, in every region."""
        return f"alias/{self.app_name}-registry"

    @classmethod
    def from_context(cls, get: Callable[[str], Any]) -> Settings:
        """Read the settings from the CDK context, the account also from the CDK CLI.

        Args:
            get: ``app.node.try_get_context``.

        Raises:
            SettingsError: Lists every wrong value.
        """
        given = _given(get)
        environments = given.pop("environments", {})
        chosen = get(ENVIRONMENT_KEY)
        without = cls._validated(given, "") if chosen is None else None
        # All of them: a mistake in another one shows before the day that one is deployed.
        settings = {
            name: cls._validated(
                {**given, **values, ENVIRONMENT_KEY: name}, f".environments.{name}"
            )
            for name, values in _environments(environments).items()
        }
        _refuse_collisions(settings)
        if without is not None:
            return without
        if not isinstance(chosen, str) or chosen not in settings:
            raise SettingsError(
                f"There is no environment {chosen!r} under context.{CONTEXT_KEY}.environments in"
                f" cdk.json. Defined are: {', '.join(settings) or 'none'}."
            )
        return settings[chosen]

    @classmethod
    def _validated(cls, given: dict[str, Any], where: str) -> Settings:
        try:
            return cls.model_validate({"account": os.environ.get("CDK_DEFAULT_ACCOUNT"), **given})
        except ValidationError as error:
            title = f"Settings under context.{CONTEXT_KEY}{where} in cdk.json are wrong:"
            problems = [f"  {_problem(each)}" for each in error.errors()]
            raise SettingsError("\n".join([title, *problems, *_allowed(error)])) from error


def _problem(error: ErrorDetails) -> str:
    message, place = message_of(error), ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        *parents, name = error["loc"]
        message += did_you_mean(str(name), _names(parents))
    if not place:
        return message  # of several settings: it names them
    got = "" if error["type"] == "missing" else f" (got {shown(error['input'])})"
    return f"{place}: {message}{got}"


def _allowed(error: ValidationError) -> Iterable[str]:
    """List what there is in each section that holds an unknown name."""
    unknown = [each["loc"] for each in error.errors() if each["type"] == "extra_forbidden"]
    for parents in dict.fromkeys(place[:-1] for place in unknown):
        section = f" in {'.'.join(map(str, parents))}" if parents else ""
        yield f"Allowed settings{section}: {', '.join(_names(parents))}."


def _names(parents: Collection[str | int]) -> list[str]:
    return [*field_names(Settings, parents), *(() if parents else ("environments",))]


def read_context(file: Path) -> dict[str, Any]:
    """Read the CDK context of ``cdk.json``.

    Raises:
        SettingsError: There is no such file, it is not JSON, or it holds no context.
    """
    try:
        document = read_json(file.read_bytes(), object_pairs_hook=members_once)
    except OSError as error:
        raise SettingsError(f"Cannot read {file}: {error.strerror}.") from error
    except UnreadableJsonError as error:
        raise SettingsError(f"{file} {error}.") from error
    context = document.get("context") if isinstance(document, dict) else None
    if not isinstance(context, dict):
        raise SettingsError(
            f'{file} has no "context" that is an object: the app\'s settings go into its'
            f' "{CONTEXT_KEY}".'
        )
    return context


def _given(get: Callable[[str], Any]) -> dict[str, Any]:
    given = get(CONTEXT_KEY) or {}
    if isinstance(given, str):  # cdk --context model-release='{"app_name": "x"}'
        try:
            given = read_json(given, object_pairs_hook=members_once)
        except UnreadableJsonError as error:
            raise SettingsError(f"Context '{CONTEXT_KEY}' {error}. Got {shown(given)}.") from error
    if not isinstance(given, dict):
        raise SettingsError(f"Context '{CONTEXT_KEY}' is an object of settings, got {given!r}.")
    return dict(given)


def _environments(given: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        raise SettingsError(
            f"context.{CONTEXT_KEY}.environments in cdk.json is an object of settings per name,"
            f" got {given!r}."
        )
    for name, values in given.items():
        if not values.get("account"):
            raise SettingsError(
                f"The environment {name!r} under context.{CONTEXT_KEY}.environments in cdk.json"
                ' names no account: add its 12-digit AWS account id as "account".'
            )
    return given


def _refuse_collisions(environments: dict[str, Settings]) -> None:
    """Refuse two environments that would be the same stacks."""
    seen: dict[tuple[str | None, str], str] = {}
    for name, settings in environments.items():
        other = seen.setdefault((settings.account, settings.app_name), name)
        if other != name:
            raise SettingsError(
                f"The environments {other!r} and {name!r} share the account {settings.account}"
                f" and the app_name {settings.app_name!r}: they would be the same stacks. Give"
                " one of them another account or app_name."
            )
