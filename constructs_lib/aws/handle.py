"""One AWS as one caller sees it: the real one, or an embedded one on this machine.

AwsHandle("us-east-1", profile="dev").client("sagemaker")
AwsHandle("us-east-1", endpoint_url="http://localhost:5000", key=key).client("s3", "eu-west-1")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

_MAKING_CLIENTS: Final = Lock()
"""Clients are thread-safe, making them is not."""
_NO_OTHER_AWS: Final = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "localhost,127.0.0.1",
    "no_proxy": "localhost,127.0.0.1",
}


@dataclass(frozen=True)
class AccessKey:
    """Credentials of a caller of an embedded AWS: long-term ones, or those of a session."""

    id: str
    secret: str
    token: str | None = None


@dataclass(frozen=True)
class AwsHandle:
    """Makes the clients of one AWS, in one region unless another is asked for."""

    region: str
    endpoint_url: str | None = None
    """URL of an embedded AWS; None is the real one."""
    key: AccessKey | None = None
    """Who calls an embedded AWS. Callers of the real one have credentials of their own."""
    profile: str | None = None
    """A profile of the user's AWS configuration, for the real AWS; None is the default."""

    @property
    def is_embedded(self) -> bool:
        """Whether nothing that happens there costs or lasts."""
        return self.endpoint_url is not None

    def client(self, service: str, region: str | None = None, config: Config | None = None) -> Any:
        """Make a boto3 client.

        Args:
            service: Name of the service, as boto3 knows it.
            region: AWS region; by default that of the handle.
            config: What differs from boto3's defaults.

        Raises:
            BotoCoreError: There is no such profile.
        """
        with _MAKING_CLIENTS:
            session = _session_of_nobody() if self.is_embedded else _session_of(self.profile)
            return session.client(
                service,
                region_name=region or self.region,
                endpoint_url=self.endpoint_url,
                config=_config(config, is_embedded=self.is_embedded),
                **self._credentials(),
            )

    def _credentials(self) -> dict[str, str | None]:
        if self.key is None:
            return {}
        return {
            "aws_access_key_id": self.key.id,
            "aws_secret_access_key": self.key.secret,
            "aws_session_token": self.key.token,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make any AWS SDK talk to an embedded AWS and to no other.

        Put them over ``without_aws_variables(os.environ)``: a profile, or the endpoint of a single
        service, would win over them.
        """
        endpoint_url, key = self.endpoint_url or "", self.key or AccessKey("", "")
        token = {} if key.token is None else {"AWS_SESSION_TOKEN": key.token}
        return {
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_ACCESS_KEY_ID": key.id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            **token,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            **_NO_OTHER_AWS,
        }


def without_aws_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` without what selects an AWS account, region, profile or endpoint.

    What keeps the SDK from looking for another AWS is there instead.
    """
    others = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    return {**others, **_NO_OTHER_AWS}


def _config(config: Config | None, *, is_embedded: bool) -> Config | None:
    if not is_embedded:
        return config
    from botocore.config import Config

    # On this machine: no proxy leads there, and no name of a bucket is known to its resolver.
    local = Config(
        proxies={},
        s3={"addressing_style": "path"},
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
    )
    return local if config is None else local.merge(config)


@cache
def _session_of(profile: str | None) -> boto3.Session:
    import boto3

    return boto3.Session(profile_name=profile)


@cache
def _session_of_nobody() -> boto3.Session:
    """Make a session that reads neither the user's AWS configuration nor the profile chosen."""
    import boto3
    import botocore.session
    from botocore.configprovider import ConstantProvider

    session = botocore.session.Session()
    # A profile that is set has to exist, even where nothing of it is used.
    session.get_component("config_store").set_config_provider("profile", ConstantProvider(None))
    session.set_config_variable("config_file", os.devnull)
    session.set_config_variable("credentials_file", os.devnull)
    return boto3.Session(botocore_session=session)
