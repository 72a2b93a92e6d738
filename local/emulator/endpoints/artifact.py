"""What a model's container consists of, read by Amazon SageMaker with the model's execution role.

Sources: CreateModel and "How to use SageMaker AI execution roles" in the SageMaker developer guide:
the role pulls the image and reads the artifact, through the model's VPC if it has one.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.aws.handle import AccessKey, AwsHandle
from constructs_lib.jobs.common.limits import Limits
from constructs_lib.jobs.verify_model.findings import RefusedModelError
from constructs_lib.jobs.verify_model.layout import lay_out
from constructs_lib.language.service_calls import On
from constructs_lib.language.step_calls import StepCalls
from local.emulator.authorization.identities import CallerIdentity
from local.emulator.authorization.sessions import NotTrustedError, ServiceCaller, Sessions
from local.emulator.authorization.uses import Use
from local.emulator.clients import Clients
from local.emulator.endpoints.capture import DataCapture
from local.emulator.endpoints.fleet import ServedFiles, new_folder
from local.emulator.endpoints.words import CannotServeError, log_group_of, unhealthy, unreadable
from local.emulator.monitoring.log_streams import LogStream

_SERVICE: Final = "sagemaker.amazonaws.com"
_OF_THE_IMAGE: Final = frozenset({On.REGISTRY, On.IMAGE})
_OF_THE_NETWORK: Final = frozenset({On.NETWORK, On.NETWORK_INTERFACE})


@dataclass(frozen=True, kw_only=True)
class ContainerModel:
    """A model as an endpoint runs it: that of one container."""

    name: str
    arn: str
    role_arn: str
    image: str
    artifact_uri: str
    environment: Mapping[str, str]
    is_isolated: bool
    subnet_ids: Sequence[str] = ()

    @property
    def region(self) -> str:
        """Where it is."""
        return self.arn.split(":")[3]

    @property
    def entry_point(self) -> str:
        """The module in ``code/`` that a toolkit's server imports."""
        return self.environment.get("SAGEMAKER_PROGRAM", "inference.py")


def container_model(backend: Any, name: str) -> ContainerModel:
    """Read a model as moto's backend keeps it.

    Raises:
        CannotServeError: It has no container, or several.
    """
    model = backend.describe_model(name)
    containers = [each for each in (model.primary_container, *model.containers) if each]
    if len(containers) != 1:
        raise CannotServeError(
            f"Model {name} has {len(containers)} containers: the embedded AWS runs models of one."
        )
    [own] = containers
    package = own.get("ModelPackageName")
    container = {**_of_package(backend, package), **own} if package else own
    return ContainerModel(
        name=name,
        arn=model.arn,
        role_arn=model.execution_role_arn,
        image=container.get("Image", ""),
        artifact_uri=_artifact_uri(container),
        environment=container.get("Environment") or {},
        is_isolated=model.enable_network_isolation,
        subnet_ids=(model.vpc_config or {}).get("Subnets", ()),
    )


def _of_package(backend: Any, arn: str) -> Mapping[str, Any]:
    package = backend.describe_model_package(arn)
    container: Mapping[str, Any] = package.inference_specification["Containers"][0]
    return container


def _artifact_uri(container: Mapping[str, Any]) -> str:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    uri: str = container.get("ModelDataUrl") or source.get("S3Uri") or ""
    return uri


@dataclass(frozen=True)
class ModelReader:
    """Gets what containers need, with the roles of their models."""

    clients: Clients
    sessions: Sessions

    def read(self, model: ContainerModel, variant: str, endpoint_name: str) -> ServedFiles:
        """Read and unpack the artifact of a model, for a variant of an endpoint.

        Raises:
            CannotServeError: Its role may not, or it is none that can be served here.
        """
        key, identity = self._assume_role(model)
        self._check_calls(model, identity)
        log = LogStream(
            group=log_group_of(endpoint_name),
            name=f"{variant}/i-{secrets.token_hex(8)}",
            region=model.region,
            identity=identity,
            decisions=self.sessions.decisions,
            makes_group=True,
        )
        with new_folder() as folder:
            files = ServedFiles(
                folder, model.environment, self._variables(model, key), model.is_isolated, log
            )
            self._unpack(model, key, files.model)
            _refuse_foreign_server(model, files.model, variant)
        return files

    def capture(
        self, model: ContainerModel, variant: str, endpoint_name: str, config: Mapping[str, Any]
    ) -> DataCapture:
        """Prepare the capture of what a variant is asked and answers, written with its role."""
        key, _ = self._assume_role(model)
        s3 = self.clients.client("s3", model.region, key)
        return DataCapture(s3, f"{endpoint_name}/{variant}", config)

    def _assume_role(self, model: ContainerModel) -> tuple[AccessKey, CallerIdentity]:
        caller = ServiceCaller(service=_SERVICE, region=model.region, source_arn=model.arn)
        try:
            return self.sessions.of_role(model.role_arn, caller, "SageMaker", model.subnet_ids)
        except NotTrustedError as error:
            raise CannotServeError(
                f"The execution role {model.role_arn} of model {model.name} cannot be assumed by"
                f" Amazon SageMaker: {error}"
            ) from error

    def _check_calls(self, model: ContainerModel, identity: CallerIdentity) -> None:
        """Ask whether the role may make the calls that nothing here has a use for."""
        for use in _calls(model, identity.account):
            denial = self.sessions.decisions.denial(identity, use, region=model.region)
            if denial is not None:
                raise CannotServeError(
                    f"The role of model {model.name} has no access that its container needs:"
                    f" {denial.message}"
                )

    def _variables(self, model: ContainerModel, key: AccessKey) -> dict[str, str]:
        if model.is_isolated:
            return {"AWS_REGION": model.region}
        return dict(AwsHandle(model.region, self.clients.endpoint_url, key).environment)

    def _unpack(self, model: ContainerModel, key: AccessKey, folder: Path) -> None:
        s3, archive = self.clients.client("s3", model.region, key), folder.with_name("model.tar.gz")
        bucket, _, name = model.artifact_uri.removeprefix("s3://").partition("/")
        folder.parent.mkdir(parents=True)
        try:
            body = s3.get_object(Bucket=bucket, Key=name)["Body"]
            with archive.open("wb") as file:
                shutil.copyfileobj(body, file)
            lay_out(archive, folder, Limits())
        except (BotoCoreError, ClientError) as error:
            raise unreadable(model.artifact_uri, str(error)) from error
        except RefusedModelError as error:
            raise unreadable(model.artifact_uri, f"It is no archive of a model: {error}") from error
        finally:
            archive.unlink(missing_ok=True)


def _calls(model: ContainerModel, account: str) -> Iterator[Use]:
    asked = _OF_THE_IMAGE | (_OF_THE_NETWORK if model.subnet_ids else frozenset())
    calls = StepCalls(
        step_type="Model",
        name=model.name,
        arguments={"PrimaryContainer": {"Image": model.image}},
        region=model.region,
        account=account,
        role_arn=model.role_arn,
    )
    for call in calls.calls():
        if call.on in asked:
            yield Use(call.action, call.resource, call.context)


def _refuse_foreign_server(model: ContainerModel, folder: Path, variant: str) -> None:
    """Refuse a container that does not call the functions of an entry point in ``code/``."""
    if (folder / "code" / model.entry_point).is_file():
        return
    raise unhealthy(
        variant,
        f"The archive has no code/{model.entry_point}: a container with a server of its own answers"
        f" by that, which is in its image only ({model.image}), and the embedded AWS runs none.",
    )
