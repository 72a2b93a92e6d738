"""Starts the CDK's Node process, and lets it load the CDK, before Python has imported the CDK.

jsii, on which the CDK for Python runs, starts Node when ``aws_cdk`` is imported, and Python waits
while Node hashes and reads the CDK's packages. Here it does so beside Python's own imports, in a
thread that does nothing but wait.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_ASSEMBLIES: Final = {
    "constructs": "constructs",
    "@aws-cdk/asset-awscli-v1": "aws_cdk/asset_awscli_v1",
    "@aws-cdk/asset-node-proxy-agent-v6": "aws_cdk/asset_node_proxy_agent_v6",
    "@aws-cdk/cloud-assembly-schema": "aws_cdk/cloud_assembly_schema",
    "aws-cdk-lib": "aws_cdk",
}
"""Folders of the packages that hold the CDK's JavaScript, each after those that it needs."""
_USED: Final = (
    *("App", "Stack", "aws_ec2.Vpc", "aws_iam.Role", "aws_kms.Key", "aws_lambda.Function"),
    *("aws_logs.LogGroup", "aws_s3.Bucket", "aws_s3_assets.Asset"),
)
"""Classes that every app uses: Node reads their modules when it is first asked for one."""
_CONSTANT: Final = "PROPERTY_INJECTION_ID"
"""Of each of these classes."""

_threads: Final[list[threading.Thread]] = []


def load_beside() -> None:
    """Start Node and let it load the CDK; call :func:`wait` before anything imports the CDK."""
    thread = threading.Thread(target=_load, name="load-cdk", daemon=True)
    _threads.append(thread)
    thread.start()


def wait() -> None:
    """Wait until Node has loaded the CDK, if it was told to: jsii takes one message at a time."""
    while _threads:
        _threads.pop().join()


def _load() -> None:
    # Whatever fails here fails again when the CDK is imported, and is reported there.
    with suppress(AssertionError, AttributeError, ImportError, OSError, RuntimeError, ValueError):
        import jsii
        from jsii.errors import JSIIError

        with suppress(JSIIError):
            for name, package in _ASSEMBLIES.items():
                file = _tarball(package)
                version = file.name.removesuffix(".jsii.tgz").rpartition("@")[2]
                jsii.load(name, version, os.fspath(file))
            for name in _USED:
                stand_in = type(name, (), {"__jsii_type__": f"aws-cdk-lib.{name}"})
                jsii.sget(stand_in, _CONSTANT)


def _tarball(package: str) -> Path:
    top, *rest = package.split("/")
    spec = find_spec(top)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(top)
    folder = Path(spec.submodule_search_locations[0]).joinpath(*rest, "_jsii")
    (file,) = folder.glob("*.jsii.tgz")
    return file
